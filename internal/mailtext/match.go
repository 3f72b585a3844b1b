package mailtext

import (
	"bytes"
	"unicode/utf8"
)

// A Matcher looks for strings in a stream of text, without regard to case. Found
// tells which have been met. Between streams Break keeps a string from being found
// across them.
type Matcher struct {
	needles [][]byte
	Found   []bool
	missing int
	longest int
	hay     []byte // folded text, with the end of what was looked at
	cut     []byte // of a character at the end of the last write
}

// NewMatcher returns a Matcher of strings in UTF-8. An empty string is in any text.
func NewMatcher(needles []string) *Matcher {
	m := &Matcher{Found: make([]bool, len(needles))}
	for _, s := range needles {
		n := AppendFold(nil, []byte(s))
		m.needles = append(m.needles, n)
		m.longest = max(m.longest, len(n))
	}
	m.Reset()
	return m
}

// Reset forgets what was found.
func (m *Matcher) Reset() {
	m.missing = 0
	for i, n := range m.needles {
		m.Found[i] = len(n) == 0
		if !m.Found[i] {
			m.missing++
		}
	}
	m.Break()
}

// Break begins another text.
func (m *Matcher) Break() { m.hay, m.cut = m.hay[:0], m.cut[:0] }

// Done tells whether every string has been found.
func (m *Matcher) Done() bool { return m.missing == 0 }

// Write looks at more of a text in UTF-8.
func (m *Matcher) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 && !m.Done() {
		part := p[:min(len(p), chunk)]
		p = p[len(part):]
		if len(m.cut) > 0 {
			part = append(m.cut, part...)
			m.cut = nil
		}
		if n := incomplete(part); n > 0 {
			m.cut = append([]byte(nil), part[len(part)-n:]...)
			part = part[:len(part)-n]
		}
		m.hay = AppendFold(m.hay, part)
		m.look()
		keep := min(len(m.hay), m.longest-1)
		m.hay = append(m.hay[:0], m.hay[len(m.hay)-keep:]...)
	}
	return total, nil
}

// incomplete returns how many octets at the end of b begin a character.
func incomplete(b []byte) int {
	for n := 1; n <= min(len(b), utf8.UTFMax-1); n++ {
		if c := b[len(b)-n]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}

func (m *Matcher) look() {
	for i, n := range m.needles {
		if !m.Found[i] && bytes.Contains(m.hay, n) {
			m.Found[i] = true
			m.missing--
		}
	}
}

// WriteString looks at more of a text.
func (m *Matcher) WriteString(s string) { m.Write([]byte(s)) }

// FieldContains tells whether the value of a header field has the string that
// was folded in it, when its encoded words are decoded.
func FieldContains(value []byte, folded string) bool {
	if ascii(value) < len(value) || bytes.Contains(value, []byte("=?")) {
		return bytes.Contains(AppendFold(nil, []byte(DecodeWords(string(value)))), []byte(folded))
	}
	return containsASCII(value, folded)
}

// containsASCII tells whether s, which is ASCII, has what was folded in it.
func containsASCII(s []byte, folded string) bool {
	if folded == "" {
		return true
	}
	for first, n := folded[0], len(s)-len(folded); n >= 0; n-- {
		if upper[s[n]] == first && equalASCII(s[n:n+len(folded)], folded) {
			return true
		}
	}
	return false
}

func equalASCII(s []byte, folded string) bool {
	for i, c := range s {
		if upper[c] != folded[i] {
			return false
		}
	}
	return true
}
