package quota

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestRules(t *testing.T) {
	t.Parallel()
	const g = 1 << 30
	for _, c := range []struct {
		rules  string // default; account
		folder string
		want   string
	}{
		{"", "INBOX", "0 0 forced false ignored false"},
		{"*:storage=1G", "INBOX", fmt.Sprint(g, " 0 forced true ignored false")},
		{"*:storage=1000", "INBOX", "1024000 0 forced true ignored false"},
		{"*:bytes=1000:messages=5", "INBOX", "1000 5 forced true ignored false"},
		{"*:bytes=1000B", "INBOX", "1000 0 forced true ignored false"},
		{"*:bytes=10MB", "INBOX", "10485760 0 forced true ignored false"},
		{"?:bytes=1000", "INBOX", "1000 0 forced false ignored false"},
		{"*:storage=0", "INBOX", "0 0 forced true ignored false"},
		{"*:bytes=1000 *:messages=3", "INBOX", "0 3 forced true ignored false"},
		{"*:bytes=1000 Trash:bytes=+100", "Trash", "1100 0 forced true ignored false"},
		{"*:bytes=1000 Trash:bytes=100", "Trash", "1100 0 forced true ignored false"},
		{"*:bytes=1000 Trash:bytes=+10%", "Trash", "1100 0 forced true ignored false"},
		{"*:bytes=1000 Trash:bytes=-10%", "Trash", "900 0 forced true ignored false"},
		{"*:bytes=1000 Trash:bytes=-2000", "Trash", "1 0 forced true ignored false"},
		{"*:bytes=1000 Trash:bytes=+100", "Trash/Old", "1000 0 forced true ignored false"},
		{"*:bytes=1000 Trash*:bytes=+100", "Trash/Old", "1100 0 forced true ignored false"},
		{"*:bytes=1000 Tra?h:bytes=+100", "Trash", "1100 0 forced true ignored false"},
		{"*:bytes=1000 A.B:ignore", "A/B", "1000 0 forced true ignored true"},
		{"*:bytes=1000 inbox:bytes=+1", "INBOX", "1001 0 forced true ignored false"},
		{"*:messages=10 Trash:bytes=+100:messages=+1", "Trash", "0 11 forced true ignored false"},
		{"*:bytes=1000 Trash:ignore|*:bytes=5", "INBOX", "5 0 forced true ignored false"},
		{"*:bytes=1000 Trash:ignore|*:bytes=5", "Trash", "5 0 forced true ignored true"},
		{"*:bytes=1000 Trash:ignore|Trash:bytes=+7", "Trash", "1007 0 forced true ignored false"},
		{"*:bytes=1000|?:bytes=3", "INBOX", "3 0 forced false ignored false"},
	} {
		first, account, _ := strings.Cut(c.rules, "|")
		r, err := Parse(strings.Fields(first))
		if err == nil {
			r, err = r.With(account)
		}
		if err != nil {
			t.Errorf("%s: %v", c.rules, err)
			continue
		}
		l := r.within(c.folder, r.limit)
		if got := fmt.Sprintf("%d %d forced %t ignored %t", l.Bytes, l.Count, r.forced, r.Ignores(c.folder)); got != c.want {
			t.Errorf("%s, in %s: got %s, want %s", c.rules, c.folder, got, c.want)
		}
	}
}

func TestWrongRules(t *testing.T) {
	t.Parallel()
	for _, rule := range []string{
		"", "1G", "*", "*:", ":storage=1", "*:ignore", "*:storage=", "*:storage=x", "*:storage=1X", "*:storage=+1G", "*:storage=10%",
		"*:storage=-1", "*:storage=9999999T", "*:size=1", "Trash:storage=+1G:", "Trash:bytes=-100%", "*:bytes=1BB",
	} {
		if r, err := Parse([]string{rule}); err == nil {
			t.Errorf("%q: got %+v, want an error", rule, r)
		}
		if _, err := (*Rules)(nil).With("*:storage=1G\n" + rule); err == nil {
			t.Errorf("%q of an account: want an error", rule)
		}
	}
	for _, grace := range []string{"", "x", "-1", "-5%"} {
		r, _ := Parse(nil)
		if _, err := r.Grace(grace); err == nil {
			t.Errorf("grace %q: want an error", grace)
		}
	}
}

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

