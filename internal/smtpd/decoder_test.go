package smtpd

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// decode feeds data in pieces of the given sizes, the last of which repeats.
func decode(data string, sizes ...int) (content string, used int, done, bare bool) {
	var d decoder
	var out bytes.Buffer
	for rest := data; rest != "" && !done; {
		n := min(sizes[0], len(rest))
		if len(sizes) > 1 {
			sizes = sizes[1:]
		}
		var took int
		took, done = d.feed([]byte(rest[:n]), func(p []byte) { out.Write(p) })
		used += took
		rest = rest[took:]
	}
	return out.String(), used, done, d.bare
}

func TestDecoder(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, data, content string
		end                 bool // the data ends the message
		bare                bool
	}{
		{"empty", ".\r\n", "", true, false},
		{"line", "a\r\n.\r\n", "a\n", true, false},
		{"dots", "..\r\n...\r\n.a\r\n. b\r\n.\r\n", ".\n..\na\n b\n", true, false},
		{"dot in the middle", "a.\r\nb\r\n.\r\n", "a.\nb\n", true, false},
		{"8 bit and NUL", "\xff\x00\r\n.\r\n", "\xff\x00\n", true, false},
		{"dot, CR, text", ".\rx\r\n.\r\n", "\rx\n", true, false},
		{"dot, two CR", ".\r\r\n.\r\n", "\r\n", true, false},

		// What smugglers of mail hope that one side takes for an end of data
		// and the other not: CVE-2023-51764, 51765, 51766 and after.
		{"LF . LF", "a\n.\nb", "a\n.\nb", false, true},
		{"LF . CRLF", "a\n.\r\nb", "a\n.\nb", false, true},
		{"CRLF . LF", "a\r\n.\nb", "a\n.\nb", false, true},
		{"CR . CR", "a\r.\rb", "a\r.\rb", false, false},
		{"CR . CRLF", "a\r.\r\nb", "a\r.\nb", false, false},
		{"CRLF . CR", "a\r\n.\rb", "a\n\rb", false, false},
		{"CR . LF", "a\r.\nb", "a\r.\nb", false, true},
		{"LF . CR", "a\n.\rb", "a\n\rb", false, true},
		{"CR CRLF . CRLF", "a\r\r\n.\r\n", "a\r\n", true, false},
		{"CRLF . CR CRLF", "a\r\n.\r\r\nb", "a\n\r\nb", false, false},
		{"CRLF CR . CRLF", "a\r\n\r.\r\nb", "a\n\r.\nb", false, false},
		{"CRLF NUL . CRLF", "a\r\n\x00.\r\nb", "a\n\x00.\nb", false, false},
		{"CRLF . NUL CRLF", "a\r\n.\x00\r\nb", "a\n\x00\nb", false, false},
		{"LF CRLF . CRLF", "a\n\r\n.\r\n", "a\n\n", true, true},
		{"LF LF . CRLF", "a\n\n.\r\nb", "a\n\n.\nb", false, true},
		{"dot at the start, LF", ".\nb", ".\nb", false, true},
		{"LF .. CRLF", "a\n..\r\nb", "a\n.\nb", false, true},
		{"VT . CRLF", "a\r\v.\r\n", "a\r\v.\n", false, false},
		{"U+0085", "a\x85.\x85\r\n", "a\x85.\x85\n", false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for size := 1; size <= len(tc.data); size++ {
				content, used, done, bare := decode(tc.data, size)
				// What the last piece leaves open (a CR at the very end) is
				// not content yet.
				if content != tc.content || done != tc.end || used != len(tc.data) || bare != tc.bare {
					t.Errorf("%q in pieces of %d: %q, %d used, done %t, bare %t; want %q, done %t, bare %t",
						tc.data, size, content, used, done, bare, tc.content, tc.end, tc.bare)
				}
			}
		})
	}
}

// All strings of dots, CRs, LFs and a letter: no other sequence than CR LF .
// CR LF ends a message.
func TestOnlyOneEnd(t *testing.T) {
	t.Parallel()
	const letters = ".\r\nx"
	buf := make([]byte, 8)
	for n := range 1 << 16 {
		for i := range buf {
			buf[i] = letters[n>>(2*i)&3]
		}
		data := string(buf)
		_, used, done, _ := decode(data, 3)
		wantUsed, wantDone := wantEnd(data)
		if used != wantUsed || done != wantDone {
			t.Fatalf("%q: used %d, done %t; want %d, %t", data, used, done, wantUsed, wantDone)
		}
	}
}

func wantEnd(data string) (used int, done bool) {
	// The CR LF of the command stands in front of the data.
	if i := strings.Index("\r\n"+data, "\r\n.\r\n"); i >= 0 {
		return i + 3, true
	}
	return len(data), false
}

// Whatever the data and however it is cut: the message ends at the first CR LF
// . CR LF and nowhere else, the content is the same, and no line of it came
// from two.
func FuzzDecoder(f *testing.F) {
	f.Add("a\r\n..b\r\n.\r\nQUIT\r\n", 1, 3)
	f.Add("a\n.\n.\r\n\r.\r\n", 2, 1)
	f.Add(".\r\r\n\r\n.\r", 4, 2)
	f.Fuzz(func(t *testing.T, data string, a, b int) {
		a, b = max(1, a%64), max(1, b%64)
		content, used, done, bare := decode(data, max(1, len(data)))
		wantUsed, wantDone := wantEnd(data)
		if used != wantUsed || done != wantDone {
			t.Fatalf("%q: used %d, done %t; want %d, %t", data, used, done, wantUsed, wantDone)
		}
		if content2, used2, done2, bare2 := decode(data, a, b); content2 != content || used2 != used || done2 != done || bare2 != bare {
			t.Fatalf("%q cut at %d and every %d: %q, %d, %t, %t; whole: %q, %d, %t, %t",
				data, a, b, content2, used2, done2, bare2, content, used, done, bare)
		}
		if want := reference(data[:used], done); content != want {
			t.Fatalf("%q: content %q, want %q", data, content, want)
		}
	})
}

// reference decodes line by line, without regard to speed.
func reference(data string, done bool) string {
	if done {
		data = data[:len(data)-len(".\r\n")]
	}
	var out strings.Builder
	afterBare := false
	for data != "" {
		line, rest, ended := strings.Cut(data, "\n")
		crlf := ended && strings.HasSuffix(line, "\r")
		line = strings.TrimSuffix(line, "\r") // at the very end: not known yet
		switch {
		case !ended:
			if line == "." { // not known yet
				line = ""
			}
			out.WriteString(strings.TrimPrefix(line, "."))
			return out.String()
		case line == "." && (!crlf || afterBare):
		default:
			line = strings.TrimPrefix(line, ".")
		}
		fmt.Fprintf(&out, "%s\n", line)
		afterBare = !crlf
		data = rest
	}
	return out.String()
}

func BenchmarkDecoder(b *testing.B) {
	data := []byte(strings.Repeat(strings.Repeat("x", 70)+"\r\n", 450))
	work := make([]byte, len(data))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		var d decoder
		copy(work, data)
		d.feed(work, func([]byte) {})
	}
}
