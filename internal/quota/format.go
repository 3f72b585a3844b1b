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
	for line := range bytes.SplitSeq(rest[:len(rest)-1], []byte("\n")) {
		u, ok := parseLine(string(line))
		if !ok {
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

// parseLine reads a pair of numbers.
func parseLine(line string) (u Usage, ok bool) {
	words := strings.Fields(line)
	if len(words) != 2 {
		return u, false
	}
	var err1, err2 error
	u.Bytes, err1 = strconv.ParseInt(words[0], 10, 64)
	u.Count, err2 = strconv.ParseInt(words[1], 10, 64)
	within := func(n int64) bool { return n >= -most && n <= most }
	return u, err1 == nil && err2 == nil && within(u.Bytes) && within(u.Count)
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
