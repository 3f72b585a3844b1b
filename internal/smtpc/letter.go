package smtpc

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"

	"yubin/internal/ipc"
	"yubin/internal/queue"
	"yubin/internal/smtp"
)

// blockSize is how much of a message is read and written at once.
const blockSize = 64 << 10

// maxHeld is the largest content that is read once and kept while the request
// lasts, octets; longer ones are read again when they are sent.
const maxHeld = 256 << 10

// A letter is the message of one request.
type letter struct {
	req     *ipc.Request
	content io.ReaderAt
	offset  int64 // of the content in it

	look   sync.Once
	found  traits
	failed error // why found is not known
}

// traits are what of the content decides how it is sent.
type traits struct {
	eight   bool  // octets above 127
	lines   int64 // line ends
	longest int   // octets of the longest line, without its end
	partial bool  // the last line has no end
}

// newLetter checks what came with a request and takes hold of the content.
func newLetter(req *ipc.Request, files []*os.File) (*letter, error) {
	switch {
	case req.Version != ipc.DeliverVersion:
		return nil, fails(4, smtp.LocalProcessing, "delivery request of version %d, want %d", req.Version, ipc.DeliverVersion)
	case len(files) != 1 || req.Offset < 0 || req.Length < 0:
		return nil, fails(4, smtp.LocalProcessing, "delivery request without a message")
	}
	m := &letter{req: req, content: files[0], offset: req.Offset}
	if req.Length > maxHeld {
		return m, nil
	}
	b := make([]byte, req.Length)
	if _, err := files[0].ReadAt(b, req.Offset); err != nil && len(b) > 0 {
		return nil, unreadable(err)
	}
	m.content, m.offset = bytes.NewReader(b), 0
	return m, nil
}

// unreadable is the failure for a message that the queue file does not give.
func unreadable(err error) error {
	return fmt.Errorf("the message cannot be read from the queue: %w", err)
}

// binary tells whether the content is kept as it came, CRLF and all.
func (m *letter) binary() bool { return m.req.Flags&queue.FlagBinary != 0 }

// reader returns the content from its start. It ends with an error when the
// file is shorter than the request says.
func (m *letter) reader() io.Reader {
	return &whole{r: io.NewSectionReader(m.content, m.offset, m.req.Length), left: m.req.Length}
}

// A whole is a reader that does not take an early end for the end.
type whole struct {
	r    io.Reader
	left int64
}

func (w *whole) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.left -= int64(n)
	switch {
	case err == io.EOF && w.left > 0:
		err = unreadable(io.ErrUnexpectedEOF)
	case err != nil && err != io.EOF:
		err = unreadable(err)
	}
	return n, err
}

// traits looks through the content, once.
func (m *letter) traits() (traits, error) {
	m.look.Do(func() {
		m.found, m.failed = inspect(m.reader())
	})
	return m.found, m.failed
}

func inspect(r io.Reader) (t traits, err error) {
	buf := make([]byte, blockSize)
	line := 0
	for {
		n, err := r.Read(buf)
		b := buf[:n]
		t.eight = t.eight || eightBit(b)
		for len(b) > 0 {
			i := bytes.IndexByte(b, '\n')
			if i < 0 {
				line += len(b)
				break
			}
			t.longest = max(t.longest, line+i)
			t.lines++
			line, b = 0, b[i+1:]
		}
		if err == io.EOF {
			t.longest, t.partial = max(t.longest, line), line > 0
			return t, nil
		}
		if err != nil {
			return t, err
		}
	}
}

func eightBit(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return true
		}
	}
	return false
}
