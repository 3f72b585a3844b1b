package mbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var at = time.Date(2026, 11, 5, 9, 8, 7, 0, time.Local)

const first = "From ann@example.org  Thu Nov  5 09:08:07 2026\nReturn-Path: <ann@example.org>\n"

func message(content string) *Message {
	return &Message{
		Sender: "ann@example.org", Arrival: at, Header: []byte("Return-Path: <ann@example.org>\n"),
		Content: strings.NewReader("queue" + content + "junk"), Offset: 5, Length: int64(len(content)),
	}
}

func locks() Lock {
	return Lock{Fcntl: true, Dot: true, Attempts: 3, Delay: time.Millisecond, Stale: time.Minute}
}

func fsync(f *os.File) error { return f.Sync() }

// deliver opens, writes and closes.
func deliver(p *Place, m *Message, sync func(*os.File) error) error {
	b, err := p.Open()
	if err != nil {
		return err
	}
	defer b.Close()
	return b.Write(m, sync)
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFormat(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"Subject: x\n\nbody\n":            "Subject: x\n\nbody\n\n",
		"Subject: x\n\nbody":              "Subject: x\n\nbody\n\n",
		"":                                "\n",
		"From here\n\nFrom there\n":       ">From here\n\n>From there\n\n",
		"Fro\n\nFrom\n>From x\nFrom: y\n": "Fro\n\nFrom\n>From x\nFrom: y\n\n",
		"x\n\nFrom":                       "x\n\nFrom\n\n",
		"x\n\nFrom ":                      "x\n\n>From \n\n",
		"a\r\n\x00\xff":                   "a\r\n\x00\xff\n\n",
	} {
		name := filepath.Join(t.TempDir(), "box")
		for n := 1; n <= 2; n++ {
			if err := deliver(&Place{Path: name, Lock: locks()}, message(content), fsync); err != nil {
				t.Fatal(err)
			}
			if got := read(t, name); got != strings.Repeat(first+want, n) {
				t.Errorf("%q: the file has\n%q, want %d times\n%q", content, got, n, first+want)
			}
		}
		if info, err := os.Stat(name); err != nil || info.Mode() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		if _, err := os.Stat(name + ".lock"); err == nil {
			t.Error("the lock is still there")
		}
	}
}

// FuzzQuote: wherever the content is cut, no line of the result begins with From
// but for the first, and taking one > off restores it.
func FuzzQuote(f *testing.F) {
	f.Add("From a\n>From b\nFro\nFrom", 3)
	f.Fuzz(func(t *testing.T, content string, cut int) {
		var b strings.Builder
		if _, err := message(content).WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		body, ok := strings.CutPrefix(b.String(), first)
		if !ok || strings.HasPrefix(body, "From ") || strings.Contains(body, "\nFrom ") {
			t.Errorf("%q became %q", content, body)
		}
		lines := strings.SplitAfter(content, "\n")
		for i, l := range lines {
			if strings.HasPrefix(l, "From ") {
				lines[i] = ">" + l
			}
		}
		want := strings.Join(lines, "")
		if want != "" && !strings.HasSuffix(want, "\n") {
			want += "\n"
		}
		if body != want+"\n" {
			t.Errorf("%q became %q, want %q", content, body, want+"\n")
		}
	})
}

// A delivery that fails leaves the file as it was.
func TestFailure(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "box")
	const before = "From x\n\nold\n\n"
	if err := os.WriteFile(name, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	short := message("Subject: x\n")
	short.Length += 100
	for what, c := range map[string]struct {
		m    *Message
		p    Place
		sync func(*os.File) error
		want error
	}{
		"flush":        {message("x\n"), Place{}, func(*os.File) error { return syscall.EIO }, syscall.EIO},
		"queue file":   {short, Place{}, fsync, ErrContent},
		"limit":        {message("x\n"), Place{Limit: int64(len(before)) + 1}, fsync, ErrFull},
		"owner":        {message("x\n"), Place{Owned: true, Owner: os.Geteuid() + 1}, fsync, ErrOwner},
		"no directory": {message("x\n"), Place{Path: name + "/x"}, fsync, syscall.ENOTDIR},
	} {
		if c.p.Path == "" {
			c.p.Path = name
		}
		c.p.Lock = locks()
		if err := deliver(&c.p, c.m, c.sync); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
		if got := read(t, name); got != before {
			t.Errorf("%s: the file has %q", what, got)
		}
	}
}

