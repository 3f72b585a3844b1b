package downgrade

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// Structures that cost a parser dear: depth, parts without number, lines that look
// like boundaries of all levels, fields without end. Each is large, and
// anything but linear time would show.
func TestHostileStructure(t *testing.T) {
	t.Parallel()
	var deep strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&deep, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	var open strings.Builder
	for i := range 100 {
		fmt.Fprintf(&open, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	for name, message := range map[string]string{
		"depth":             deep.String() + "\xe4\n",
		"messages":          strings.Repeat("Content-Type: message/rfc822\n\n", 5000) + "\xe4\n",
		"parts":             "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\n\xe4\n", 10000),
		"almost a boundary": open.String() + "\n" + strings.Repeat("--"+strings.Repeat("b", 150)+"\n", 2000),
		"fields":            strings.Repeat("Content-Type: multipart/mixed; boundary=b\n", 2000) + "\n--b\n\n\xe4\n",
		"folded":            "Content-Type: multipart/mixed;\n" + strings.Repeat(" x=y;\n", 20000) + " boundary=b\n\n\xe4\n",
		"a line":            strings.Repeat("\xe4", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			if got := convert(t, message); name != "a line" && !strings.Contains(got, "=E4") && strings.Contains(message, "\xe4") {
				t.Errorf("%d octets became %d, and no 8-bit octet was encoded", len(message), len(got))
			}
			x, err := NewText(func() io.Reader { return strings.NewReader(wire(message) + "\x00") }, Shape{})
			if err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, x.Reader()); err != nil || n != x.Size() {
				t.Errorf("text of %d octets, %v; want %d", n, err, x.Size())
			}
		})
	}
}
