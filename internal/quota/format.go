package quota

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxFile is the most octets of a maildirsize that is believed.
const maxFile = 5120

// A sheet is what a maildirsize says.
type sheet struct {
	limit  Usage
	titled bool // there is a first line
	used   Usage
	lines  int // of usage
}

// errStale is a maildirsize whose sums cannot be used; its limits can.
var errStale = errors.New("maildirsize is torn, damaged or too long")

// parse reads a maildirsize. When it returns errStale, limit holds what could be
// read of the limits.
func parse(b []byte) (s sheet, err error) {
	first, rest, ended := bytes.Cut(b, []byte("\n"))
	if !ended {
		return s, errStale
	}
	s.limit, s.titled = parseLimit(string(first)), true
	if len(b) > maxFile || len(rest) == 0 || rest[len(rest)-1] != '\n' {
		return s, errStale
	}
	for len(rest) > 0 {
		var u Usage
		ok := false
		if u, rest, ok = parseLine(rest); !ok {
			return s, errStale
		}
		s.used = s.used.plus(u)
		s.lines++
	}
	if s.used.Bytes < 0 || s.used.Count < 0 {
		return s, errStale
	}
	return s, nil
}

// parseLimit reads "1000S,10C". What it does not know it passes over, as others
// do.
func parseLimit(line string) (u Usage) {
	for word := range strings.SplitSeq(line, ",") {
		word = strings.TrimSpace(word)
		if len(word) < 2 {
			continue
		}
		n, err := strconv.ParseUint(word[:len(word)-1], 10, 64)
		if errors.Is(err, strconv.ErrRange) {
			n, err = most, nil
		}
		if err != nil {
			continue
		}
		switch v := int64(min(n, most)); word[len(word)-1] {
		case 'S':
			u.Bytes = v
		case 'C':
			u.Count = v
		}
	}
	return u
}

// parseLine reads a pair of numbers and the end of the line.
func parseLine(b []byte) (u Usage, rest []byte, ok bool) {
	var ok1, ok2 bool
	u.Bytes, b, ok1 = parseNumber(b)
	u.Count, b, ok2 = parseNumber(b)
	b = skipBlanks(b)
	if !ok1 || !ok2 || len(b) == 0 || b[0] != '\n' {
		return u, nil, false
	}
	return u, b[1:], true
}

// parseNumber reads a number and what is blank before it. By hand, since each
// delivery reads hundreds of lines.
func parseNumber(b []byte) (n int64, rest []byte, ok bool) {
	b = skipBlanks(b)
	sign := int64(1)
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		if b[0] == '-' {
			sign = -1
		}
		b = b[1:]
	}
	digits := 0
	for digits < len(b) && b[digits] >= '0' && b[digits] <= '9' && n <= most {
		n = n*10 + int64(b[digits]-'0')
		digits++
	}
	rest = b[digits:]
	ends := len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r' || rest[0] == '\n')
	return sign * n, rest, digits > 0 && n <= most && ends
}

func skipBlanks(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\r') {
		b = b[1:]
	}
	return b
}

// appendLimit writes the first line, as Dovecot does, which compares it.
func appendLimit(b []byte, u Usage) []byte {
	switch {
	case u.Count == 0:
		return fmt.Appendf(b, "%dS\n", u.Bytes)
	case u.Bytes == 0:
		return fmt.Appendf(b, "%dC\n", u.Count)
	}
	return fmt.Appendf(b, "%dS,%dC\n", u.Bytes, u.Count)
}

func appendLine(b []byte, u Usage) []byte { return fmt.Appendf(b, "%d %d\n", u.Bytes, u.Count) }
