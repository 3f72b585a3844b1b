// Package deflate is a connection on which both sides compress (RFC 4978;
// RFC 1951), made for thousands of connections that mostly wait.
//
// The compressors of package compress/flate hold 800 KiB each, its
// decompressors 40, and those cannot go on after a read that was interrupted. So
// here
//
//   - each Write is compressed by itself, by a compressor that is borrowed for
//     as long as that takes. The other side need not know: blocks that refer to
//     nothing before them are DEFLATE like others;
//   - decompression is code of its own, which holds between two reads no more
//     than what the client has sent so far, at most 32 KiB, and 2 KiB of codes.
//
// What comes out is never more than was asked for, whatever comes in: a bomb
// meets the limits that plain text meets.
package deflate

import (
	"bytes"
	"compress/flate"
	"io"
	"net"
	"sync"
)

// A Conn compresses what is written and decompresses what is read. One
// goroutine reads and writes; deadlines are those of the connection beneath.
type Conn struct {
	net.Conn
	in  inflater
	buf *[inSize]byte // in.src is in it; nil: nothing is
	// full says that the last Read ended because its room did: more may come
	// without input.
	full bool
	err  error // of the stream, for good
}

// Over returns a Conn over c.
func Over(c net.Conn) *Conn { return &Conn{Conn: c} }

const inSize = 4 << 10

var inBuffers = sync.Pool{New: func() any { return new([inSize]byte) }}

// Wait waits until there is something to read, and holds no buffer meanwhile.
// (It may be something of which no text comes: Read goes on waiting.)
func (c *Conn) Wait() error {
	if w, ok := c.Conn.(interface{ Wait() error }); ok && c.err == nil && c.buf == nil && !c.full {
		return w.Wait()
	}
	return nil
}

// Read reads text. After an error of the connection, such as a deadline, it can
// be called again.
func (c *Conn) Read(p []byte) (int, error) {
	for len(p) > 0 {
		if c.err != nil {
			return 0, c.err
		}
		n, err := c.in.inflate(p)
		if c.buf != nil && len(c.in.src) == 0 {
			inBuffers.Put(c.buf)
			c.buf, c.in.src = nil, nil
		}
		c.err, c.full = err, n == len(p)
		if n > 0 {
			return n, nil
		}
		if err != nil {
			continue
		}
		if err := c.more(); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// more reads compressed input.
func (c *Conn) more() error {
	if err := c.Wait(); err != nil {
		return err
	}
	buf := inBuffers.Get().(*[inSize]byte)
	n, err := c.Conn.Read(buf[:])
	if n == 0 {
		inBuffers.Put(buf)
		if err == nil {
			err = io.ErrNoProgress
		}
		return err
	}
	c.buf, c.in.src = buf, buf[:n]
	return nil
}

// A packer is a compressor and what comes out of it.
type packer struct {
	w   *flate.Writer
	out bytes.Buffer
}

var packers = sync.Pool{New: func() any {
	p := &packer{}
	p.w, _ = flate.NewWriter(&p.out, flate.BestSpeed)
	return p
}}

// most is how much is compressed at once.
const most = 64 << 10

// Write compresses p and sends it, to its last octet.
func (c *Conn) Write(p []byte) (done int, err error) {
	for len(p) > 0 {
		n := min(len(p), most)
		if err := c.write(p[:n]); err != nil {
			return done, err
		}
		done += n
		p = p[n:]
	}
	return done, nil
}

func (c *Conn) write(p []byte) error {
	z := packers.Get().(*packer)
	z.out.Reset()
	z.w.Reset(&z.out)
	_, err := z.w.Write(p)
	if err == nil {
		err = z.w.Flush()
	}
	packed := bytes.Clone(z.out.Bytes())
	packers.Put(z) // others may go on while the client takes it
	if err != nil {
		return err
	}
	_, err = c.Conn.Write(packed)
	return err
}
