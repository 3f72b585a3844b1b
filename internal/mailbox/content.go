package mailbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Content is a message's text as it goes over the wire: every line ends in
// CRLF, whether the file has LF or CRLF. It is one goroutine's.
type Content struct {
	file   *storedFile
	stored int64
	octets int64 // -1: not known
	v      *View
	uid    uint32

	at      int64 // of file
	given   int64 // octets
	in      []byte
	buf     *[copySize]byte
	cr      bool // the last octet given out was a CR
	pending bool // an LF is owed
}

// copySize is how much of a file is read at once, octets.
const copySize = 64 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copySize]byte) }}

// Content opens message i. ErrGone: its file is no longer there. Many
// goroutines may open messages of one View, as long as it is not refreshed.
func (v *View) Content(i int) (*Content, error) {
	uid := v.snap.at(i).uid
	file, err := v.openUID(uid)
	if err != nil {
		return nil, err
	}
	c := &Content{file: file, stored: file.size, octets: -1, v: v, uid: uid}
	if file.size > copySize { // a smaller one is in memory at once, and counted there
		v.f.mu.Lock()
		if r := v.f.byUID(uid); r != nil {
			c.octets = v.f.known(r, file.size)
		}
		v.f.mu.Unlock()
	}
	return c, nil
}

// Stored returns the file as it is, and its size.
func (c *Content) Stored() (io.ReaderAt, int64) { return c.file, c.stored }

// Received is View.Received's.
func (c *Content) Received() time.Time { return time.Unix(c.file.mtim.Unix()) }

// Octets returns the size of the whole with CRLF line ends. That of a large
// message is taken from its name where the file has the size that it has there
// too; if what is read to the end is less or more, the name was wrong (and the store knows better then).
func (c *Content) Octets() (int64, error) {
	if c.octets >= 0 {
		return c.octets, nil
	}
	if c.at == 0 && c.stored > 0 && c.stored <= copySize {
		if err := c.fill(); err != nil {
			return 0, err
		}
		if int64(len(c.in)) == c.stored {
			cr := false
			c.learn(c.stored + bareLines(c.in, &cr))
			return c.octets, nil
		}
	}
	buf := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(buf)
	n, cr := int64(0), false
	for at := int64(0); at < c.stored; {
		k, err := c.file.ReadAt(buf[:min(copySize, c.stored-at)], at)
		if k == 0 {
			return 0, c.broken(err)
		}
		n += int64(k) + bareLines(buf[:k], &cr)
		at += int64(k)
	}
	c.learn(n)
	return n, nil
}

// learn notes the size that was counted, for other Contents too if they would
// not know it.
func (c *Content) learn(n int64) {
	c.octets = n
	if known, ok := c.v.octets(c.uid); !ok || known != n {
		c.v.f.counted(c, n)
	}
}

// broken is the error of a file that has become shorter.
func (c *Content) broken(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read %s: %w", c.file.Name(), err)
}

// fill reads more of the file.
func (c *Content) fill() error {
	if len(c.in) > 0 {
		return nil
	}
	if c.at >= c.stored {
		return io.EOF
	}
	if c.buf == nil {
		c.buf = copyBuffers.Get().(*[copySize]byte)
	}
	n, err := c.file.ReadAt(c.buf[:min(copySize, c.stored-c.at)], c.at)
	if n == 0 {
		return c.broken(err)
	}
	c.at += int64(n)
	c.in = c.buf[:n]
	return nil
}

// Read reads the message with CRLF line ends.
func (c *Content) Read(p []byte) (int, error) {
	n, err := c.read(p)
	c.given += int64(n)
	if err == io.EOF && c.octets >= 0 && c.given != c.octets {
		c.learn(c.given)
	}
	return n, err
}

func (c *Content) read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if c.pending {
			p[n], c.pending, c.cr = '\n', false, false
			n++
			continue
		}
		if len(c.in) == 0 {
			if n > 0 {
				return n, nil
			}
			if err := c.fill(); err != nil {
				return 0, err
			}
		}
		i := bytes.IndexByte(c.in, '\n')
		switch {
		case i < 0:
			i = copy(p[n:], c.in)
			c.cr = c.in[i-1] == '\r'
		case i == 0 && c.cr:
			p[n], c.cr, i = '\n', false, 1
		case i == 0:
			p[n], c.pending, c.in = '\r', true, c.in[1:]
			n++
			continue
		default:
			i = copy(p[n:], c.in[:i])
			c.cr = c.in[i-1] == '\r'
		}
		c.in = c.in[i:]
		n += i
	}
	return n, nil
}

// Append appends the whole of a message that is small enough to be read at once,
// behind what head makes of its length; ok is false for a larger one. Nothing of it
// may have been read before.
func (c *Content) Append(b []byte, head func(b []byte, octets int64) []byte) (_ []byte, ok bool, err error) {
	if c.stored > copySize || c.at > 0 {
		return b, false, nil
	}
	if err := c.fill(); err != nil && err != io.EOF {
		return b, true, err
	}
	if int64(len(c.in)) < c.stored {
		return b, true, c.broken(nil)
	}
	octets := int64(0)
	if cr := false; c.stored > 0 {
		octets = c.stored + bareLines(c.in, &cr)
	}
	c.learn(octets)
	b = slices.Grow(head(b, octets), int(octets))
	for in := c.in; len(in) > 0; {
		i := bytes.IndexByte(in, '\n')
		if i < 0 {
			b = append(b, in...)
			break
		}
		if b = append(b, in[:i]...); i == 0 || in[i-1] != '\r' {
			b = append(b, '\r')
		}
		b = append(b, '\n')
		in = in[i+1:]
	}
	c.in, c.given = nil, octets
	return b, true, nil
}

// WriteTo writes what is left of the message with CRLF line ends.
func (c *Content) WriteTo(w io.Writer) (int64, error) {
	array := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(array)
	total := int64(0)
	for {
		n, err := c.Read(array[:])
		if n > 0 {
			k, err := w.Write(array[:n])
			total += int64(k)
			if err != nil {
				return total, err
			}
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// Close ends the use of the Content.
func (c *Content) Close() error {
	if c.buf != nil {
		copyBuffers.Put(c.buf)
		c.buf, c.in = nil, nil
	}
	return c.file.Close()
}
