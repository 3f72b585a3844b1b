// Package imaptest is for tests that compare IMAP answers with those of another
// server: it reads answers and writes them in one form, whichever way their strings
// were sent, and it reads lists of odd messages. No program imports it.
package imaptest

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// longString is from how many octets on a string is told by length and checksum.
const longString = 60

// Canonical writes a whole answer, such as an ENVELOPE, in one form.
func Canonical(b []byte) (string, error) {
	s, rest, err := Prefix(b)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%q behind the answer", rest)
	}
	return s, err
}

var errEnd = errors.New("the answer ends early")

var literal = regexp.MustCompile(`^~?\{(\d+)\}\r\n`)
var atom = regexp.MustCompile(`^[^ ()"{\r\n]+`)

// Prefix writes the value that b begins with.
func Prefix(b []byte) (s string, rest []byte, err error) {
	if m := literal.FindSubmatch(b); m != nil {
		n, _ := strconv.Atoi(string(m[1]))
		b = b[len(m[0]):]
		if len(b) < n {
			return "", nil, errEnd
		}
		return String(b[:n]), b[n:], nil
	}
	switch {
	case len(b) == 0:
		return "", nil, errEnd
	case b[0] == '(':
		return list(b[1:])
	case b[0] == '"':
		return quoted(b[1:])
	}
	a := atom.Find(b)
	if a == nil {
		return "", nil, fmt.Errorf("%.40q is no value", b)
	}
	return string(a), b[len(a):], nil
}

func list(b []byte) (string, []byte, error) {
	var values []string
	for len(b) > 0 && b[0] != ')' {
		if b[0] == ' ' {
			b = b[1:]
			continue
		}
		s, rest, err := Prefix(b)
		if err != nil {
			return "", nil, err
		}
		values, b = append(values, s), rest
	}
	if len(b) == 0 {
		return "", nil, errEnd
	}
	return "(" + strings.Join(values, " ") + ")", b[1:], nil
}

func quoted(b []byte) (string, []byte, error) {
	var s []byte
	for len(b) > 0 && b[0] != '"' {
		if b[0] == '\\' {
			if b = b[1:]; len(b) == 0 {
				break
			}
		}
		s, b = append(s, b[0]), b[1:]
	}
	if len(b) == 0 {
		return "", nil, errEnd
	}
	return String(s), b[1:], nil
}

// String writes a string in one form.
func String(s []byte) string {
	if len(s) > longString {
		return fmt.Sprintf("#%d:%08x", len(s), crc32.ChecksumIEEE(s))
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		if c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			fmt.Fprintf(&b, `\x%02x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String() + `"`
}

var fetch = regexp.MustCompile(`^\* (\d+) FETCH \(`)
var item = regexp.MustCompile(`^(?:[A-Z]+\[[^\]]*\]|[A-Z0-9.]+) `)

// Fetches reads what a server sent and returns the FETCH items in it, by sequence
// number and name.
func Fetches(out []byte) (map[int]map[string]string, error) {
	all := map[int]map[string]string{}
	for len(out) > 0 {
		m := fetch.FindSubmatch(out)
		if m == nil {
			_, out, _ = bytes.Cut(out, []byte("\n"))
			continue
		}
		n, _ := strconv.Atoi(string(m[1]))
		if all[n] == nil {
			all[n] = map[string]string{}
		}
		for out = out[len(m[0]):]; len(out) > 0 && out[0] != ')'; out = bytes.TrimPrefix(out, []byte(" ")) {
			name := item.Find(out)
			if name == nil {
				return nil, fmt.Errorf("message %d: %.40q is no FETCH item", n, out)
			}
			s, rest, err := Prefix(out[len(name):])
			if err != nil {
				return nil, fmt.Errorf("message %d: %s: %w", n, name, err)
			}
			all[n][strings.TrimSuffix(string(name), " ")] = s
			out = rest
		}
	}
	return all, nil
}

// A Message is a stored message with a name.
type Message struct {
	Name string
	Text []byte
}

// Messages reads a list of messages: on each line a name, and a text as quoted
// strings of Go, some of them repeated ("100*"x"").
func Messages(file string) (list []Message, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(b)) {
		name, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		m := Message{Name: name}
		for rest != "" {
			n := 1
			if i := strings.IndexByte(rest, '"'); i > 0 {
				if n, err = strconv.Atoi(rest[:i-1]); err != nil {
					return nil, fmt.Errorf("%s: %s: %w", file, name, err)
				}
				rest = rest[i:]
			}
			text, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", file, name, err)
			}
			s, _ := strconv.Unquote(text)
			m.Text = append(m.Text, strings.Repeat(s, n)...)
			rest = strings.TrimPrefix(rest[len(text):], " ")
		}
		list = append(list, m)
	}
	return list, nil
}
