package downgrade

import (
	"bytes"
	"errors"
	"io"
)

// A Shape is what a text may hold.
type Shape struct {
	Eight bool // octets above 127
	Line  int  // octets of a line, without its end; 0: any number
}

// A Text is a binary message (RFC 3030) as text: lines end in LF. A part that
// no line can hold becomes base64, and its label says so. The message is read
// anew by each Reader; nothing of it is kept.
type Text struct {
	open  func() io.Reader
	shape Shape
	parts []content // by the part's number
	size  int64
	loses bool
}

// NewText looks through the message that open gives, from its start each time:
// lines end in CRLF, and bodies of parts may be anything.
func NewText(open func() io.Reader, shape Shape) (*Text, error) {
	l := &looker{shape: shape}
	if err := walk(open(), l, true); err != nil {
		return nil, err
	}
	t := &Text{open: open, shape: shape, parts: l.parts, loses: l.loses}
	var err error
	t.size, err = io.Copy(io.Discard, t.Reader())
	return t, err
}

// Section gives readers of n octets of r from off on. One ends with an error where
// there are fewer.
func Section(r io.ReaderAt, off, n int64) func() io.Reader {
	return func() io.Reader { return &section{io.NewSectionReader(r, off, n), n} }
}

type section struct {
	r    io.Reader
	left int64
}

func (s *section) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if s.left -= int64(n); err == io.EOF && s.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Size is its length, octets.
func (t *Text) Size() int64 { return t.size }

// Loses tells whether octets that no text can hold stand where no encoding
// reaches them: NUL, or half a line end, in a header, around parts, or in a part
// that is called encoded. They are in what a Reader gives.
func (t *Text) Loses() bool { return t.loses }

// Reader reads the text from its start.
func (t *Text) Reader() io.Reader {
	r := &textReader{}
	r.s = stride(t.open(), &texter{out: &r.ready, shape: t.shape, parts: t.parts}, true)
	return r
}

// ReaderAt reads the text anywhere: forward at little cost, back by beginning
// again. It is for one goroutine.
func (t *Text) ReaderAt() io.ReaderAt { return &seeker{t: t} }

type textReader struct {
	s     *strider
	ready bytes.Buffer
	err   error
}

func (r *textReader) Read(p []byte) (int, error) {
	for r.ready.Len() == 0 && r.err == nil {
		r.err = r.s.next()
	}
	if r.ready.Len() == 0 {
		return 0, r.err
	}
	return r.ready.Read(p)
}

type seeker struct {
	t  *Text
	r  io.Reader
	at int64
}

func (s *seeker) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	if s.r == nil || off < s.at {
		s.r, s.at = s.t.Reader(), 0
	}
	n, err := io.CopyN(io.Discard, s.r, off-s.at)
	s.at += n
	if err != nil {
		return 0, err
	}
	k, err := io.ReadFull(s.r, p)
	s.at += int64(k)
	if errors.Is(err, io.ErrUnexpectedEOF) && s.at == s.t.size {
		err = io.EOF
	}
	return k, err
}

// content is what the body of a part is made of.
type content struct {
	eight bool // octets above 127
	rough bool // octets that no line holds
	never bool // some of them are in no line of any text: NUL, CR alone
}

// A looker learns what each part is made of.
type looker struct {
	shape Shape
	parts []content
	loses bool

	body1  bool // the empty line behind the header has been seen
	cr     bool // the last octet was CR
	column int
}

func (l *looker) field(_ *entity, _ string, text []byte) {
	l.loses = l.loses || bytes.IndexByte(text, 0) >= 0 || bytes.Count(text, oneCR) != bytes.Count(text, crlf)
}

func (l *looker) header(e *entity) {
	l.parts = append(l.parts, make([]content, e.number+1-len(l.parts))...)
	l.body1, l.cr, l.column = false, false, 0
}

func (l *looker) body(e *entity, text []byte) {
	if !l.body1 {
		l.body1 = true
		if isEmptyLine(text) {
			return
		}
	}
	c := l.look(text)
	if e.kind != leaf || encoded(e.encoding) {
		l.loses = l.loses || c.never
		return
	}
	p := &l.parts[e.number]
	p.eight, p.rough = p.eight || c.eight, p.rough || c.rough
}

func (l *looker) look(text []byte) (c content) {
	for _, b := range text {
		c.eight = c.eight || b >= 0x80
		c.never = c.never || b == 0 || l.cr && b != '\n'
		c.rough = c.rough || b == '\n' && !l.cr
		l.cr = b == '\r'
		if l.column++; b == '\n' {
			l.column = 0
		}
		c.rough = c.rough || l.shape.Line > 0 && l.column > l.shape.Line && b != '\r'
	}
	c.rough = c.rough || c.never
	return c
}

// end finds a CR that was the last octet of a part.
func (l *looker) end(e *entity, _ bool) {
	if l.cr && encoded(e.encoding) {
		l.loses = true
	} else if l.cr {
		l.parts[e.number].rough = true
	}
	l.cr = false
}

var (
	crlf  = []byte("\r\n")
	lf    = []byte("\n")
	oneCR = []byte("\r")
)

func isEmptyLine(text []byte) bool { return len(bytes.TrimRight(text, "\r\n")) == 0 && len(text) <= 2 }
