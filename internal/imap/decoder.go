package imap

import (
	"errors"
	"fmt"
	"io"
	"math"
)

// A Source is where commands come from. One octet of looking ahead is all that
// IMAP needs, so that a connection which waits may hold no buffer.
type Source interface {
	io.Reader
	// Peek waits for the next octet and shows it.
	Peek() (byte, error)
	// Take takes the octet that Peek has shown.
	Take()
}

// Limits bound one command.
type Limits struct {
	Command int // octets in memory, literals included
	Literal int // octets of one literal in memory
	Nesting int // parentheses
}

// A SyntaxError is a command that IMAP does not have.
type SyntaxError struct {
	Text string // for the client
	// TooBig: what was sent exceeds a limit.
	TooBig bool
}

func (e *SyntaxError) Error() string { return e.Text }

// A Decoder reads the tokens of commands.
type Decoder struct {
	r        Source
	limits   Limits
	goOn     func() error
	utf8     bool
	eightBit bool // 8-bit text is allowed in the quoted strings of search keys

	left    int // octets that the command may still occupy
	depth   int
	err     error
	pending int64 // octets of a literal that was announced and not read
	refused bool  // a synchronizing literal was not asked for: neither it nor the rest of the line comes
	ended   bool  // the end of the line was read
}

// NewDecoder returns a Decoder that reads from r. goOn asks the client for a
// synchronizing literal.
func NewDecoder(r Source, l Limits, goOn func() error) *Decoder {
	return &Decoder{r: r, limits: l, goOn: goOn}
}

// Reset has the decoder read from r from now on (COMPRESS).
func (d *Decoder) Reset(r Source) { d.r = r }

// AcceptUTF8 allows UTF-8 in quoted strings (RFC 9755, 3).
func (d *Decoder) AcceptUTF8() { d.utf8 = true }

// Begin makes ready for the next command.
func (d *Decoder) Begin() {
	d.left, d.depth, d.err = d.limits.Command, 0, nil
	d.pending, d.refused, d.ended = 0, false, false
}

// Err is the first error since Begin.
func (d *Decoder) Err() error { return d.err }

// Fail makes text the command's error, unless it has one.
func (d *Decoder) Fail(format string, args ...any) {
	if d.err == nil {
		d.err = &SyntaxError{Text: fmt.Sprintf(format, args...)}
	}
}

func (d *Decoder) tooBig(what string) {
	if d.err == nil {
		d.err = &SyntaxError{Text: what + " too long", TooBig: true}
	}
}

// Skip reads to the end of a command that failed. It returns an error when the
// connection cannot go on.
func (d *Decoder) Skip() error {
	var syntax *SyntaxError
	if d.err != nil && !errors.As(d.err, &syntax) {
		return d.err
	}
	for !d.ended && !d.refused {
		if err := d.discard(); err != nil {
			return err
		}
		if err := d.skipLine(); err != nil {
			return err
		}
	}
	return nil
}

// skipLine reads the rest of a line; a literal at its end goes on to the next.
func (d *Decoder) skipLine() error {
	tail := make([]byte, 0, 32)
	for {
		c, err := d.r.Peek()
		if err != nil {
			return err
		}
		d.r.Take()
		if c == '\n' {
			break
		}
		if c == '{' || len(tail) == cap(tail) {
			tail = tail[:0]
		}
		tail = append(tail, c)
	}
	n, sync, ok := announcement(tail)
	d.ended = !ok || sync
	d.pending = n
	return nil
}

// peek returns the next octet without taking it; 0 after an error.
func (d *Decoder) peek() byte {
	if d.err != nil {
		return 0
	}
	c, err := d.r.Peek()
	if err != nil {
		d.err = err
		return 0
	}
	return c
}

// next takes the octet that peek has shown.
func (d *Decoder) next() {
	if d.err != nil {
		return
	}
	if d.left--; d.left < 0 {
		d.tooBig("Command line")
		return
	}
	d.r.Take()
}

// take takes c if it comes next.
func (d *Decoder) take(c byte) bool {
	if d.peek() != c || d.err != nil {
		return false
	}
	d.next()
	return d.err == nil
}

// want takes c, which must come next.
func (d *Decoder) want(c byte) {
	if !d.take(c) {
		d.Fail("Expected %q", c)
	}
}

// SP takes a space. Some clients send several where the grammar has one.
func (d *Decoder) SP() {
	d.want(' ')
	d.spaces()
}

// spaces takes those that the grammar does not have, and some clients send: behind
// the last argument, and on the inner sides of parentheses.
func (d *Decoder) spaces() {
	for d.take(' ') {
	}
}

// Space takes a space if there is one, and tells whether an optional argument
// follows it.
func (d *Decoder) Space() bool {
	if d.peek() != ' ' {
		return false
	}
	d.SP()
	return d.err == nil && !d.AtEnd() && d.peek() != ')'
}

