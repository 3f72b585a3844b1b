package imap

import (
	"bufio"
	"errors"
	"math"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A URL names a message, or a part of one, on the server that it was given to:
// an absolute path, or ";UID=..." for the selected mailbox (RFC 5092, 7 and 11;
// RFC 4469, 3).
type URL struct {
	Mailbox     string // in UTF-8; "": the selected one
	UIDValidity uint32 // 0: not said
	UID         uint32
	Section     Section
	Partial     *Partial // or nil
}

var errURL = errors.New("want /MAILBOX[;UIDVALIDITY=N]/;UID=N[/;SECTION=S][/;PARTIAL=N[.N]]")

// ParseURL reads a URL. Those with a server, a search or an authorization are
// errors.
func ParseURL(s string) (u URL, err error) {
	if strings.HasPrefix(s, "//") || strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' || c == '?' || c == '#' }) {
		return u, errURL
	}
	// Raw semicolons are those of parameters: names have them encoded.
	mailbox, rest, ok := cutParameter(s, "/;UID=")
	switch {
	case ok && len(mailbox) > 1 && mailbox[0] == '/':
		err = u.mailbox(mailbox[1:])
	case !ok:
		if mailbox, rest, ok = cutParameter(s, ";UID="); ok && mailbox == "" {
			break
		}
		fallthrough
	default:
		return u, errURL
	}
	rest, partial, some := cutParameter(rest, "/;PARTIAL=")
	rest, section, cut := cutParameter(rest, "/;SECTION=")
	rest = strings.TrimSuffix(rest, "/")
	if err != nil || !nonZero(rest, &u.UID) || cut && !u.section(section) || some && !u.partial(partial) {
		return URL{}, errURL
	}
	return u, nil
}

// cutParameter cuts s at the first name, in letters of either case.
func cutParameter(s, name string) (before, after string, ok bool) {
	i := strings.Index(upper(s), name)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(name):], true
}

func (u *URL) mailbox(s string) error {
	s, validity, ok := cutParameter(s, ";UIDVALIDITY=")
	if ok && !nonZero(validity, &u.UIDValidity) || strings.Contains(s, ";") {
		return errURL
	}
	s = strings.TrimSuffix(s, "/")
	name, err := url.PathUnescape(s)
	if err != nil || name == "" || !utf8.ValidString(name) {
		return errURL
	}
	u.Mailbox = name
	return nil
}

func nonZero(s string, n *uint32) bool {
	v, err := strconv.ParseUint(s, 10, 32)
	*n = uint32(v)
	return err == nil && v > 0 && s[0] != '+'
}

// section reads a section as FETCH BODY[...] has it.
func (u *URL) section(s string) bool {
	s = strings.TrimSuffix(s, "/")
	text, err := url.PathUnescape(s)
	if err != nil || text == "" || strings.Contains(s, ";") {
		return false
	}
	const most = 1000
	d := NewDecoder(Buffered(bufio.NewReader(strings.NewReader("["+text+"]"))), Limits{Command: most, Literal: most, Nesting: 50},
		func() error { return errURL })
	d.Begin()
	u.Section = d.section(true)
	if d.Err() != nil {
		return false
	}
	_, err = d.r.Peek()
	return err != nil // nothing is behind it
}

func (u *URL) partial(s string) bool {
	offset, size, cut := strings.Cut(s, ".")
	p := &Partial{Size: math.MaxInt64}
	var err, bad error
	if p.Offset, err = strconv.ParseUint(offset, 10, 63); cut {
		p.Size, bad = strconv.ParseUint(size, 10, 63)
	}
	if err != nil || bad != nil || p.Size == 0 {
		return false
	}
	u.Partial = p
	return true
}

// AppendURL appends a URL as BADURL returns it: what a response code cannot
// hold is encoded.
func AppendURL(b []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == ']' || c == '"' || c == '\\' {
			b = append(b, '%', digits[c>>4], digits[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}
