package downgrade

import (
	"bufio"
	"bytes"
	"io"
	"mime"
	"strings"
)

// Limits of what is understood of a structure. What is beyond them is taken for
// part of the body that it is in.
const (
	maxDepth    = 100     // multiparts and messages inside each other
	maxField    = 4 << 10 // octets of a Content field that are looked at
	maxBoundary = 200     // octets; RFC 2046 has 70
	maxParts    = 1 << 16
)

// kind is what a part is made of.
type kind byte

const (
	leaf    kind = iota
	multi        // parts between boundaries
	message      // a message: header and body again
)

// An entity is the header of a part, as far as it matters, and what it leads to.
type entity struct {
	number   int // of the part, in the order of the message
	kind     kind
	root     bool // of a message, not of a part
	mime     bool // it has a MIME-Version or a Content field
	typed    bool // it has a Content-Type field
	version  bool // it has a MIME-Version field
	encoding string
	boundary string
}

// A handler takes the pieces of a message. Pieces are whole lines with their LF,
// but for a last line without one, and for lines that are longer than the
// reader's buffer.
type handler interface {
	field(e *entity, name string, text []byte) // one header field, folded as it was
	header(e *entity)                          // the header has ended; what follows is its empty line, or its body
	body(e *entity, text []byte)               // of a part's body, or a boundary or the like around parts
	end(e *entity, last bool)                  // the body of a leaf has ended; last: with the message, and not at a boundary
}

// A walker follows the structure of a message.
type walker struct {
	h     handler
	parts int
	stack []level // multiparts that may end what is being read, outermost first
	depth int

	current  *entity
	inHeader bool
	name     string // of the field being read; "": none
	field    []byte
	broken   bool // the last piece had no line end: the next one continues it

	binary bool // lines end in CRLF, and in bodies CRLF alone ends one
	cr     bool // the last piece ended in CR
}

// A level is a multipart that has begun.
type level struct {
	of    *entity
	depth int // inside it
}

// A strider walks piece by piece.
type strider struct {
	in *bufio.Reader
	w  *walker
}

func stride(r io.Reader, h handler, binary bool) *strider {
	w := &walker{h: h, binary: binary}
	w.begin(true)
	return &strider{in: bufio.NewReaderSize(r, 64<<10), w: w}
}

// next gives the handler one piece. Its error is io.EOF when that was the last.
func (s *strider) next() error {
	line, err := s.in.ReadSlice('\n')
	if len(line) > 0 {
		s.w.line(line)
	}
	switch err {
	case bufio.ErrBufferFull:
		return nil
	case io.EOF:
		s.w.close(true)
	}
	return err
}

// walk gives h the pieces of r.
func walk(r io.Reader, h handler, binary bool) error {
	s := stride(r, h, binary)
	for {
		switch err := s.next(); err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}

// begin starts the header of a part.
func (w *walker) begin(root bool) {
	w.current = &entity{number: w.parts, root: root}
	w.parts++
	w.inHeader = true
}

func (w *walker) line(text []byte) {
	whole := !w.broken // text begins a line
	w.broken = !w.ends(text)
	if whole && w.boundary(text) {
		return
	}
	if w.inHeader {
		w.headerLine(text, whole)
		return
	}
	w.h.body(w.current, text)
}

// ends tells whether text has the end of a line. Where content is binary, an LF
// without CR is an octet of a body like any other (RFC 3030, 3).
func (w *walker) ends(text []byte) bool {
	n := len(text)
	crlf := text[n-1] == '\n' && (n > 1 && text[n-2] == '\r' || n == 1 && w.cr)
	w.cr = text[n-1] == '\r'
	if w.binary && !w.inHeader {
		return crlf
	}
	return text[n-1] == '\n'
}

// boundary takes text if it is a boundary of a multipart that has begun, the
// innermost first (RFC 2046, 5.1.2).
func (w *walker) boundary(text []byte) bool {
	if len(w.stack) == 0 || !bytes.HasPrefix(text, []byte("--")) || len(text) > maxBoundary+8 {
		return false
	}
	if w.binary && w.broken && text[len(text)-1] == '\n' {
		return false
	}
	line := string(bytes.TrimRight(text[2:], " \t\r\n"))
	for i := len(w.stack) - 1; i >= 0; i-- {
		l := w.stack[i]
		last := line == l.of.boundary+"--"
		if !last && line != l.of.boundary {
			continue
		}
		w.close(false)
		w.h.body(l.of, text)
		if last {
			w.stack, w.depth, w.current = w.stack[:i], l.depth-1, l.of
			return true
		}
		w.stack, w.depth = w.stack[:i+1], l.depth
		w.begin(false)
		return true
	}
	return false
}

// close ends what is being read; last: because the message ends.
func (w *walker) close(last bool) {
	if w.inHeader {
		w.endHeader()
	}
	if w.current.kind == leaf {
		w.h.end(w.current, last)
	}
}

// headerLine takes a line, or a piece of one, of a header.
func (w *walker) headerLine(text []byte, whole bool) {
	if !whole || w.name != "" && (text[0] == ' ' || text[0] == '\t') {
		w.field = append(w.field, text...)
		return
	}
	w.endField()
	name, _, ok := bytes.Cut(text, []byte{':'})
	if name = bytes.TrimRight(name, " \t"); !ok || len(name) == 0 || bytes.ContainsAny(name, " \t") {
		// The empty line; or a body that comes without it.
		w.endHeader()
		w.h.body(w.current, text)
		if w.current.kind == message {
			w.begin(true)
		}
		return
	}
	w.name, w.field = strings.ToLower(string(name)), append(w.field[:0], text...)
}

// endField looks at the field that has been read whole.
func (w *walker) endField() {
	if w.name == "" {
		return
	}
	e := w.current
	e.mime = e.mime || w.name == "mime-version" || strings.HasPrefix(w.name, "content-")
	switch w.name {
	case "mime-version":
		e.version = true
	case "content-type":
		e.contentType(fieldValue(w.field))
	case "content-transfer-encoding":
		e.encoding = strings.ToLower(strings.Trim(fieldValue(w.field), " \t"))
	}
	w.h.field(e, w.name, w.field)
	w.name = ""
}

// contentType reads a Content-Type. One that cannot be read makes a leaf.
func (e *entity) contentType(v string) {
	e.typed = true
	media, params, err := mime.ParseMediaType(v)
	if err != nil && media == "" {
		return
	}
	switch b := params["boundary"]; {
	case strings.HasPrefix(media, "multipart/") && b != "" && len(b) <= maxBoundary:
		e.kind, e.boundary = multi, strings.TrimRight(b, " ")
	case media == "message/rfc822":
		e.kind = message // message/global may be encoded as a whole (RFC 6532, 3.7)
	}
}

// fieldValue is a field's value, unfolded.
func fieldValue(field []byte) string {
	_, v, _ := bytes.Cut(field[:min(len(field), maxField)], []byte{':'})
	return strings.NewReplacer("\r", "", "\n", "").Replace(string(v))
}

// endHeader ends a header. The empty line is part of the body that follows.
func (w *walker) endHeader() {
	w.endField()
	e := w.current
	if w.depth >= maxDepth || w.parts >= maxParts || encoded(e.encoding) && e.kind == message {
		e.kind = leaf
	}
	w.inHeader = false
	w.h.header(e)
	switch e.kind {
	case multi:
		w.depth++
		w.stack = append(w.stack, level{e, w.depth})
	case message:
		w.depth++
	}
}
