package maillog

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText is the longest text of a line, octets: with the prefix it stays
// below the 8 KiB at which syslog daemons cut.
const maxText = 4096

// Clean returns s as one line of printable UTF-8: every control character,
// every other character that does not print, and every octet that is not UTF-8
// becomes a question mark.
func Clean(s string) string {
	if isPlain(s) {
		return s
	}
	// strings.Map shows an octet that is not UTF-8 as RuneError.
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// isPlain spares nearly every line the walk over runes.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// cut shortens s to at most n octets, between two characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
