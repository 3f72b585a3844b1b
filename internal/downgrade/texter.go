package downgrade

import (
	"bytes"
	"encoding/base64"
)

// A texter writes a binary message as text.
type texter struct {
	out   *bytes.Buffer
	shape Shape
	parts []content

	begun bool // the empty line behind the header has been written
	cr    bool // a CR is held back: its LF may follow
	qp    quoter
	b64   wrapper
}

// A form is how the body of a part is written.
type form byte

const (
	asItIs form = iota
	quoted
	base
)

func (t *texter) formOf(e *entity) form {
	switch c := t.parts[e.number]; {
	case e.kind != leaf || encoded(e.encoding):
		return asItIs
	case c.rough:
		return base
	case c.eight && !t.shape.Eight:
		return quoted
	}
	return asItIs
}

// label is the Content-Transfer-Encoding of a part; "": it needs none.
func (t *texter) label(e *entity) string {
	switch f := t.formOf(e); {
	case f == base:
		return "base64"
	case f == quoted:
		return "quoted-printable"
	case e.encoding != "binary" && e.encoding != "8bit":
		return e.encoding
	case t.shape.Eight && (e.encoding == "8bit" || e.kind != leaf || t.parts[e.number].eight):
		return "8bit"
	}
	return "7bit"
}

func (t *texter) field(_ *entity, name string, text []byte) {
	if name != "content-transfer-encoding" {
		t.out.Write(bytes.ReplaceAll(text, crlf, lf))
	}
}

func (t *texter) header(e *entity) {
	if t.formOf(e) != asItIs && e.root {
		if !e.version {
			t.out.WriteString("MIME-Version: 1.0\n")
		}
		if !e.mime {
			t.out.WriteString("Content-Type: text/plain; charset=unknown-8bit\n")
		}
	}
	if l := t.label(e); l != "" {
		t.out.WriteString("Content-Transfer-Encoding: " + l + "\n")
	}
	t.begun, t.cr, t.qp, t.b64 = false, false, quoter{}, wrapper{}
}

func (t *texter) body(e *entity, text []byte) {
	if !t.begun {
		t.begun = true
		empty := isEmptyLine(text)
		if empty || t.formOf(e) != asItIs {
			t.out.WriteByte('\n') // also where there was none: now it is needed
		}
		if empty {
			return
		}
	}
	switch t.formOf(e) {
	case base:
		t.b64.add(t.out, text)
	case quoted:
		t.lines(text, t.quote)
	default:
		t.lines(text, func(b []byte) { t.out.Write(b) })
	}
}

func (t *texter) quote(text []byte) {
	t.qp.out = t.qp.out[:0]
	t.qp.add(text)
	t.out.Write(t.qp.out)
}

// lines gives text to put, its line ends LF alone.
func (t *texter) lines(text []byte, put func([]byte)) {
	if t.cr && text[0] != '\n' {
		put(oneCR)
	}
	t.cr = false
	switch {
	case bytes.HasSuffix(text, crlf):
		put(text[:len(text)-2])
		text = lf
	case text[len(text)-1] == '\r':
		t.cr, text = true, text[:len(text)-1]
	}
	put(text)
}

func (t *texter) end(e *entity, last bool) {
	switch t.formOf(e) {
	case base:
		t.b64.end(t.out, last)
	case quoted:
		t.qp.out = t.qp.out[:0]
		t.qp.flush(true)
		t.out.Write(t.qp.out)
	}
	if t.cr {
		t.out.WriteByte('\r')
		t.cr = false
	}
}

// rawLine is how many octets a line of base64 holds: 76 characters (RFC 2045,
// 6.8).
const rawLine = 57

// A wrapper writes base64.
type wrapper struct{ held []byte }

// add takes octets. What may be the line end before a boundary is held back.
func (w *wrapper) add(out *bytes.Buffer, p []byte) {
	w.held = append(w.held, p...)
	n := 0
	for len(w.held)-n >= rawLine+2 {
		w.put(out, w.held[n:n+rawLine])
		n += rawLine
	}
	w.held = append(w.held[:0], w.held[n:]...)
}

// end writes the rest. The line end before a boundary belongs to that (RFC 2046,
// 5.1.1).
func (w *wrapper) end(out *bytes.Buffer, last bool) {
	rest := w.held
	if !last {
		rest = bytes.TrimSuffix(rest, crlf)
	}
	for len(rest) > 0 {
		n := min(len(rest), rawLine)
		w.put(out, rest[:n])
		rest = rest[n:]
	}
	w.held = nil
}

func (w *wrapper) put(out *bytes.Buffer, p []byte) {
	out.Write(base64.StdEncoding.AppendEncode(out.AvailableBuffer(), p))
	out.WriteByte('\n')
}