// End takes the end of the command.
func (d *Decoder) End() {
	d.spaces()
	d.take('\r')
	if d.peek() != '\n' {
		d.Fail("Unexpected text behind the command's arguments")
		return
	}
	d.next()
	d.ended = d.err == nil
}

// AtEnd tells whether the end of the command comes next.
func (d *Decoder) AtEnd() bool {
	c := d.peek()
	return c == '\r' || c == '\n'
}

func isAtom(c byte) bool {
	switch c {
	case '(', ')', '{', ' ', '%', '*', '"', '\\', ']':
		return false
	}
	return c > 0x20 && c < 0x7f
}

func isAString(c byte) bool { return isAtom(c) || c == ']' }

// isPattern is list-char.
func isPattern(c byte) bool { return isAString(c) || c == '%' || c == '*' }

func isTag(c byte) bool { return isAString(c) && c != '+' }

// word takes octets as long as in allows them.
func (d *Decoder) word(what string, in func(byte) bool) string {
	var b []byte
	for in(d.peek()) && d.err == nil {
		b = append(b, d.peek())
		d.next()
	}
	if len(b) == 0 {
		d.Fail("Expected %s", what)
	}
	return string(b)
}

// Tag reads a command's tag.
func (d *Decoder) Tag() string { return d.word("a tag", isTag) }

// Atom reads an atom.
func (d *Decoder) Atom() string { return d.word("an atom", isAtom) }

// Keyword reads an atom that is a name of IMAP's, in upper case.
func (d *Decoder) Keyword() string { return upper(d.Atom()) }

// upper is ASCII's upper case.
func upper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// Number64 reads a number of 63 bits.
func (d *Decoder) Number64() uint64 {
	n, digits := uint64(0), 0
	for c := d.peek(); c >= '0' && c <= '9'; c = d.peek() {
		if n > (math.MaxInt64-uint64(c-'0'))/10 {
			d.Fail("Number too large")
			return 0
		}
		n = n*10 + uint64(c-'0')
		digits++
		d.next()
	}
	if digits == 0 {
		d.Fail("Expected a number")
	}
	return n
}

// Number reads a number of 32 bits.
func (d *Decoder) Number() uint32 {
	n := d.Number64()
	if n > math.MaxUint32 {
		d.Fail("Number too large")
		return 0
	}
	return uint32(n)
}

// Positive reads a number of 32 bits that is not 0.
func (d *Decoder) Positive() uint32 {
	n := d.Number()
	if n == 0 {
		d.Fail("Expected a number above 0")
	}
	return n
}

// String reads a quoted string or a literal.
func (d *Decoder) String() string {
	switch d.peek() {
	case '"':
		return d.quoted()
	case '{':
		return d.literalString()
	}
	d.Fail("Expected a string")
	return ""
}

// AString reads an atom or a string.
func (d *Decoder) AString() string {
	if isAString(d.peek()) {
		return d.word("a string", isAString)
	}
	return d.String()
}

// Pattern reads a mailbox name with wildcards.
func (d *Decoder) Pattern() string {
	if isPattern(d.peek()) {
		return d.word("a pattern", isPattern)
	}
	return d.String()
}

// NString reads a string or NIL.
func (d *Decoder) NString() (s string, ok bool) {
	if c := d.peek(); c == '"' || c == '{' {
		return d.String(), true
	}
	if d.Keyword() != "NIL" {
		d.Fail("Expected a string or NIL")
	}
	return "", false
}

func (d *Decoder) quoted() string {
	d.want('"')
	var b []byte
	for d.err == nil {
		c := d.peek()
		switch {
		case c == '"':
			d.next()
			return string(b)
		case c == '\\':
			d.next()
			if c = d.peek(); c != '"' && c != '\\' {
				d.Fail("Unexpected %q behind a backslash", c)
			}
		case c == 0 || c == '\r' || c == '\n':
			d.Fail("Unexpected end of a quoted string")
		case c >= 0x80 && !d.utf8 && !d.eightBit:
			d.Fail("8-bit text in a quoted string: use a literal, or ENABLE UTF8=ACCEPT")
		}
		b = append(b, c)
		d.next()
	}
	return ""
}

// List reads "(" one item or more, or none, ")".
func (d *Decoder) List(item func()) {
	if d.depth++; d.depth > d.limits.Nesting {
		d.tooBig("Nesting of parentheses")
		return
	}
	d.want('(')
	d.spaces()
	for more := true; more && d.err == nil && d.peek() != ')'; more = d.Space() {
		item()
	}
	d.want(')')
	d.depth--
}

// Open tells whether a list comes next.
func (d *Decoder) Open() bool { return d.peek() == '(' }
