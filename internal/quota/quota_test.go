package quota

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A box is a Maildir of a test.
type box struct {
	t   *testing.T
	dir string
	n   int
}

func newBox(t *testing.T) *box {
	b := &box{t: t, dir: t.TempDir()}
	for _, folder := range []string{"", ".Trash", ".Spam.Old", ".&AOk-t&AOk-"} {
		for _, sub := range []string{"tmp", "new", "cur"} {
			if err := os.MkdirAll(filepath.Join(b.dir, folder, sub), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	return b
}

func (b *box) of(rules ...string) *Maildir {
	b.t.Helper()
	r, err := Parse(rules)
	if err != nil {
		b.t.Fatal(err)
	}
	root, err := os.OpenRoot(b.dir)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { root.Close() })
	m := Of(root, r)
	m.lockTime = time.Minute // the machine may be slow; without the lock nothing is exact
	return m
}

// put makes a message of so many octets, with its size in the name if asked.
func (b *box) put(where string, size int, named bool) string {
	b.t.Helper()
	b.n++
	name := fmt.Sprintf("%s/%d.test", where, b.n)
	if named {
		name += fmt.Sprintf(",S=%d:2,ST", size)
	}
	b.write(name, strings.Repeat("x", size))
	return filepath.Join(b.dir, name)
}

func (b *box) write(name, text string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) file() string {
	text, err := os.ReadFile(filepath.Join(b.dir, File))
	if err != nil {
		return "none"
	}
	return string(text)
}

func (b *box) want(text string) {
	b.t.Helper()
	if got := b.file(); got != text {
		b.t.Errorf("maildirsize is %q, want %q", got, text)
	}
}

func (b *box) age(d time.Duration) {
	b.t.Helper()
	at := time.Now().Add(-d)
	if err := os.Chtimes(filepath.Join(b.dir, File), at, at); err != nil {
		b.t.Fatal(err)
	}
}

func inbox(bytes int64) Want { return Want{Folder: "INBOX", Usage: Usage{bytes, 1}} }

// add adds and ends; it returns what became of it.
func add(t *testing.T, m *Maildir, w Want) bool {
	t.Helper()
	c, err := m.Add(w)
	if err != nil && !errors.Is(err, ErrFull) {
		t.Fatalf("Add(%+v): %v", w, err)
	}
	c.End(w.Usage)
	return err == nil
}

// Where nobody asks for a quota none is kept.
func TestNone(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	for _, m := range []*Maildir{b.of(), Of(b.of().root, nil)} {
		if !add(t, m, inbox(1<<40)) {
			t.Error("no room without a limit")
		}
		m.Remove("INBOX").End(Usage{-1, -1})
		if s, err := m.Status(); err != nil || s.Kept {
			t.Errorf("got %+v, %v", s, err)
		}
	}
	b.want("none")
}

// What is added and removed is appended; what has no room is refused, and only after
// a count.
func TestChanges(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	m := b.of("*:bytes=1000:messages=4", "Trash:bytes=+100", "Spam*:ignore")
	step := func(what string, got, want bool, file string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: room %t, want %t", what, got, want)
		}
		b.want(file)
	}
	step("first", add(t, m, inbox(600)), true, "1000S,4C\n0 0\n600 1\n")
	one := b.put("cur", 600, true)
	step("to the brim", add(t, m, inbox(400)), true, "1000S,4C\n0 0\n600 1\n400 1\n")
	b.put("new", 400, true)
	step("one octet more", add(t, m, inbox(1)), false, "1000S,4C\n1000 2\n")
	step("into the trash", add(t, m, Want{Folder: "Trash", Usage: Usage{100, 1}}), true, "1000S,4C\n1000 2\n100 1\n")
	b.put(".Trash/cur", 100, true)
	step("more into the trash", add(t, m, Want{Folder: "Trash", Usage: Usage{1, 1}}), false, "1000S,4C\n1100 3\n")
	step("what does not count", add(t, m, Want{Folder: "Spam/Old", Usage: Usage{5000, 100}}), true, "1000S,4C\n1100 3\n")
	step("moved", add(t, m, Want{Folder: "INBOX", Usage: Usage{100, 1}, Within: true}), true, "1000S,4C\n1100 3\n100 1\n")
	m.Remove("Trash").End(Usage{-100, -1})
	m.Remove("Spam").End(Usage{-100, -1})
	b.want("1000S,4C\n1100 3\n100 1\n-100 -1\n")
	os.Remove(one)
	step("another program has removed", add(t, m, inbox(500)), true, "1000S,4C\n500 2\n500 1\n")
	b.put("cur", 500, true)
	step("count", add(t, m, inbox(0)), true, "1000S,4C\n500 2\n500 1\n0 1\n")
	b.put("cur", 0, true)
	step("too many", add(t, m, inbox(0)), false, "1000S,4C\n1000 4\n")
	c, err := m.Add(Want{Folder: "INBOX", Usage: Usage{1, 1}, Within: true})
	if err != nil {
		t.Fatal(err)
	}
	c.End(Usage{}) // given up
	c.End(Usage{1, 1})
	b.want("1000S,4C\n1000 4\n")
}

// A deliverer may go beyond the limit once.
func TestGrace(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	last := func(n int64) Want { w := inbox(n); w.Last = true; return w }
	m := b.of("*:bytes=1000")
	b.put("cur", 999, true)
	for _, c := range []struct {
		w    Want
		want bool
	}{{inbox(2), false}, {last(102), false}, {last(101), true}} {
		if got := add(t, m, c.w); got != c.want {
			t.Errorf("%+v: got %t", c.w, got)
		}
	}
	b.put("cur", 101, true)
	if add(t, m, last(0)) {
		t.Error("a full mailbox takes one more")
	}
	none, err := m.rules.Grace("0")
	if err != nil {
		t.Fatal(err)
	}
	if add(t, Of(m.root, none), last(1)) {
		t.Error("without grace there is some")
	}
}

// A count that leaves no room is believed for 15 minutes if nothing was added to it;
// otherwise the messages are counted.
func TestTrust(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file  string
		age   time.Duration
		rules string
		room  bool
		now   string
	}{
		"new, one line":         {"1000S\n2000 1\n", 0, "*:bytes=1000", false, "1000S\n2000 1\n"},
		"old":                   {"1000S\n2000 1\n", 16 * time.Minute, "*:bytes=1000", true, "1000S\n0 0\n10 1\n"},
		"two lines":             {"1000S\n1000 1\n1000 1\n", 0, "*:bytes=1000", true, "1000S\n0 0\n10 1\n"},
		"below, old":            {"1000S\n900 1\n", time.Hour, "*:bytes=1000", true, "1000S\n900 1\n10 1\n"},
		"another limit":         {"500S\n900 1\n", 0, "*:bytes=1000", true, "1000S\n0 0\n10 1\n"},
		"its own limit":         {"500S\n400 1\n", 0, "?:bytes=5", true, "500S\n400 1\n10 1\n"},
		"its own limit, full":   {"500S\n500 1\n", 0, "?:bytes=5000", false, "500S\n500 1\n"},
		"its own, nobody asks":  {"500S\n500 1\n", 0, "", false, "500S\n500 1\n"},
		"its own, counted":      {"500S\n500 1\n1 1\n", 0, "", true, "500S\n0 0\n10 1\n"},
		"no limit":              {"0S\n5000 1\n", 0, "", true, "0S\n5000 1\n10 1\n"},
		"torn":                  {"1000S\n900 1\n10", 0, "*:bytes=1000", true, "1000S\n0 0\n10 1\n"},
		"torn, its own":         {"500S\n900 1\n10", 0, "", true, "500S\n0 0\n10 1\n"},
		"empty":                 {"", 0, "?:bytes=7000", true, "7000S\n0 0\n10 1\n"},
		"too long":              {"1000S\n" + strings.Repeat("0 0\n", 2000), 0, "*:bytes=1000", true, "1000S\n0 0\n10 1\n"},
		"negative":              {"1000S\n-5 -1\n", 0, "*:bytes=1000", true, "1000S\n0 0\n10 1\n"},
		"from the future, full": {"1000S\n2000 1\n", -time.Hour, "*:bytes=1000", true, "1000S\n0 0\n10 1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			b.write(File, c.file)
			b.age(c.age)
			m := b.of(strings.Fields(c.rules)...)
			if got := add(t, m, inbox(10)); got != c.room {
				t.Errorf("room %t, want %t", got, c.room)
			}
			b.want(c.now)
		})
	}
}

func BenchmarkAdd(b *testing.B) {
	for name, rules := range map[string][]string{"none": nil, "limit": {"*:storage=1T"}} {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			root, err := os.OpenRoot(dir)
			if err != nil {
				b.Fatal(err)
			}
			defer root.Close()
			if err := root.Mkdir("tmp", 0o700); err != nil {
				b.Fatal(err)
			}
			r, err := Parse(rules)
			if err != nil {
				b.Fatal(err)
			}
			m := Of(root, r)
			b.ReportAllocs()
			for b.Loop() {
				c, err := m.Add(inbox(1000))
				if err != nil {
					b.Fatal(err)
				}
				c.End(Usage{1000, 1})
			}
		})
	}
}
