package downgrade

import (
	"bytes"
	"io"
)

// Convert writes to w the message that open gives, from its start each time,
// with seven bits.
func Convert(w io.Writer, open func() io.Reader) error {
	s := &survey{}
	if err := walk(open(), s, false); err != nil {
		return err
	}
	c := &converter{w: w, eight: s.eight}
	if err := walk(open(), c, false); err != nil {
		return err
	}
	return c.err
}

// encoded tells whether an encoding claims that there are only seven bits.
func encoded(encoding string) bool { return encoding == "base64" || encoding == "quoted-printable" }

// A survey learns which parts have to be encoded.
type survey struct {
	eight []bool // by the part's number
}

func (s *survey) header(e *entity) {
	s.eight = append(s.eight, make([]bool, e.number+1-len(s.eight))...)
	s.eight[e.number] = e.kind == leaf && e.encoding == "binary"
}

func (s *survey) body(e *entity, text []byte) {
	if e.kind != leaf || s.eight[e.number] || encoded(e.encoding) {
		return
	}
	for _, c := range text {
		if c >= 0x80 {
			s.eight[e.number] = true
			return
		}
	}
}

func (s *survey) field(*entity, string, []byte) {}
func (s *survey) end(*entity, bool)             {}

// A converter writes the message.
type converter struct {
	w     io.Writer
	eight []bool
	qp    quoter
	err   error
}

func (c *converter) put(b []byte) {
	if c.err == nil && len(b) > 0 {
		_, c.err = c.w.Write(b)
	}
}

func (c *converter) line(s string) { c.put([]byte(s)) }

func (c *converter) encodes(e *entity) bool { return e.kind == leaf && c.eight[e.number] }

// field passes every field on but Content-Transfer-Encoding, which header
// writes.
func (c *converter) field(_ *entity, name string, text []byte) {
	if name != "content-transfer-encoding" {
		c.put(text)
	}
}

func (c *converter) header(e *entity) {
	const encoding = "Content-Transfer-Encoding: "
	switch {
	case c.encodes(e):
		if e.root && !e.version {
			c.line("MIME-Version: 1.0\n")
		}
		if e.root && !e.mime {
			c.line("Content-Type: text/plain; charset=unknown-8bit\n")
		}
		c.line(encoding + "quoted-printable\n")
		c.qp = quoter{}
	case e.encoding == "8bit" || e.encoding == "binary":
		c.line(encoding + "7bit\n")
	case e.encoding != "":
		c.line(encoding + e.encoding + "\n")
	}
}

func (c *converter) body(e *entity, text []byte) {
	// The empty line behind a header comes first.
	if !c.encodes(e) || !c.qp.begun && bytes.Equal(text, []byte("\n")) {
		c.qp.begun = true
		c.put(text)
		return
	}
	if !c.qp.begun {
		c.line("\n") // a body without it: now it needs one
		c.qp.begun = true
	}
	c.qp.out = c.qp.out[:0]
	c.qp.add(text)
	c.put(c.qp.out)
}

func (c *converter) end(e *entity, _ bool) {
	if !c.encodes(e) {
		return
	}
	c.qp.out = c.qp.out[:0]
	c.qp.flush(true)
	c.put(c.qp.out)
}

// maxColumn is the longest line of quoted-printable, its soft line end not
// counted (RFC 2045, 6.7, rule 5).
const maxColumn = 75

// A quoter encodes one body (RFC 2045, 6.7).
type quoter struct {
	begun  bool // the empty line behind the header has been written
	out    []byte
	column int
	space  byte // white space that may be the last of a line; 0: none
}

func (q *quoter) add(text []byte) {
	for _, c := range text {
		switch {
		case c == '\n':
			q.flush(true)
			q.out = append(q.out, '\n')
			q.column = 0
		case c == ' ' || c == '\t':
			q.flush(false)
			q.space = c
		case c > ' ' && c <= '~' && c != '=':
			q.flush(false)
			q.plain(c)
		default:
			q.flush(false)
			q.quote(c)
		}
	}
}

// flush writes white space that was held back.
func (q *quoter) flush(lineEnd bool) {
	switch {
	case q.space == 0:
	case lineEnd:
		q.quote(q.space)
	default:
		q.plain(q.space)
	}
	q.space = 0
}

func (q *quoter) plain(c byte) {
	q.room(1)
	q.out = append(q.out, c)
}

func (q *quoter) quote(c byte) {
	const hex = "0123456789ABCDEF"
	q.room(3)
	q.out = append(q.out, '=', hex[c>>4], hex[c&15])
}

// room breaks the line when n octets do not fit.
func (q *quoter) room(n int) {
	if q.column+n > maxColumn {
		q.out = append(q.out, "=\n"...)
		q.column = 0
	}
	q.column += n
}
