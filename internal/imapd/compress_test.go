package imapd

import (
	"bufio"
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// deflated is a client's side of a compressed connection.
type deflated struct {
	net.Conn
	w   *flate.Writer
	out bytes.Buffer
}

func (d *deflated) Write(p []byte) (int, error) {
	d.out.Reset()
	if _, err := d.w.Write(p); err != nil {
		return 0, err
	}
	if err := d.w.Flush(); err != nil {
		return 0, err
	}
	_, err := d.Conn.Write(d.out.Bytes())
	return len(p), err
}

// compress has the client compress.
func (u *user) compress() {
	u.t.Helper()
	u.play("C: z COMPRESS DEFLATE\nS: z OK DEFLATE active.")
	d := &deflated{Conn: u.c}
	d.w, _ = flate.NewWriter(&d.out, flate.BestCompression)
	u.strict = newUser(u.t, u.c).strict
	u.in = bufio.NewReader(io.TeeReader(flate.NewReader(u.c), u.strict))
	u.c = d
}

// All that is said works compressed as well, and COMPRESS is for once.
func TestCompress(t *testing.T) {
	t.Parallel()
	for _, d := range dialogues {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.deliver("", "1.h", letter)
			r.deliver("", "2.h", "Subject: two\n\nthree\n")
			u := r.connect()
			u.play("C: y COMPRESS LZW\nS: y BAD Unknown compression mechanism\nC: y NOOP\nS: y OK ...")
			u.compress()
			u.play("C: y COMPRESS DEFLATE\nS: y BAD COMPRESS is active already")
			u.play(d.text)
		})
	}
}

// IDLE is woken, interrupted and ended on a compressed connection.
func TestCompressIdle(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	u := r.connect()
	u.compress()
	u.cmd("SELECT INBOX")
	u.play("C: i IDLE\nS: + idling")
	r.deliver("", "1.h", letter)
	u.play("S: * 1 EXISTS\nS: * 1 RECENT\nC: DONE\nS: i OK Idle completed.\nC: j NOOP\nS: j OK ...")
}

// A bomb meets the limits that plain text meets: a command is too long, and a
// message is refused before it is taken.
func TestCompressBomb(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	u := r.connect()
	u.compress()
	const large = 2 << 20 // the limits of a rig are 64 KiB and 1 MiB
	sent := make(chan bool)
	go func() {
		defer close(sent)
		u.c.Write([]byte("a SEARCH TEXT \"" + strings.Repeat("x", large) + "\"\r\n"))
		fmt.Fprintf(u.c, "b APPEND INBOX {%d+}\r\n%s\r\n", large, strings.Repeat("x", large))
	}()
	u.play("S: a BAD ...\nS: b NO [TOOBIG] ...")
	<-sent
	u.play("C: c NOOP\nS: c OK ...")
}

// What comes and is no DEFLATE ends the session.
func TestCompressGarbage(t *testing.T) {
	t.Parallel()
	u := newRig(t).connect()
	u.play("C: z COMPRESS DEFLATE\nS: z OK DEFLATE active.")
	go io.WriteString(u.c, "\xff\xff\xff\xff\xff\xff")
	if l := u.line(); !strings.HasPrefix(l, "ended") {
		t.Errorf("got %q", l)
	}
}
