package imaptest

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// A reader takes a response apart as the grammar has it (RFC 9051, 9) and nothing
// else. After the first octet that cannot be there it takes nothing more.
type reader struct {
	b    []byte // what is left
	utf8 bool   // quoted strings may have UTF-8
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format+", before %.60q", append(args, r.b)...)
	}
}

// at tells whether s is next.
func (r *reader) at(s string) bool { return r.err == nil && bytes.HasPrefix(r.b, []byte(s)) }

// take takes s, if it is next.
func (r *reader) take(s string) bool {
	if !r.at(s) {
		return false
	}
	r.b = r.b[len(s):]
	return true
}

func (r *reader) want(s string) {
	if !r.take(s) {
		r.fail("%q is expected", s)
	}
}

func (r *reader) sp() { r.want(" ") }

// run takes the octets that fit, one at least.
func (r *reader) run(what string, fits func(c byte) bool) string {
	if r.err != nil {
		return ""
	}
	n := 0
	for n < len(r.b) && fits(r.b[n]) {
		n++
	}
	if n == 0 {
		r.fail("%s is expected", what)
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func isAtom(c byte) bool { return c > ' ' && c < 0x7f && !strings.ContainsRune(`(){%*"\]`, rune(c)) }

func (r *reader) atom() string { return r.run("an atom", isAtom) }

// word is an atom in upper case.
func (r *reader) word() string { return strings.ToUpper(r.atom()) }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// number is one of most bits, and of nothing but digits.
func (r *reader) number(bits int) uint64 {
	s := r.run("a number", isDigit)
	n, err := strconv.ParseUint(s, 10, bits)
	if r.err == nil && (err != nil || len(s) > 1 && s[0] == '0') {
		r.fail("%q is no number of %d bits", s, bits)
	}
	return n
}

// positive is a sequence number or UID.
func (r *reader) positive() uint64 {
	n := r.number(32)
	if n == 0 {
		r.fail("the number is 0")
	}
	return n
}

// modSeq is one of RFC 7162.
func (r *reader) modSeq() uint64 { return r.number(63) }

// set is a set of numbers without "*", and count how many they are.
func (r *reader) set() (count uint64) {
	for {
		first := r.positive()
		last := first
		if r.take(":") {
			last = r.positive()
		}
		count += max(first, last) - min(first, last) + 1
		if r.err != nil || !r.take(",") {
			return count
		}
	}
}

// text is a quoted string or a literal.
func (r *reader) text() string {
	if r.take(`"`) {
		return r.quoted()
	}
	return r.literal("{")
}

func (r *reader) quoted() string {
	var s []byte
	for r.err == nil {
		if len(r.b) == 0 {
			r.fail("the string does not end")
			break
		}
		c := r.b[0]
		r.b = r.b[1:]
		switch {
		case c == '"':
			return string(s)
		case c == 0 || c == '\r' || c == '\n' || c >= 0x80 && !r.utf8:
			r.fail("%q in a quoted string", c)
		case c == '\\':
			if len(r.b) == 0 || r.b[0] != '"' && r.b[0] != '\\' {
				r.fail(`a \ in a quoted string`)
				break
			}
			c = r.b[0]
			r.b = r.b[1:]
		}
		s = append(s, c)
	}
	return ""
}

// literal begins with "{", or with "~{" where it may have NUL.
func (r *reader) literal(begin string) string {
	r.want(begin)
	n := r.number(32)
	r.want("}\r\n")
	if r.err != nil {
		return ""
	}
	if n > uint64(len(r.b)) {
		r.fail("a literal of %d octets has %d", n, len(r.b))
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	if begin == "{" && strings.Contains(s, "\x00") {
		r.fail("a NUL in a literal")
	}
	return s
}

// nilOr takes NIL, or what is there in its place; false: NIL.
func (r *reader) nilOr(else_ func()) bool {
	if r.take("NIL") {
		return false
	}
	else_()
	return true
}

// ntext is a string or NIL.
func (r *reader) ntext() (s string, some bool) {
	some = r.nilOr(func() { s = r.text() })
	return s, some
}

func (r *reader) atext() string {
	if r.at(`"`) || r.at("{") {
		return r.text()
	}
	return r.run("an astring", func(c byte) bool { return isAtom(c) || c == ']' })
}

// list is one in parentheses with a space between its members; there are least of
// them or more.
func (r *reader) list(least int, member func()) {
	r.want("(")
	n := 0
	for r.err == nil && !r.take(")") {
		if n > 0 {
			r.sp()
		}
		member()
		n++
	}
	if r.err == nil && n < least {
		r.fail("a list of %d members", n)
	}
}

// mailbox is a mailbox's name, in modified UTF-7 (RFC 3501, 5.1.3) for a client that
// has not asked for another.
func (r *reader) mailbox() string {
	name := r.atext()
	if r.utf8 {
		return name
	}
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c < ' ' || c >= 0x7f:
			r.fail("%q in the name of a mailbox", c)
		case c == '&':
			n := strings.IndexByte(name[i:], '-')
			if n < 0 || strings.Trim(name[i+1:i+n], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,") != "" {
				r.fail("the name %q is not modified UTF-7", name)
				return name
			}
			i += n
		}
	}
	return name
}
