package mimescan

import (
	"encoding/binary"
	"errors"
)

// ErrFormat is octets that AppendBinary did not write.
var ErrFormat = errors.New("mimescan: not a structure")

// AppendBinary appends the structure below p: spans, types, parameters and
// encodings, but no fields. The form is stable; its first octet is its version.
func (p *Part) AppendBinary(b []byte) []byte {
	b = append(b, 1)
	return p.append(b, 0)
}

func (p *Part) append(b []byte, from int64) []byte {
	kind := byte(p.Kind)
	for i, is := range [...]bool{p.Digest, p.Broken, p.Attachment} {
		if is {
			kind |= 4 << i
		}
	}
	b = append(b, kind)
	b = appendSpan(b, p.Header, from)
	b = appendSpan(b, p.Body, p.Header.End())
	b = appendText(b, p.Type)
	b = appendText(b, p.Subtype)
	b = appendText(b, p.Encoding)
	b = binary.AppendUvarint(b, uint64(len(p.Params)))
	for _, q := range p.Params {
		b = appendText(appendText(b, q.Name), q.Value)
	}
	b = binary.AppendUvarint(b, uint64(len(p.Kids)))
	at := p.Body.Offset
	for _, k := range p.Kids {
		b = k.append(b, at)
		at = k.Body.End()
	}
	return b
}

func appendSpan(b []byte, s Span, from int64) []byte {
	b = binary.AppendUvarint(b, uint64(s.Offset-from))
	b = binary.AppendUvarint(b, uint64(s.Stored))
	b = binary.AppendUvarint(b, uint64(s.Octets-s.Stored))
	return binary.AppendUvarint(b, uint64(s.Lines))
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// ParseBinary reads what AppendBinary wrote and returns what is behind it.
func ParseBinary(b []byte) (*Part, []byte, error) {
	if len(b) == 0 || b[0] != 1 {
		return nil, nil, ErrFormat
	}
	r := &binaryReader{b: b[1:]}
	p := r.part(0, 0)
	if r.bad {
		return nil, nil, ErrFormat
	}
	return p, r.b, nil
}

type binaryReader struct {
	b     []byte
	bad   bool
	parts int
}

func (r *binaryReader) number() int64 {
	n, k := binary.Uvarint(r.b)
	if k <= 0 || n > 1<<56 {
		r.bad = true
		return 0
	}
	r.b = r.b[k:]
	return int64(n)
}

func (r *binaryReader) text() string {
	n := r.number()
	if n > int64(len(r.b)) {
		r.bad = true
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *binaryReader) span(from int64) (s Span) {
	s.Offset = from + r.number()
	s.Stored = r.number()
	s.Octets = s.Stored + r.number()
	s.Lines = r.number()
	return s
}

func (r *binaryReader) part(from int64, depth int) *Part {
	r.parts++
	if r.bad || len(r.b) == 0 || depth > MostDepth || r.parts > MostParts+MostDepth {
		r.bad = true
		return nil
	}
	p := &Part{Kind: Kind(r.b[0] & 3), Digest: r.b[0]&4 != 0, Broken: r.b[0]&8 != 0, Attachment: r.b[0]&16 != 0}
	r.b = r.b[1:]
	p.Header = r.span(from)
	p.Body = r.span(p.Header.End())
	p.Type, p.Subtype, p.Encoding = r.text(), r.text(), r.text()
	for n := r.number(); n > 0 && !r.bad; n-- {
		p.Params = append(p.Params, Param{r.text(), r.text()})
	}
	at := p.Body.Offset
	for n := r.number(); n > 0 && !r.bad; n-- {
		k := r.part(at, depth+1)
		if k == nil {
			return nil
		}
		k.parent = p
		r.bad = r.bad || k.Body.End() > p.Body.End()
		p.Kids = append(p.Kids, k)
		at = k.Body.End()
	}
	if p.Kind > Message || p.Kind == Message && len(p.Kids) != 1 {
		r.bad = true
	}
	return p
}
