package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Whoever may read the directory and the files in it keeps nobody from editing,
// and of many who edit at once no change is lost.
func TestLock(t *testing.T) {
	t.Parallel()
	dir := withFile(t, "main.cf", "# mine\n")
	for _, name := range []string{dir, filepath.Join(dir, "main.cf")} {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	const many = 20
	for n := range many {
		all.Go(func() {
			if err := Edit(dir, []Change{{Name: fmt.Sprintf("name%d", n), Value: "x"}}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	b, err := os.ReadFile(filepath.Join(dir, "main.cf"))
	if got := strings.Count(string(b), " = x\n"); err != nil || got != many {
		t.Errorf("%d of %d changes are there, %v:\n%s", got, many, err, b)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// A lock that is held says who holds it, and one that a crash has left is nobody's.
func TestLockHeld(t *testing.T) {
	t.Parallel()
	dir := withFile(t, "main.cf", "")
	file := filepath.Join(dir, "main.cf")
	if err := os.WriteFile(filepath.Join(dir, ".main.cf.lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	unlock, err := Lock(file)
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, link} {
		_, err = lock(name, time.Millisecond)
		want := fmt.Sprintf("%s: another program (process %d) has been editing it for 1ms; try again when that has ended", file, os.Getpid())
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	unlock()
	if unlock, err = lock(file, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	unlock()
}
