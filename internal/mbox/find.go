package mbox

import (
	"bytes"
	"errors"
	"io"
)

// find looks for m among the first size octets of the file. Where only a part of
// it is there, at the end, at is where that begins; else at is size.
func (b *Box) find(m *Message, size int64) (found bool, at int64, err error) {
	head := append([]byte(From(m.Sender, m.Arrival)), m.Header...)
	const step = 1 << 20
	buf := make([]byte, step+len(head))
	for base := int64(0); base < size; base += step {
		n, err := b.f.ReadAt(buf[:min(int64(len(buf)), size-base)], base)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, 0, err
		}
		part := buf[:n]
		for off := 0; ; off++ {
			i := bytes.Index(part[off:], head)
			if i < 0 {
				break
			}
			off += i
			same, torn, err := b.compare(m, base+int64(off))
			if err != nil {
				return false, 0, err
			}
			if same {
				return true, size, nil
			}
			if torn {
				return false, base + int64(off), nil
			}
		}
	}
	return false, b.tornHead(head, size), nil
}

// tornHead is where a part of head begins at the end of the file, else size.
func (b *Box) tornHead(head []byte, size int64) int64 {
	tail := make([]byte, min(int64(len(head)), size))
	if _, err := b.f.ReadAt(tail, size-int64(len(tail))); err != nil {
		return size
	}
	for k := min(len(head)-1, len(tail)); k > 0; k-- {
		begins := int64(k) == size || k < len(tail) && tail[len(tail)-k-1] == '\n'
		if begins && bytes.Equal(tail[len(tail)-k:], head[:k]) {
			return size - int64(k)
		}
	}
	return size
}

var (
	errDiffers = errors.New("another message")
	errEnds    = errors.New("the file ends")
)

// A comparer compares what is written to it with the file.
type comparer struct {
	r   io.ReaderAt
	at  int64
	buf []byte
}

func (c *comparer) Write(p []byte) (int, error) {
	if len(c.buf) < len(p) {
		c.buf = make([]byte, len(p))
	}
	n, err := c.r.ReadAt(c.buf[:len(p)], c.at)
	c.at += int64(n)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return 0, err
	case !bytes.Equal(c.buf[:n], p[:n]):
		return 0, errDiffers
	case n < len(p):
		return 0, errEnds
	}
	return n, nil
}

// compare tells whether m stands at an offset, whole or torn by the file's end.
func (b *Box) compare(m *Message, at int64) (same, torn bool, err error) {
	switch _, err := m.WriteTo(&comparer{r: b.f, at: at}); {
	case errors.Is(err, errDiffers):
		return false, false, nil
	case errors.Is(err, errEnds):
		return false, true, nil
	case err != nil:
		return false, false, err
	}
	return true, false, nil
}