// What may be there already is looked for; what is torn goes.
// Whether a delivery was made cannot be seen in a file that may only be written to:
// rather twice than never.
func TestUnsureUnread(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "mbox")
	if err := os.WriteFile(name, []byte("before\n\n"), 0o200); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := &Box{f: f, place: &Place{Path: name}, regular: true}
	defer b.Close()
	m := message("Subject: x\n\nbody\n")
	m.Unsure = true
	if err := b.Write(m, fsync); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, name), "before\n\n"+first+"Subject: x\n\nbody\n\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUnsure(t *testing.T) {
	t.Parallel()
	const other = "From bob@example.org  Thu Nov  5 09:08:07 2026\nReturn-Path: <bob@example.org>\nx\n\n"
	content := "Subject: x\n\n" + strings.Repeat("0123456789\n", 100_000)
	whole := first + content + "\n"
	for what, c := range map[string]struct{ before, after string }{
		"not there":       {other, other + whole},
		"no file":         {"", whole},
		"there":           {other + whole, other + whole},
		"there, not last": {whole + other, whole + other},
		"torn":            {other + whole[:len(whole)-7], other + whole},
		"torn in header":  {other + whole[:20], other + whole},
		"torn, alone":     {whole[:20], whole},
		"another text":    {other + first + "Subject: y\n\n" + other, other + first + "Subject: y\n\n" + other + whole},
	} {
		name := filepath.Join(t.TempDir(), "box")
		if err := os.WriteFile(name, []byte(c.before), 0o600); err != nil {
			t.Fatal(err)
		}
		m := message(content)
		m.Unsure = true
		if err := deliver(&Place{Path: name, Lock: locks()}, m, fsync); err != nil {
			t.Fatal(err)
		}
		if got := read(t, name); got != c.after {
			t.Errorf("%s: %d octets, want %d", what, len(got), len(c.after))
		}
	}
}

// Links and names that others may have made are not written through.
func TestPlanted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		make  func(name string) error
		plain bool
		any   bool
		want  error
	}{
		"own link":            {func(n string) error { return os.Symlink("target", n) }, false, false, nil},
		"link in a spool":     {func(n string) error { return os.Symlink("target", n) }, true, false, ErrLinks},
		"link to a link":      {func(n string) error { return errors.Join(os.Symlink("target", n+"2"), os.Symlink(n+"2", n)) }, false, false, ErrLinks},
		"second name":         {func(n string) error { return errors.Join(os.WriteFile(n+"2", nil, 0o600), os.Link(n+"2", n)) }, true, false, ErrLinks},
		"directory":           {func(n string) error { return os.Mkdir(n, 0o700) }, false, true, syscall.EISDIR},
		"pipe":                {func(n string) error { return syscall.Mkfifo(n, 0o600) }, false, false, ErrIrregular},
		"program":             {func(n string) error { return os.WriteFile(n, nil, 0o700) }, false, true, ErrExecutable},
		"program, as mailbox": {func(n string) error { return os.WriteFile(n, nil, 0o700) }, false, false, nil},
	} {
		name := filepath.Join(dir, strings.ReplaceAll(what, " ", "-"))
		if err := c.make(name); err != nil {
			t.Fatal(err)
		}
		err := deliver(&Place{Path: name, Plain: c.plain, Any: c.any, Lock: locks()}, message("x\n"), fsync)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
	if err := deliver(&Place{Path: os.DevNull, Any: true, Lock: Lock{Fcntl: true, Attempts: 1}}, message("x\n"), fsync); err != nil {
		t.Errorf("%s: %v", os.DevNull, err)
	}
}