// The first look at a mailbox counts it: all folders, new/ and cur/, deleted or not.
func TestCount(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.put("new", 10, false)
	b.put("cur", 20, true)
	b.put("tmp", 5000, true)
	b.put(".Trash/cur", 40, true)
	b.put(".Spam.Old/new", 80, false)
	b.put(".&AOk-t&AOk-/cur", 160, true)
	b.write("cur/odd,S=1x", "123")
	b.write("cur/.hidden", "123")
	if err := os.MkdirAll(filepath.Join(b.dir, "cur/dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ rules, want string }{
		{"*:bytes=1000", "1000S\n313 6\n"},
		{"*:bytes=1000:messages=50", "1000S,50C\n313 6\n"},
		{"?:messages=50", "50C\n313 6\n"},
		{"*:bytes=0", "0S\n313 6\n"},
		{"*:bytes=1000 Trash:ignore", "1000S\n273 5\n"},
		{"*:bytes=1000 Spam.*:ignore été:ignore", "1000S\n73 4\n"},
		{"*:bytes=1000 INBOX:ignore", "1000S\n280 3\n"},
	} {
		os.Remove(filepath.Join(b.dir, File))
		m := b.of(strings.Fields(c.rules)...)
		s, err := m.Inspect()
		if err != nil || b.file() != "none" {
			t.Errorf("Inspect: %v, %s", err, b.file())
		}
		if now, err := m.Status(); err != nil || now != s || !now.Kept {
			t.Errorf("%s: Status %+v, %v, Inspect %+v", c.rules, now, err, s)
		}
		b.want(c.want)
	}
	if left, _ := os.ReadDir(filepath.Join(b.dir, "tmp")); len(left) != 1 {
		t.Errorf("tmp has %v", left)
	}
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

// What stands in the place of maildirsize and is no file keeps nobody, where no
// limit was asked for, and is an error where one was.
func TestNoFile(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(path string) error{
		"directory":      func(p string) error { return os.Mkdir(p, 0o700) },
		"FIFO":           func(p string) error { return unix.Mkfifo(p, 0o600) },
		"link out":       func(p string) error { return os.Symlink("/etc/passwd", p) },
		"link to itself": func(p string) error { return os.Symlink(File, p) },
	} {
		b := newBox(t)
		if err := make(filepath.Join(b.dir, File)); err != nil {
			t.Fatal(err)
		}
		if !add(t, b.of(), inbox(1)) {
			t.Errorf("%s: no room", name)
		}
		if _, err := b.of("*:bytes=5").Add(inbox(1)); err == nil || errors.Is(err, ErrFull) {
			t.Errorf("%s: %v, want an error", name, err)
		}
		b.of("*:bytes=5").Remove("INBOX").End(Usage{-1, -1})
	}
}

// A line that another is just writing is no reason to count: it is whole when
// nobody writes.
func TestHalfLine(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	m := b.of("*:bytes=1000")
	b.write(File, "1000S\n900 9\n10 ")
	f, _, err := m.look()
	if !errors.Is(err, errStale) {
		t.Fatalf("%v, want %v", err, errStale)
	}
	b.write(File, "1000S\n900 9\n10 1\n")
	f, s, err := m.recount(f, false)
	if want := (Usage{910, 10}); err != nil || s.used != want {
		t.Errorf("got %+v, %v, want %+v", s.used, err, want)
	}
	f.close()
	b.want("1000S\n900 9\n10 1\n")
}

// A file that was replaced while its lock was waited for, for as long as one waits, is
// no reason for an error: the new one is there.
func TestReplacedLate(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.write(File, "1000S\n900 9\n")
	old, err := os.Open(filepath.Join(b.dir, File))
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if err := unix.Flock(int(old.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	m := b.of("*:bytes=1000")
	m.lockTime = time.Second
	done := make(chan error)
	go func() {
		c, err := m.Add(inbox(10))
		c.End(Usage{10, 1})
		done <- err
	}()
	info, err := old.Stat()
	if err != nil {
		t.Fatal(err)
	}
	opened(t, info)
	b.write("next", "1000S\n900 9\n")
	if err := os.Rename(filepath.Join(b.dir, "next"), filepath.Join(b.dir, File)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := b.file(); got != "1000S\n900 9\n10 1\n" && got != "1000S\n900 9\n" {
		t.Errorf("got %q", got)
	}
}

// opened waits until this process has a file open twice.
func opened(t *testing.T, file os.FileInfo) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		fds, err := filepath.Glob("/proc/self/fd/*")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, fd := range fds {
			if info, err := os.Stat(fd); err == nil && os.SameFile(info, file) {
				n++
			}
		}
		if n > 1 {
			return
		}
	}
	t.Fatal("nobody opens the file")
}

// Whoever adds, removes and counts at once agrees in the end with what is there.
func TestTogether(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	var wg sync.WaitGroup
	for lane := range 6 {
		m := b.of("*:bytes=1000000")
		wg.Go(func() {
			for i := range 40 {
				c, err := m.Add(inbox(10))
				if err != nil {
					t.Error(err)
					return
				}
				name := fmt.Sprintf("%s/cur/%d-%d,S=10", b.dir, lane, i)
				if err := os.WriteFile(name, []byte("0123456789"), 0o600); err != nil {
					t.Error(err)
				}
				c.End(Usage{10, 1})
				if i%4 == 0 {
					c := m.Remove("INBOX")
					os.Remove(name)
					c.End(Usage{-10, -1})
				}
				if i%10 == 5 {
					if err := m.Recount(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	s, err := b.of("*:bytes=1000000").Status()
	if want := (Usage{6 * 30 * 10, 6 * 30}); err != nil || s.Used != want {
		t.Errorf("got %+v, %v, want %+v: %s", s.Used, err, want, b.file())
	}
}

// The file is the Maildir's owner's, and a group's that may read the Maildir.
func TestMode(t *testing.T) {
	t.Parallel()
	for dir, want := range map[os.FileMode]os.FileMode{0o700: 0o600, 0o750: 0o640, 0o770: 0o660, 0o755: 0o644} {
		b := newBox(t)
		if err := os.Chmod(b.dir, dir); err != nil {
			t.Fatal(err)
		}
		add(t, b.of("*:bytes=1"), inbox(1))
		info, err := os.Stat(filepath.Join(b.dir, File))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("Maildir %o: %v, %v, want %o", dir, info.Mode(), err, want)
		}
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

func TestSize(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int64{
		"1.a.b,S=12": 12, "1.a.b,S=12,W=13:2,S": 12, "1.a.b,S=12:2,": 12, "1.a.b": -1, "1.a.b,S=": -1, "1.a.b,S=1x": -1,
		"1.a.b,W=13,S=12": 12, "1,S=99999999999999999999": -1, "1,S=1125899906842625": -1,
	} {
		n, ok := Size(name)
		if !ok {
			n = -1
		}
		if n != want {
			t.Errorf("%s: got %d, want %d", name, n, want)
		}
	}
	if !bytes.Equal(appendLimit(nil, Usage{}), []byte("0S\n")) {
		t.Error("no limit is not written 0S")
	}
}
