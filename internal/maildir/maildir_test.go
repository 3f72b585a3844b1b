package maildir

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"yubin/internal/quota"
)

const testName = "1700000000.Q0A1B2C3D4E5F60R0.mx.example"

func message(header, content string) *Message {
	return &Message{
		Name: testName, Header: []byte(header),
		Content: strings.NewReader("queue" + content + "junk"), Offset: 5, Length: int64(len(content)),
	}
}

// deliver delivers and closes.
func deliver(t *testing.T, p *Place, m *Message) *Delivery {
	t.Helper()
	d, err := NewBoxes(1).Deliver(p, m)
	if err != nil {
		t.Fatalf("Deliver(%+v): %v", p, err)
	}
	d.Close()
	return d
}

// entries returns the names in the directories below dir, as "new/NAME".
func entries(t *testing.T, dir string) (files []string) {
	t.Helper()
	for _, sub := range []string{"tmp", "new", "cur"} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			files = append(files, sub+"/"+e.Name())
		}
	}
	return files
}

func TestName(t *testing.T) {
	t.Parallel()
	at := time.Unix(1700000000, 999_000_000)
	for _, c := range []struct{ host, want string }{
		{"mx.example", "1700000000.QABR7.mx.example"},
		{"a/b:c", `1700000000.QABR7.a\057b\072c`},
		{"a,b\n", `1700000000.QABR7.a\054b\012`},
		{"", "1700000000.QABR7.localhost"},
		{strings.Repeat("h", 300), "1700000000.QABR7." + strings.Repeat("h", 64)},
		{strings.Repeat("h", 62) + "//", "1700000000.QABR7." + strings.Repeat("h", 62)},
	} {
		if got := Name(at, "AB", 7, c.host); got != c.want {
			t.Errorf("Name(host %q) = %q, want %q", c.host, got, c.want)
		}
	}
}

// The longest name of a delivery, with a reader's flags, fits a directory entry.
func TestNameLength(t *testing.T) {
	t.Parallel()
	name := Name(time.Unix(1<<33, 0), strings.Repeat("F", 80), 99999, strings.Repeat("h", 300))
	for _, n := range []string{finalName(name, 1<<50, 1<<40) + ":2,DFPRSTabcdefghijklmnopqrstuvwxyz", tmpName(name)} {
		if len(n) > 255 {
			t.Errorf("%d octets in %q", len(n), n)
		}
	}
}

// The file holds header and content, byte for byte, and its name their sizes.
func TestBytes(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789abcde\n", 3*bufferSize/16)
	for name, c := range map[string]struct {
		header, content string
		bare            int // LFs without CR
	}{
		"plain":              {"Return-Path: <a@b>\n", "Subject: x\n\nbody\n", 4},
		"empty":              {"", "", 0},
		"header alone":       {"A: b\n", "", 1},
		"no final newline":   {"", "a\nb", 1},
		"CRLF kept":          {"A: b\n", "a\r\nb\n\r\n", 2},
		"CR alone":           {"", "a\rb\r\r\n", 0},
		"NUL and 8 bit":      {"", "\x00\xff\xfe\n", 1},
		"long":               {"Return-Path: <>\n", long, 1 + strings.Count(long, "\n")},
		"CRLF over a seam":   {"", strings.Repeat("x", bufferSize-1) + "\r\n" + "y\n", 1},
		"exactly one buffer": {"", strings.Repeat("x", bufferSize), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			deliver(t, &Place{Base: dir, Path: "Maildir/"}, message(c.header, c.content))
			size := len(c.header) + len(c.content)
			want := fmt.Sprintf("new/%s,S=%d,W=%d", testName, size, size+c.bare)
			files := entries(t, filepath.Join(dir, "Maildir"))
			if len(files) != 1 || files[0] != want {
				t.Fatalf("files: %q, want %q", files, want)
			}
			got, err := os.ReadFile(filepath.Join(dir, "Maildir", files[0]))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.header+c.content {
				t.Errorf("%d octets are not the %d of header and content", len(got), size)
			}
		})
	}
}

