package instance

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
