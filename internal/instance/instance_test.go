package instance

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"yubin/internal/queue"
)

// One claim at a time; it can be found while it lasts, and what is left
// behind counts for nothing.
func TestClaim(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Find(dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("no file: got %v, want ErrNotRunning", err)
	}
	if err := os.Mkdir(filepath.Join(dir, queue.DirPID), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time over the first one's file
		claim, err := Take(dir)
		if err != nil {
			t.Fatal(err)
		}
		if pid, err := Find(dir); err != nil || pid != os.Getpid() {
			t.Errorf("Find: got %d, %v, want %d", pid, err, os.Getpid())
		}
		if second, err := Take(dir); err == nil {
			second.Release()
			t.Error("a second claim was given")
		} else if !strings.Contains(err.Error(), "already running: PID: ") {
			t.Errorf("a second claim: %v", err)
		}
		if err := claim.Release(); err != nil {
			t.Error(err)
		}
		if pid, err := Find(dir); !errors.Is(err, ErrNotRunning) {
			t.Errorf("after Release: got %d, %v, want ErrNotRunning", pid, err)
		}
	}
}

// The lock file is never reached through a link.
func TestLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, queue.DirPID), 0o755); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(dir, "target")
	if err := os.WriteFile(target, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path(dir)); err != nil {
		t.Fatal(err)
	}
	if claim, err := Take(dir); err == nil {
		claim.Release()
		t.Error("took a claim through a link")
	}
	if b, err := os.ReadFile(target); err != nil || string(b) != "precious" {
		t.Errorf("the target: %q, %v", b, err)
	}
}

// A claim whose process ID is not written yet is none: the file holds that of an
// earlier master, or nothing.
func TestFindWhileTaken(t *testing.T) {
	t.Parallel()
	for _, left := range []string{"1234\n", ""} {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, queue.DirPID), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path(dir), []byte(left), 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path(dir), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		lock := unix.Flock_t{Type: unix.F_WRLCK, Start: 1} // as Take begins
		if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock); err != nil {
			t.Fatal(err)
		}
		if pid, err := Find(dir); !errors.Is(err, ErrNotRunning) {
			t.Errorf("%q in the file: got %d, %v, want ErrNotRunning", left, pid, err)
		}
		if claim, err := Take(dir); err == nil {
			claim.Release()
			t.Errorf("%q in the file: a second claim was given", left)
		}
	}
}