// FuzzBareLines: whatever the text and wherever it is cut, the count is what
// turning CRLF into LF and counting lines gives, less the CRLFs.
func FuzzBareLines(f *testing.F) {
	f.Add([]byte("a\r\nb\n\r\r\n\n"), 3)
	f.Fuzz(func(t *testing.T, p []byte, cut int) {
		cut = max(0, min(cut, len(p)))
		cr := false
		got := bareLines(p[:cut], &cr)
		got += bareLines(p[cut:], &cr)
		if want := int64(bytes.Count(p, []byte("\n")) - bytes.Count(p, []byte("\r\n"))); got != want {
			t.Errorf("%q cut at %d: %d, want %d", p, cut, got, want)
		}
	})
}

// A repeated delivery replaces its own file.
func TestRepeat(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := &Place{Base: dir, Path: "m/"}
	deliver(t, p, message("A: b\n", "x\n"))
	deliver(t, p, message("A: b\n", "x\n"))
	if files := entries(t, filepath.Join(dir, "m")); len(files) != 1 {
		t.Errorf("files after two attempts: %q, want one in new/", files)
	}
}

// Modes, and what is handed out to be flushed when everything is made.
func TestMade(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, err := NewBoxes(1).Deliver(&Place{Base: dir, Path: "mail/box/"}, message("", "x\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var dirs []string
	for _, f := range d.Dirs {
		dirs = append(dirs, filepath.Clean(f.Name()))
	}
	want := []string{dir, dir + "/mail", dir + "/mail/box", dir + "/mail/box/new"}
	if fmt.Sprint(dirs) != fmt.Sprint(want) {
		t.Errorf("directories to flush: %q, want %q", dirs, want)
	}
	for _, name := range []string{"mail", "mail/box", "mail/box/tmp", "mail/box/new", "mail/box/cur"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v, want mode 0700", name, info.Mode(), err)
		}
	}
	if info, err := d.File.Stat(); err != nil || info.Mode() != 0o600 {
		t.Errorf("file: %v, %v, want mode 0600", info.Mode(), err)
	}
}

// An unsure delivery that was made is found wherever a reader took it, and
// other deliveries' files are not taken for it.
func TestUnsure(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		there string
		found bool
	}{
		"in new":               {"new/" + testName + ",S=2,W=3", true},
		"in cur, seen":         {"cur/" + testName + ",S=2,W=3:2,S", true},
		"in cur, sizes gone":   {"cur/" + testName + ":2,", true},
		"in cur, no flags":     {"cur/" + testName, true},
		"only in tmp":          {"tmp/" + testName, false},
		"of a longer host":     {"new/" + testName + ".org,S=2,W=3", false},
		"of another recipient": {"new/" + strings.Replace(testName, "R0", "R1", 1), false},
		"nothing":              {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, sub := range []string{"tmp", "new", "cur"} {
				if err := os.MkdirAll(filepath.Join(dir, "m", sub), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			before := 0
			if c.there != "" {
				before = 1
				if err := os.WriteFile(filepath.Join(dir, "m", c.there), []byte("x\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			m := message("", "x\n")
			m.Unsure = true
			d := deliver(t, &Place{Base: dir, Path: "m"}, m)
			files := entries(t, filepath.Join(dir, "m"))
			want := before + 1
			if c.found {
				want = before
			}
			if d.Found != c.found || len(files) != want {
				t.Errorf("found is %t with %q, want %t and %d files", d.Found, files, c.found, want)
			}
		})
	}
}

// Links are followed below a home, and lead nowhere out of a confined base.
func TestLinks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		link    string // made before, leads to the outside
		beneath bool
		ok      bool
	}{
		"mailbox, followed": {"m", false, true},
		"new, followed":     {"m/new", false, true},
		"mailbox, confined": {"m", true, false},
		"new, confined":     {"m/new", true, false},
		"tmp, confined":     {"m/tmp", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, outside := t.TempDir(), t.TempDir()
			for _, sub := range []string{"tmp", "new", "cur"} {
				if err := os.Mkdir(filepath.Join(outside, sub), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			to := outside
			if strings.Contains(c.link, "/") {
				to = filepath.Join(outside, filepath.Base(c.link))
				for _, sub := range []string{"tmp", "new", "cur"} {
					if sub == filepath.Base(c.link) {
						continue
					}
					if err := os.MkdirAll(filepath.Join(dir, "m", sub), 0o700); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := os.Symlink(to, filepath.Join(dir, c.link)); err != nil {
				t.Fatal(err)
			}
			d, err := NewBoxes(1).Deliver(&Place{Base: dir, Path: "m/", Beneath: c.beneath}, message("", "x\n"))
			if (err == nil) != c.ok {
				t.Fatalf("Deliver: %v, want ok %t", err, c.ok)
			}
			if err == nil {
				d.Close()
				return
			}
			if files := entries(t, outside); len(files) != 0 {
				t.Errorf("outside the base: %q", files)
			}
		})
	}
}

// A path that climbs out of a confined base is refused.
func TestClimb(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/base", 0o700); err != nil {
		t.Fatal(err)
	}
	d, err := NewBoxes(1).Deliver(&Place{Base: dir + "/base", Path: "../m/", Beneath: true}, message("", "x\n"))
	if err == nil {
		d.Close()
		t.Error("delivered outside the base")
	}
	if _, err := os.Stat(dir + "/m"); err == nil {
		t.Error("made a directory outside the base")
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	short := message("", "x\n")
	short.Length += 100
	broken := message("", "x\n")
	broken.Content = readerAt{iotest.ErrReader(os.ErrDeadlineExceeded)}
	for name, c := range map[string]struct {
		p    Place
		m    *Message
		want error
	}{
		"no home":           {Place{Base: dir + "/none", Path: "m/"}, message("", "x\n"), ErrNoBase},
		"no virtual base":   {Place{Base: dir + "/none", Path: "m/", Beneath: true}, message("", "x\n"), ErrNoBase},
		"queue file short":  {Place{Base: dir, Path: "a/"}, short, ErrContent},
		"queue file broken": {Place{Base: dir, Path: "a/"}, broken, ErrContent},
		"somebody else's":   {Place{Base: dir, Path: "b/", Owned: true, Owner: os.Getuid() + 1}, message("", "x\n"), ErrOwner},
	} {
		d, err := NewBoxes(1).Deliver(&c.p, c.m)
		if err == nil {
			d.Close()
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	// The log says which base, too.
	if err := os.WriteFile(dir+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := NewBoxes(1).Deliver(&Place{Base: dir, Path: "file/m/", Beneath: true}, message("", "x\n"))
	if err == nil || !strings.Contains(err.Error(), "below "+dir+": ") {
		t.Errorf("a file for a directory: %v", err)
	}
	// What failed leaves nothing behind.
	if files := entries(t, dir+"/a"); len(files) != 0 {
		t.Errorf("files after failures: %q", files)
	}
}

type readerAt struct{ io.Reader }

func (r readerAt) ReadAt(p []byte, _ int64) (int, error) { return r.Read(p) }

// The same delivery made twice at once gives one whole file.
func TestTwiceAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	content := strings.Repeat("line\n", 100_000)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			d, err := NewBoxes(1).Deliver(&Place{Base: dir, Path: "m/"}, message("", content))
			if err != nil {
				t.Error(err)
				return
			}
			d.Close()
		})
	}
	wg.Wait()
	files := entries(t, dir+"/m")
	if len(files) != 1 {
		t.Fatalf("files: %q, want one", files)
	}
	got, err := os.ReadFile(dir + "/m/" + files[0])
	if err != nil || string(got) != content {
		t.Errorf("%d octets, %v, want %d", len(got), err, len(content))
	}
}

// BenchmarkDeliver is one message of 1 KiB into a Maildir that exists, without
// a flush; the files are removed outside the clock.
func BenchmarkDeliver(b *testing.B) {
	limited, err := quota.Parse([]string{"*:storage=1T"})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		beneath bool
		rules   *quota.Rules
	}{{false, nil}, {true, nil}, {true, limited}} {
		beneath := c.beneath
		b.Run(fmt.Sprintf("beneath=%t,quota=%t", beneath, c.rules != nil), func(b *testing.B) {
			dir := b.TempDir()
			m := message("Return-Path: <a@example.org>\nX-Original-To: b@example.org\nDelivered-To: b@example.org\n", strings.Repeat("0123456789abcde\n", 64))
			m.Quota = c.rules
			b.ReportAllocs()
			n := 0
			boxes := NewBoxes(64)
			for b.Loop() {
				m.Name = Name(time.Unix(1700000000, 0), fmt.Sprintf("%014X", n), 0, "mx.example")
				d, err := boxes.Deliver(&Place{Base: dir, Path: fmt.Sprintf("m%02d/", n%50), Beneath: beneath}, m)
				if err != nil {
					b.Fatal(err)
				}
				d.Close()
				n++
			}
		})
	}
}

// What a dead process of the same number left in tmp/, before a power failure
// say, keeps no message from its mailbox.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := &Place{Base: dir, Path: "Maildir/"}
	deliver(t, p, message("", "first\n"))
	m := message("", "second\n")
	m.Name = strings.Replace(testName, "R0", "R1", 1)
	next := attempts.Load()
	for n := range uint64(maxLeftovers / 2) { // other tests use up some
		name := fmt.Sprintf("%s.P%dN%d", m.Name, os.Getpid(), next+1+n)
		if err := os.WriteFile(filepath.Join(dir, "Maildir/tmp", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	deliver(t, p, m)
}

// A pipe in the place of a directory, which its owner may put there, holds
// nobody up.
func TestPipesForDirectories(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"Maildir", "Maildir/tmp", "Maildir/new", "Maildir/cur"} {
		for _, beneath := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, beneath %t", at, beneath), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				p := &Place{Base: dir, Path: "Maildir/", Beneath: beneath}
				if at != "Maildir" {
					deliver(t, p, message("", "x\n"))
				}
				if err := os.RemoveAll(filepath.Join(dir, at)); err != nil {
					t.Fatal(err)
				}
				if err := syscall.Mkfifo(filepath.Join(dir, at), 0o600); err != nil {
					t.Fatal(err)
				}
				m := message("", "y\n")
				m.Name, m.Unsure = strings.Replace(testName, "R0", "R1", 1), true
				done := make(chan error)
				go func() {
					_, err := NewBoxes(1).Deliver(p, m)
					done <- err
				}()
				select {
				case err := <-done:
					if err == nil {
						t.Error("delivered")
					}
				case <-time.After(20 * time.Second):
					t.Error("it waits for somebody to write")
				}
			})
		}
	}
}

// A message whose flags a reader changes again and again is found all the same. (One
// reading of the directory misses it one time in ten.)
func TestFindRenamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bs := NewBoxes(1)
	defer bs.Close()
	p := &Place{Base: dir, Path: "m/"}
	if err := put(t, bs, p, 1); err != nil {
		t.Fatal(err)
	}
	b, _, err := bs.take(p)
	if err != nil {
		t.Fatal(err)
	}
	defer bs.give(b)
	cur := filepath.Join(dir, "m", "cur")
	wanted := filepath.Join(cur, "wanted,S=1:2,")
	for i := range 2000 {
		if err := os.WriteFile(filepath.Join(cur, fmt.Sprint(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(wanted, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := errors.Join(os.Rename(wanted, wanted+"S"), os.Rename(wanted+"S", wanted)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for range 50 {
		d, err := b.find("wanted")
		if d == nil || err != nil {
			t.Errorf("it is not found: %v", err)
			continue
		}
		closeAll(d.File)
		closeAll(d.more...)
	}
	close(stop)
	<-done
}
