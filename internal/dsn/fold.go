package dsn

import (
	"bytes"
	"strings"

	"yubin/internal/header"
)

// bound makes s one clean line of bounded length.
func bound(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "..."
	}
	return header.Line([]byte(strings.ReplaceAll(s, "\n", " ")))
}

// Line lengths: where lines are broken if they can be (RFC 5322, 2.1.1), and
// where they are broken whatever stands there.
const (
	softLine = 76
	hardLine = 900
)

// fold writes s, a paragraph or a field, in lines of some 76 octets, all but the
// first indented. A run without spaces that is longer than a line may be is
// broken between two characters.
func fold(b *bytes.Buffer, s string) { foldBy(b, s, "    ") }

// foldBy is fold with what lines but the first begin with.
func foldBy(b *bytes.Buffer, s, indent string) {
	for {
		s = strings.TrimLeft(s, " ")
		n := len(s)
		if n > softLine {
			n = breakAt(s)
		}
		b.WriteString(strings.TrimRight(s[:n], " "))
		b.WriteByte('\n')
		if s = strings.TrimLeft(s[n:], " "); s == "" {
			return
		}
		b.WriteString(indent)
	}
}

// breakAt returns where to break s, which is longer than softLine.
func breakAt(s string) int {
	if i := strings.LastIndexByte(s[:softLine], ' '); i > 0 {
		return i
	}
	if i := strings.IndexByte(s[:min(len(s), hardLine)], ' '); i > 0 {
		return i
	}
	if len(s) <= hardLine {
		return len(s)
	}
	n := hardLine
	for n > hardLine-4 && s[n]&0xc0 == 0x80 {
		n--
	}
	return n
}
