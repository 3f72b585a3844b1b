package smtpc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"sync"
	"unicode/utf8"

	"yubin/internal/ipc"
	"yubin/internal/queue"
	"yubin/internal/smtp"
)

// blockSize is how much of a large message is read at once, octets.
const blockSize = 64 << 10

// maxHeld is the largest content that is read once and kept while the request
// lasts, octets; longer ones are read again when they are sent.
const maxHeld = 256 << 10

// A letter is the message of one request.
type letter struct {
	req  *ipc.Request
	file io.ReaderAt
	held []byte // the content, where it is small

	wish    wish
	private bool   // the target at hand keeps it without TLS
	sender  string // as it goes out
	// head stands in place of the first skip octets of the content in file.
	head []byte
	skip int64

	look   sync.Once
	found  traits
	failed error // why found is not known
}

// traits are what of the content decides how it is sent.
type traits struct {
	eight    bool  // octets above 127
	head8    bool  // some of them in the header
	headUTF8 bool  // some of those are UTF-8
	lines    int64 // line ends
	longest  int   // octets of the longest line, without its end
	partial  bool  // the last line has no end
	tlsNo    bool  // TLS-Required: No is in the header
}

// newLetter checks what came with a request and takes hold of the content.
func newLetter(req *ipc.Request, file *os.File) (*letter, error) {
	if file == nil || req.Offset < 0 || req.Length < 0 {
		return nil, fails(4, smtp.LocalProcessing, "delivery request without a message")
	}
	m := &letter{req: req, file: file, sender: req.Sender}
	if req.Length > maxHeld {
		return m, nil
	}
	m.held = make([]byte, req.Length)
	if _, err := file.ReadAt(m.held, req.Offset); err != nil && len(m.held) > 0 {
		return nil, unreadable(err)
	}
	return m, nil
}

// unreadable is the failure for a message that the queue file does not give.
func unreadable(err error) error {
	return fmt.Errorf("the message cannot be read from the queue: %w", err)
}

// probe tells that nothing is to be delivered: what servers say of the recipients
// is all that is wanted.
func (m *letter) probe() bool { return m.req.Attrs[ipc.Probe] != "" }

// binary tells whether the content is kept as it came, CRLF and all.
func (m *letter) binary() bool { return m.req.Flags&queue.FlagBinary != 0 }

// reader returns the content from its start. It ends with an error when the
// file is shorter than the request says.
func (m *letter) reader() io.Reader {
	if m.held != nil {
		return bytes.NewReader(m.held)
	}
	rest := m.req.Length - m.skip
	file := &whole{r: io.NewSectionReader(m.file, m.req.Offset+m.skip, rest), left: rest}
	if len(m.head) == 0 {
		return file
	}
	return io.MultiReader(bytes.NewReader(m.head), file)
}

// size is how long the content is, as it goes out, lines ending as they do here.
func (m *letter) size() int64 { return m.req.Length - m.skip + int64(len(m.head)) }

// copyTo writes the content to w.
func (m *letter) copyTo(w io.Writer) error {
	if m.held != nil {
		_, err := w.Write(m.held)
		return err
	}
	_, err := io.CopyBuffer(struct{ io.Writer }{w}, m.reader(), make([]byte, blockSize))
	return err
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
		var in inspector
		m.failed = m.copyTo(&in)
		m.found = in.end()
	})
	return m.found, m.failed
}

// An inspector finds out the traits of what is written to it.
type inspector struct {
	traits
	line int  // octets of the line so far
	body bool // the header has ended
}

func (in *inspector) Write(b []byte) (int, error) {
	n := len(b)
	in.eight = in.eight || eightBit(b)
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			in.header(b, true)
			in.line += len(b)
			break
		}
		in.header(b[:i], in.line > 0)
		if in.line == 0 && !in.body {
			in.body = i == 0 || i == 1 && b[0] == '\r'
			in.tlsNo = in.tlsNo || (b[0] == 'T' || b[0] == 't') && saysNo(b[:i])
		}
		in.longest = max(in.longest, in.line+i)
		in.lines++
		in.line, b = 0, b[i+1:]
	}
	return n, nil
}

// header looks at a line of the header, or at one that is cut into pieces.
func (in *inspector) header(line []byte, cut bool) {
	if in.body || !eightBit(line) {
		return
	}
	in.head8 = true
	if cut {
		line = whole8(line)
	}
	in.headUTF8 = in.headUTF8 || eightBit(line) && utf8.Valid(line)
}

func (in *inspector) end() traits {
	in.longest, in.partial = max(in.longest, in.line), in.line > 0
	return in.traits
}

func eightBit(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return true
		}
		b = b[8:]
	}
	for _, c := range b {
		if c >= 0x80 {
			return true
		}
	}
	return false
}
