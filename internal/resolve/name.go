package resolve

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Limits of RFC 1035, 2.3.4; a name's 255 octets are 253 characters.
const (
	maxName  = 253
	maxLabel = 63
)

// ToASCII returns a domain name as it is asked for: in lower case, without a
// final dot, and in A-labels where it has letters beyond ASCII. The error is
// an *Error of kind Invalid: an address is not a name.
func ToASCII(name string) (string, error) {
	plain := strings.TrimSuffix(name, ".")
	if isASCII(plain) {
		plain = strings.ToLower(plain)
	} else {
		var err error
		if plain, err = idna.Lookup.ToASCII(plain); err != nil || !utf8.ValidString(name) {
			return "", invalid(name, err, "its international form is wrong")
		}
	}
	if _, err := netip.ParseAddr(strings.Trim(plain, "[]")); err == nil || strings.HasPrefix(plain, "[") {
		return "", invalid(name, nil, "it is an address")
	}
	if reason := wrong(plain); reason != "" {
		return "", invalid(name, nil, reason)
	}
	return plain, nil
}

// wrong says what is wrong with a name of ASCII; "": nothing.
func wrong(name string) string {
	if len(name) > maxName {
		return "it is too long"
	}
	last := ""
	for label := range strings.SplitSeq(name, ".") {
		switch {
		case label == "":
			return "it has an empty label"
		case len(label) > maxLabel:
			return "a label of it is too long"
		case strings.IndexFunc(label, unusual) >= 0:
			return "it has characters that no host name has"
		}
		last = label
	}
	// RFC 1123, 2.1: what ends in a number would be an address.
	if strings.Trim(last, "0123456789") == "" {
		return "it ends in a number"
	}
	return ""
}

func unusual(c rune) bool {
	return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_')
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func invalid(name string, err error, why string) *Error {
	return &Error{Kind: Invalid, Name: name, Err: err, Text: fmt.Sprintf("%q is not a domain name: %s", name, why)}
}
