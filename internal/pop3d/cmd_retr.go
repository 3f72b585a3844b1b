package pop3d

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"yubin/internal/talk"
)

func (v *visit) retr(_ context.Context, n []int, _ string) error {
	i := n[0]
	reply := func(octets int64) string { return fmt.Sprintf("+OK %d octets", octets) }
	return v.give(i, reply, math.MaxInt, func(sent int64) {
		v.retrs++
		v.retrOctets += sent
		v.retrieved[i] = true
	})
}

func (v *visit) top(_ context.Context, n []int, _ string) error {
	return v.give(n[0], func(int64) string { return "+OK" }, n[1], func(sent int64) {
		v.tops++
		v.topOctets += sent
	})
}

// give sends a message: its header and so many lines of its body.
func (v *visit) give(i int, say func(octets int64) string, lines int, sent func(int64)) error {
	c, octets, err := v.drop.open(i)
	if errors.Is(err, errGone) {
		return v.Printf("-ERR Message %d is no longer there.\r\n", i+1)
	}
	if err != nil {
		v.complain("message %d: %v", i+1, err)
		return v.Printf("-ERR [SYS/TEMP] Message %d cannot be read now.\r\n", i+1)
	}
	defer c.Close()
	reply := say(octets)
	if err := v.Printf("%s\r\n", reply); err != nil {
		return err
	}
	d := &dots{to: v.Conn, lines: lines, start: true, header: true}
	b := talk.Buffers.Get().(*[32 << 10]byte)
	defer talk.Buffers.Put(b)
	for !d.full {
		n, err := c.Read(b[:])
		if err := d.put(b[:n]); err != nil {
			return errors.Join(errBroken, err)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			// An end that looks like one would make half a message a whole one.
			v.complain("message %d: %v", i+1, err)
			return errBroken
		}
	}
	if err := d.end(); err != nil {
		return errors.Join(errBroken, err)
	}
	sent(int64(len(reply)+2) + d.octets) // Dovecot's logs count so
	return nil
}
