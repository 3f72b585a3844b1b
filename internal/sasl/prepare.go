package sasl

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Prepare is prepare for those who keep passwords: what is computed from one
// must be computed from the same form of it.
func Prepare(s string) string { return prepare(s) }

// prepare brings a name or a password into the form that both sides compute
// with: SASLprep (RFC 4013), as far as it changes a string. What SASLprep
// forbids is left for the server to refuse.
func prepare(s string) string {
	ascii := true
	for i := 0; i < len(s); i++ {
		ascii = ascii && s[i] < 0x80
	}
	if ascii {
		return s
	}
	return norm.NFKC.String(strings.Map(func(c rune) rune {
		switch {
		// RFC 3454, C.1.2: spaces that are not ASCII's.
		case c == 0xA0, c == 0x1680, c >= 0x2000 && c <= 0x200B, c == 0x202F, c == 0x205F, c == 0x3000:
			return ' '
		// RFC 3454, B.1: nothing is left of these.
		case c == 0xAD, c == 0x34F, c == 0x1806, c >= 0x180B && c <= 0x180D, c == 0x200C, c == 0x200D,
			c == 0x2060, c >= 0xFE00 && c <= 0xFE0F, c == 0xFEFF:
			return -1
		}
		return c
	}, s))
}
