package mimescan

// A Span is a range of the stored file. Octets is its size with CRLF.
type Span struct {
	Offset, Stored, Octets, Lines int64
}

// End is the offset behind the span.
func (s Span) End() int64 { return s.Offset + s.Stored }

// A Kind is what a part holds.
type Kind uint8

const (
	Leaf      Kind = iota
	Multipart      // Kids are its parts
	Message        // Kids[0] is the message
)

// A Part is a part of a message, or the message itself.
type Part struct {
	Kind   Kind
	Header Span // with the empty line
	Body   Span
	Kids   []*Part

	// Type and Subtype as they were sent; "" when there is no Content-Type, or,
	// Broken, none that can be read.
	Type, Subtype string
	Broken        bool
	Params        []Param
	Encoding      string // Content-Transfer-Encoding, "" when there is none
	Digest        bool   // stands in a multipart/digest
	Attachment    bool   // says so by Content-Disposition

	// Content has the other MIME fields, Envelope those of a message, in the
	// order of the header, without folding. A cache does not hold them.
	Content  []Field
	Envelope []Field
	top      bool // a message's own header, not a body part's
	parent   *Part
}

// A Param is a parameter of a field. Its value is not decoded: the name of an
// extended one ends in "*" (RFC 2231).
type Param struct{ Name, Value string }

// Param returns the value of a parameter of the part's type.
func (p *Part) Param(name string) string {
	value, _ := param(p.Params, name)
	return value
}

func param(params []Param, name string) (value string, ok bool) {
	for _, p := range params {
		if EqualFold(p.Name, name) {
			return p.Value, true
		}
	}
	return "", false
}

// Text tells whether the part is text, as it is also without a type.
func (p *Part) Text() bool {
	return p.Kind == Leaf && (p.Type == "" && !p.Broken || EqualFold(p.Type, "text"))
}

// Charset is the charset that a text part declares, "" for none.
func (p *Part) Charset() string { return p.Param("charset") }

// Is tells whether the part's type is typ/subtype.
func (p *Part) Is(typ, subtype string) bool {
	return EqualFold(p.Type, typ) && EqualFold(p.Subtype, subtype)
}

// EqualFold compares without regard to ASCII case; b is lower case.
func EqualFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != b[i] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
