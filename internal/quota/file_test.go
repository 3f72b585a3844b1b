package quota

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

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
	// The second is that of a machine too slow to replace it in time.
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
