package mimescan

import (
	"bytes"
	"io"
	"math"
)

// A FieldReader reads some fields of a header, with CRLF line ends and the empty
// line behind the header (RFC 9051, 6.4.5.1, HEADER.FIELDS).
type FieldReader struct {
	lines
	names map[string]bool // lower case
	not   bool
	give  bool
	ended bool
	out   []byte
}

// NewFieldReader reads the fields of header that have the names, or if not all
// others. Close ends its use.
func NewFieldReader(r io.ReaderAt, header Span, names []string, not bool) *FieldReader {
	f := &FieldReader{names: map[string]bool{}, not: not, give: not}
	f.lines = lines{r: r, size: header.End(), base: header.Offset, buf: buffers.Get().(*[bufferSize]byte), bol: true}
	for _, n := range names {
		f.names[string(appendLower(nil, []byte(n)))] = true
	}
	return f
}

func appendLower(b, s []byte) []byte {
	for _, c := range s {
		b = append(b, lower(c))
	}
	return b
}

// Close gives back what the reader holds.
func (f *FieldReader) Close() {
	if f.buf != nil {
		buffers.Put(f.buf)
		f.buf = nil
	}
}

// Read reads the fields.
func (f *FieldReader) Read(p []byte) (int, error) {
	for len(f.out) == 0 {
		if f.ended {
			return 0, io.EOF
		}
		f.out = f.out[:0]
		f.line()
		if f.err != nil {
			return 0, f.err
		}
	}
	n := copy(p, f.out)
	HideNULs(p[:n])
	f.out = f.out[n:]
	return n, nil
}

// line takes a line.
func (f *FieldReader) line() {
	line := f.peek()
	if len(line) == 0 || f.bol && emptyLine(line) {
		// The end of the file ends a line too, but is no empty one.
		f.ended = true
		if len(line) > 0 || f.give && !f.bol {
			f.out = append(f.out, "\r\n"...)
		}
		return
	}
	if f.bol && line[0] != ' ' && line[0] != '\t' {
		name, _, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(":"))
		f.give = f.names[string(appendLower(nil, bytes.TrimRight(name, " \t")))] != f.not
	}
	f.put(line)
	f.step(line)
}

// put gives octets out of which only the last may be an LF.
func (f *FieldReader) put(b []byte) {
	if !f.give {
		return
	}
	n := len(b)
	if b[n-1] == '\n' && !(n > 1 && b[n-2] == '\r' || n == 1 && f.lines.cr) {
		f.out = append(append(f.out, b[:n-1]...), "\r\n"...)
		return
	}
	f.out = append(f.out, b...)
}

// EachField calls each for the fields of a header: with a name, and a value that is
// unfolded and has at most Defaults.Field octets, until it returns false. Lines without a
// colon are a value without a name.
func EachField(r io.ReaderAt, header Span, each func(name, value []byte) bool) error {
	l := &lines{r: r, size: header.End(), base: header.Offset, buf: buffers.Get().(*[bufferSize]byte), bol: true}
	defer buffers.Put(l.buf)
	goOn, value := true, []byte(nil)
	var name []byte
	c := collector{left: math.MaxInt, longest: maxField, put: func(_ FieldID, v []byte) { value = v }}
	flush := func() {
		if c.id != other {
			c.end()
			goOn = each(name, value)
		}
	}
	for line := l.peek(); goOn && len(line) > 0 && !emptyLine(line); line = l.peek() {
		if line[0] != ' ' && line[0] != '\t' {
			if flush(); !goOn {
				break
			}
			before, after, found := bytes.Cut(line, []byte(":"))
			if !found {
				before, after = nil, line
			}
			name = append(name[:0], bytes.TrimRight(before, " \t")...)
			c.id = anyField
			c.more(after)
		} else {
			c.fold(line)
		}
		l.take(line, c.more)
	}
	if goOn {
		flush()
	}
	return l.err
}