// A message for a pipe is delivered when somebody has taken it, and nobody is
// waited for for ever.
func TestPipe(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "pipe")
	if err := errors.Join(syscall.Mkfifo(name, 0o600), os.Symlink(name, name+"2")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{name, name + "2"} {
		p := &Place{Path: path, Any: true, Lock: Lock{Fcntl: true, Attempts: 1}, Patience: time.Minute}
		if err := deliver(p, message("x\n"), fsync); !errors.Is(err, ErrNoReader) {
			t.Errorf("%s without a reader: %v", path, err)
		}
		r, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		slow := *p
		slow.Patience = 10 * time.Millisecond
		if err := deliver(&slow, message(strings.Repeat("x\n", 1<<20)), fsync); !errors.Is(err, ErrSlowReader) {
			t.Errorf("%s with a reader that does nothing: %v", path, err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil { // what the pipe holds
			t.Fatal(err)
		}
		taken := make(chan string)
		box, err := p.Open()
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			b, err := io.ReadAll(r)
			taken <- fmt.Sprint(len(b), " ", err)
		}()
		err = box.Write(message(strings.Repeat("x\n", 1<<20)), fsync)
		box.Close()
		if got := <-taken; err != nil || got != fmt.Sprint(len(first)+2<<20+1, " <nil>") {
			t.Errorf("%s: %v, %s", path, err, got)
		}
		r.Close()
	}
}

// No link leads out of the directory that a mailbox is confined to.
func TestBeneath(t *testing.T) {
	t.Parallel()
	base, outside := t.TempDir(), t.TempDir()
	if err := errors.Join(os.Mkdir(base+"/in", 0o700), os.Symlink("in", base+"/within"), os.Symlink(outside, base+"/out"),
		os.Symlink(outside+"/box", base+"/in/link")); err != nil {
		t.Fatal(err)
	}
	for path, ok := range map[string]bool{"in/box": true, "within/box": true, "out/box": false, "in/link": false, "none/box": false} {
		for range 2 { // made, and found
			err := deliver(&Place{Path: filepath.Join(base, path), Beneath: base, Plain: true, Lock: Lock{Fcntl: true, Attempts: 1}}, message("x\n"), fsync)
			if (err == nil) != ok {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	if made, err := os.ReadDir(outside); err != nil || len(made) > 0 {
		t.Errorf("outside: %v, %v", made, err)
	}
}

// Locks of others are waited for; a stale one goes.
func TestLocks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "box")
	p := &Place{Path: name, Lock: locks()}
	held, err := p.Open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Open(); !errors.Is(err, ErrLocked) {
		t.Errorf("a dot lock is there: %v", err)
	}
	for _, l := range []Lock{{Fcntl: true, Attempts: 2}, {Flock: true, Attempts: 2}} {
		one := &Place{Path: name + "2", Lock: l}
		b, err := one.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := one.Open(); !errors.Is(err, ErrLocked) {
			t.Errorf("%+v: %v", l, err)
		}
		b.Close()
	}
	held.Close()
	if err := os.WriteFile(name+".lock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(name+".lock", old, old); err != nil {
		t.Fatal(err)
	}
	if err := deliver(p, message("x\n"), fsync); err != nil {
		t.Errorf("a stale lock: %v", err)
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	soft := &Place{Path: name, Lock: locks()}
	soft.Lock.DotMayFail = true
	if err := deliver(soft, message("x\n"), fsync); err != nil {
		t.Errorf("a directory that takes no lock: %v", err)
	}
}

// Who had the lock may remove the file, or put another into its place: the message
// goes into what has the name then.
func TestReplaced(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(name string) error{
		"removed":  os.Remove,
		"replaced": func(name string) error { return os.Rename(name+".new", name) },
	} {
		name := filepath.Join(t.TempDir(), "box")
		if err := os.WriteFile(name+".new", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		p := &Place{Path: name, Lock: Lock{Fcntl: true, Attempts: 1e6, Delay: time.Millisecond}}
		held, err := p.Open()
		if err != nil {
			t.Fatal(err)
		}
		was, err := held.f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- deliver(p, message("x\n"), fsync) }()
		opens(t, was)
		if err := change(name); err != nil {
			t.Fatal(err)
		}
		held.Close()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if got := read(t, name); got != first+"x\n\n" {
			t.Errorf("%s: the file has %q", what, got)
		}
	}
}

// opens waits until this process has a file open twice.
func opens(t *testing.T, file os.FileInfo) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		n := 0
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			if info, err := os.Stat("/proc/self/fd/" + fd.Name()); err == nil && os.SameFile(info, file) {
				n++
			}
		}
		if n > 1 {
			return
		}
	}
	t.Fatal("nobody opens the file")
}

// Many at once lose nothing.
func TestTogether(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "box")
	var wg sync.WaitGroup
	const lanes, each = 4, 10
	for lane := range lanes {
		wg.Go(func() {
			for i := range each {
				p := &Place{Path: name, Lock: Lock{Fcntl: true, Attempts: 1e6, Delay: time.Millisecond}}
				if err := deliver(p, message(fmt.Sprintf("Subject: %d.%d\n\n", lane, i)), fsync); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := strings.Count(read(t, name), first+"Subject: "); n != lanes*each {
		t.Errorf("%d messages, want %d", n, lanes*each)
	}
}
