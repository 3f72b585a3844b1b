package quota

import (
	"fmt"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"1000S\n10 1\n", "1000 0 used 10 1 lines 1"},
		{"1000S,5C\n10 1\n20 1\n-10 -1\n", "1000 5 used 20 1 lines 3"},
		{"5C,1000S\n0 0\n", "1000 5 used 0 0 lines 1"},
		{"5C\n0 0\n", "0 5 used 0 0 lines 1"},
		{"0S\n12 1\n", "0 0 used 12 1 lines 1"},
		{"\n12 1\n", "0 0 used 12 1 lines 1"},
		{"1000s,x,3Q,C,S\n12 1\n", "0 0 used 12 1 lines 1"},
		{"1000S\n        10            1  \n+5 +1\n", "1000 0 used 15 2 lines 2"},
		{"99999999999999999999999S\n1 1\n", "1125899906842624 0 used 1 1 lines 1"},
		{"1000S\n", "1000 0 stale"},
		{"1000S", "0 0 stale"},
		{"", "0 0 stale"},
		{"1000S\n10 1\n5", "1000 0 stale"},
		{"1000S\n10 1\n\n", "1000 0 stale"},
		{"1000S\n10\n", "1000 0 stale"},
		{"1000S\n10 1 1\n", "1000 0 stale"},
		{"1000S\n10 1\n\x00\x00\x00", "1000 0 stale"},
		{"1000S\n10 1\n-11 -1\n", "1000 0 stale"},
		{"1000S\n10 1\n0 -2\n", "1000 0 stale"},
		{"1000S\n99999999999999999999 1\n", "1000 0 stale"},
		{"1000S\n" + strings.Repeat("1 1\n", 2000), "1000 0 stale"},
	} {
		s, err := parse([]byte(c.text))
		got := fmt.Sprintf("%d %d", s.limit.Bytes, s.limit.Count)
		if err != nil {
			got += " stale"
		} else {
			got += fmt.Sprintf(" used %d %d lines %d", s.used.Bytes, s.used.Count, s.lines)
		}
		if got != c.want {
			t.Errorf("%.40q: got %s, want %s", c.text, got, c.want)
		}
	}
}

// Whatever a maildirsize holds, sums that are believed are not negative and not
// beyond what the numbers of a file can add up to; and what is written for them is
// read as the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"1000S,5C\n10 1\n", "0S\n", "5C\n-1 -1\n", "1S\n1 1\n2", "\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parse(b)
		if s.limit.Bytes < 0 || s.limit.Count < 0 || s.limit.Bytes > most || s.limit.Count > most {
			t.Fatalf("limits %+v", s.limit)
		}
		if err != nil {
			return
		}
		if s.used.Bytes < 0 || s.used.Count < 0 || s.lines < 1 || len(b) > maxFile {
			t.Fatalf("believed: %+v", s)
		}
		if s.used.Bytes > most || s.used.Count > most {
			return
		}
		back, err := parse(appendLine(appendLimit(nil, s.limit), s.used))
		if err != nil || back.limit != s.limit || back.used != s.used || back.lines != 1 {
			t.Fatalf("%+v became %+v, %v", s, back, err)
		}
	})
}
