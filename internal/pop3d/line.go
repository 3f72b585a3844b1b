package pop3d

import (
	"strconv"
	"strings"

	"yubin/internal/login"
)

// Longest lines, octets. RFC 2449, 4, has 255 for a command; an AUTH command
// with its initial response and what answers a challenge may be longer
// (RFC 5034, 4: at least 12,288).
const (
	loginLine   = login.MaxResponse
	sessionLine = 1 << 10
)

// split parts a command line into the verb, in upper case, and what follows the
// blank behind it: a password may begin and end with blanks.
func split(line []byte) (verb, args string) {
	verb, args, _ = strings.Cut(string(line), " ")
	return strings.ToUpper(verb), args
}

// number reads a message number, or TOP's number of lines: digits.
func number(s string) (n int, ok bool) {
	if s == "" || len(s) > 10 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}

// shown is what a reply repeats of a verb.
func shown(verb string) string {
	const most = 40
	clean := strings.Map(func(r rune) rune {
		if r < '!' || r > '~' {
			return '?'
		}
		return r
	}, verb)
	return clean[:min(len(clean), most)]
}
