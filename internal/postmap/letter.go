package postmap

import (
	"bytes"
	"fmt"
	"io"
	"iter"

	"yubin/internal/mimescan"
)

// maxLetter is how large a message on standard input may be, octets.
const maxLetter = 1 << 30

// A letter says which lines of a message on standard input are keys: -h, -b, -m.
type letter struct {
	headers, bodies, mime bool
}

// keys yields the keys in the order of the lines: a field of a header, with its
// line ends, and a line of a body, among which are the empty line that ends a
// header, and boundaries. Without mime there is one header. A line that is no
// field ends a header.
func (l letter) keys(r io.Reader) (iter.Seq[string], error) {
	text, err := io.ReadAll(io.LimitReader(r, maxLetter+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxLetter:
		return nil, fmt.Errorf("the message has more than %d octets", maxLetter)
	}
	limits := mimescan.Defaults
	if !l.mime {
		limits.Parts = 1
	}
	top, err := limits.Scan(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return nil, err
	}
	return func(yield func(string) bool) {
		at := int64(0)
		for i, span := range headersOf(top) {
			start := max(at, span.Offset) // an empty header may lie within the line before
			end := max(start, lineEnd(text, span))
			if !l.body(text[at:start], yield) {
				return
			}
			n, more := l.header(text[start:end], yield)
			rest := text[start+int64(n) : end]
			if more && l.bodies && i == 0 && cutShort(rest) {
				more = yield("")
			}
			if !more || !l.body(rest, yield) {
				return
			}
			at = end
		}
		l.body(text[at:], yield)
	}, nil
}

// lineEnd is where the last line of a header ends: the end of the line before a
// boundary is not in the span.
func lineEnd(text []byte, span mimescan.Span) int64 {
	end := span.End()
	if end == span.Offset || text[end-1] == '\n' {
		return end
	}
	if i := bytes.IndexByte(text[end:], '\n'); i >= 0 {
		return end + int64(i) + 1
	}
	return int64(len(text))
}

// headersOf are the headers of a part and of those in it, as they lie in the
// message.
func headersOf(p *mimescan.Part) []mimescan.Span {
	spans := []mimescan.Span{p.Header}
	for _, kid := range p.Kids {
		spans = append(spans, headersOf(kid)...)
	}
	return spans
}

// header yields the fields at the beginning of text and returns where they end.
func (l letter) header(text []byte, yield func(string) bool) (n int, more bool) {
	for n < len(text) {
		end := fieldEnd(text[n:])
		if end == 0 {
			break
		}
		if l.headers && !yield(plain(text[n:n+end])) {
			return n, false
		}
		n += end
	}
	return n, true
}

// cutShort tells whether a header has ended with a line that is no field. Of the
// message's own Postfix's body begins with an empty line then, too.
func cutShort(rest []byte) bool { return len(rest) > 0 && rest[0] != '\n' && rest[0] != '\r' }

// fieldEnd is the length of the field that text begins with, 0 for none.
func fieldEnd(text []byte) int {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	name, _, ok := bytes.Cut(line, []byte(":"))
	name = bytes.TrimRight(name, " \t")
	if !ok || len(name) == 0 || bytes.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return 0
	}
	end := 0
	for {
		i := bytes.IndexByte(text[end:], '\n')
		if i < 0 {
			return len(text)
		}
		end += i + 1
		if end == len(text) || text[end] != ' ' && text[end] != '\t' {
			return end
		}
	}
}

// body yields the lines of text.
func (l letter) body(text []byte, yield func(string) bool) bool {
	if !l.bodies {
		return true
	}
	for line := range bytes.Lines(text) {
		if !yield(plain(line)) {
			return false
		}
	}
	return true
}

// plain is text without the line end behind it, and with LF within.
func plain(text []byte) string {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	return string(bytes.TrimSuffix(text, []byte("\n")))
}
