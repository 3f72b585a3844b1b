package smtp

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// Limits, octets. RFC 5321, 4.5.3.1 asks for at least MaxLocal, MaxDomain and
// MaxPath, and asks to take more where that is possible: mailing lists and
// sender rewriting make local parts longer than 64. Only MaxDomain (which the
// DNS has too) and MaxAddress are enforced unless the caller is strict.
const (
	MaxLocal   = 64
	MaxDomain  = 255
	MaxPath    = 256
	MaxAddress = 900 // fits a header line of 998 octets, quoted
)

// Errors of Check.
var (
	errControl = errors.New("control character in address")
	errUTF8    = errors.New("address is not valid UTF-8")
	errLong    = errors.New("address is too long")
)

// Check tells whether addr, in internal form, may enter the system: valid
// UTF-8, no control characters, not too long. It says nothing of its syntax.
func Check(addr string) error {
	if len(addr) > MaxAddress {
		return errLong
	}
	if !utf8.ValidString(addr) {
		return errUTF8
	}
	// C1 controls too: terminals and log readers obey them.
	for _, c := range addr {
		if c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029' {
			return errControl
		}
	}
	return nil
}

// SplitAddress parts an address in internal form at its last @. Without one,
// domain is empty.
func SplitAddress(addr string) (local, domain string) {
	i := strings.LastIndexByte(addr, '@')
	if i < 0 {
		return addr, ""
	}
	return addr[:i], addr[i+1:]
}

// JoinAddress is the inverse of SplitAddress.
func JoinAddress(local, domain string) string {
	if domain == "" {
		return local
	}
	return local + "@" + domain
}

// FoldDomain returns addr with its domain in lower case. The local part is left
// as it is (RFC 5321, 2.4).
func FoldDomain(addr string) string {
	local, domain := SplitAddress(addr)
	return JoinAddress(local, strings.ToLower(domain))
}

// Quote returns the external form of addr: the local part is quoted if it needs
// to be (RFC 5321, 4.1.2).
func Quote(addr string) string {
	if addr == "" {
		return ""
	}
	i := strings.LastIndexByte(addr, '@')
	local, rest := addr, ""
	if i >= 0 {
		local, rest = addr[:i], addr[i:]
	}
	if dotString(local) {
		return addr
	}
	var b strings.Builder
	b.Grow(len(addr) + 4)
	b.WriteByte('"')
	for i := range len(local) {
		if c := local[i]; c == '"' || c == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(local[i])
	}
	b.WriteByte('"')
	b.WriteString(rest)
	return b.String()
}

// dotString tells whether local needs no quotes: atoms with single dots between
// (RFC 5321, 4.1.2; RFC 6531, 3.3 for octets above 127).
func dotString(local string) bool {
	dot := true // as if behind a dot
	for i := range len(local) {
		switch c := local[i]; {
		case c == '.':
			if dot {
				return false
			}
			dot = true
		case !atext(c):
			return false
		default:
			dot = false
		}
	}
	return !dot
}

// atext is RFC 5322, 3.2.3's, and any octet of a non-ASCII character.
func atext(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c >= 0x80:
		return true
	}
	return strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}
