package maillog

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"plain", "to=<ann@example.com>", "to=<ann@example.com>"},
		{"empty", "", ""},
		{"UTF-8", "grüße 郵便", "grüße 郵便"},
		{"new line", "a\nNov 23 08:00:00 forged", "a?Nov 23 08:00:00 forged"},
		{"CR, tab, NUL, DEL, escape", "a\r\t\x00\x7f\x1b[2J", "a?????[2J"},
		{"C1 control", "a\u0085b", "a?b"},
		{"line separator", "a\u2028b", "a?b"},
		{"right-to-left override", "a\u202eb", "a?b"},
		{"not UTF-8", "a\xffb\xc3", "a?b?"},
		{"replacement character", "a\ufffdb", "a?b"},
	} {
		if got := Clean(c.in); got != c.want {
			t.Errorf("%s: Clean(%q): got %q, want %q", c.name, c.in, got, c.want)
		}
	}
}

// FuzzClean: the result is UTF-8 that prints, no longer in characters than the
// input, and clean already.
func FuzzClean(f *testing.F) {
	f.Add("plain")
	f.Add("a\r\n\xff\u2028")
	f.Fuzz(func(t *testing.T, in string) {
		got := Clean(in)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("Clean(%q) = %q: not clean", in, got)
		}
		if utf8.RuneCountInString(got) != utf8.RuneCountInString(in) {
			t.Errorf("Clean(%q) = %q: another number of characters", in, got)
		}
		if Clean(got) != got {
			t.Errorf("Clean(%q) = %q: not clean at once", in, got)
		}
	})
}

func openFile(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	l, err := Open(Options{Tag: "postfix/smtpd", File: openFile(t, path)})
	if err != nil {
		t.Fatal(err)
	}
	l.Info("connect from %s", "mx\n[192.0.2.1]")
	l.Warn("w")
	l.Error("e")
	l.Fatal("f")
	l.As("cleanup").Info("%s", strings.Repeat("é", maxText))
	l.Close()
	l.Info("after the end")
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// logwatch's and pflogsumm's idea of a line.
	line := regexp.MustCompile(`^[A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \S+ (postfix/[^:[]+)\[\d+\]: (.*)$`)
	want := [][2]string{
		{"postfix/smtpd", "connect from mx?[192.0.2.1]"},
		{"postfix/smtpd", "warning: w"},
		{"postfix/smtpd", "error: e"},
		{"postfix/smtpd", "fatal: f"},
		{"postfix/cleanup", strings.Repeat("é", maxText/2)},
	}
	lines := strings.Split(strings.TrimSuffix(string(got), "\n"), "\n")
	if len(lines) != len(want) {
		t.Fatalf("got %d lines, want %d:\n%s", len(lines), len(want), got)
	}
	for i, w := range want {
		if m := line.FindStringSubmatch(lines[i]); m == nil || m[1] != w[0] || m[2] != w[1] {
			t.Errorf("line %d: got %q, want tag %s and text %q", i, lines[i], w[0], w[1])
		}
	}
}

// Lines of many goroutines do not mix.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	l, err := Open(Options{Tag: "postfix/smtpd", File: openFile(t, path)})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for range 50 {
				l.As(fmt.Sprint(g)).Info("%s", strings.Repeat(fmt.Sprint(g), 200))
			}
		})
	}
	all.Wait()
	l.Close()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(got)) {
		n++
		if _, text, _ := strings.Cut(line, "]: "); strings.Trim(text, text[:1]) != "\n" {
			t.Fatalf("a mixed line: %q", line)
		}
	}
	if n != 400 {
		t.Errorf("got %d lines, want 400", n)
	}
}

func TestRedirect(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old, next := filepath.Join(dir, "log.1"), filepath.Join(dir, "log")
	l, err := Open(Options{Tag: "t", File: openFile(t, old)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.Info("before")
	l.Redirect(openFile(t, next))
	l.As("x").Info("after")
	for path, want := range map[string]string{old: "]: before\n", next: "]: after\n"} {
		if got, err := os.ReadFile(path); err != nil || !strings.HasSuffix(string(got), want) || strings.Count(string(got), "\n") != 1 {
			t.Errorf("%s: got %q, %v, want one line ending in %q", path, got, err, want)
		}
	}
}

func TestFacility(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{"kern": 0, "mail": 2, "ftp": 11, "local0": 16, "local7": 23} {
		if got, ok := facilityNumber(name); !ok || got != want {
			t.Errorf("%s: got %d, %t, want %d", name, got, ok, want)
		}
	}
	for _, name := range []string{"", "local8", "local", "local77", "MAIL"} {
		if got, ok := facilityNumber(name); ok {
			t.Errorf("%q: got %d, want none", name, got)
		}
	}
	if _, err := Open(Options{Facility: "nonsense"}); err == nil {
		t.Error("an unknown facility was taken")
	}
}

func listenSyslog(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetReadDeadline(time.Now().Add(time.Minute))
	return c
}

func receive(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	b := make([]byte, 8192)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

// A datagram has RFC 3164's shape. When the daemon is restarted, lines go to
// the new one; what was lost between is counted.
func TestSyslog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	l := &Logger{out: &output{facility: 2, pid: 42, socket: path}, tag: "postfix/smtpd"}
	defer l.Close()
	daemon := listenSyslog(t, path)
	l.Info("one")
	if got := receive(t, daemon); !regexp.MustCompile(`^<22>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d postfix/smtpd\[42\]: one$`).MatchString(got) {
		t.Errorf("got %q", got)
	}
	daemon.Close()
	os.Remove(path)
	l.Warn("two")
	l.Warn("three") // not even tried
	daemon = listenSyslog(t, path)
	l.out.text.retry = time.Time{} // time passes
	l.Error("four")
	if got := receive(t, daemon); !strings.HasPrefix(got, "<20>") || !strings.HasSuffix(got, "warning: 2 lines of the log were lost: their receiver was busy") {
		t.Errorf("got %q", got)
	}
	if got := receive(t, daemon); !strings.HasPrefix(got, "<19>") || !strings.HasSuffix(got, "]: error: four") {
		t.Errorf("got %q", got)
	}
	if err := l.SetFacility("local0"); err != nil || l.SetFacility("x") == nil {
		t.Error(err)
	}
	l.As("qmgr").Info("five")
	if got := receive(t, daemon); !strings.HasPrefix(got, "<134>") {
		t.Errorf("got %q", got)
	}
}

func BenchmarkInfo(b *testing.B) {
	f, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	l, err := Open(Options{Tag: "postfix/qmgr", File: f})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		l.Info("%s: from=<%s>, size=%d, nrcpt=%d (queue active)", "6473B2E0A1B2C", "ann@example.com", 1234, 1)
	}
}
