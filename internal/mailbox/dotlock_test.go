package mailbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// deadPID is the pid of a process that has ended.
func deadPID(t *testing.T) int {
	t.Helper()
	c := exec.Command("true")
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	return c.Process.Pid
}

// Whose lock is respected, and whose taken over.
func TestDotlockOfOthers(t *testing.T) {
	t.Parallel()
	minute, second := time.Minute, time.Second
	short := lockTimes{wait: 300 * time.Millisecond, stale: 10 * time.Minute}
	for name, c := range map[string]struct {
		content   string
		age       time.Duration // of the lock's mtime; its ctime is now
		taken     bool
		untouched time.Duration // instead of short.stale
	}{
		"a living process":          {fmt.Sprintf("%d:%s", os.Getppid(), hostname()), minute, false, 0},
		"a living process, silent":  {fmt.Sprintf("%d:%s", os.Getppid(), hostname()), 3 * second, false, 1},
		"its pid is another's now":  {fmt.Sprintf("%d:%s", os.Getppid(), hostname()), 50 * 365 * 24 * time.Hour, false, 0},
		"another's, long silent":    {fmt.Sprintf("%d:%s", os.Getppid(), hostname()), 50 * 365 * 24 * time.Hour, true, 1},
		"a dead process":            {fmt.Sprintf("%d:%s", deadPID(t), hostname()), minute, true, 0},
		"a dead process, fresh":     {fmt.Sprintf("%d:%s", deadPID(t), hostname()), -minute, false, 0}, // however slow we are
		"our pid, not held":         {fmt.Sprintf("%d:%s", os.Getpid(), hostname()), minute, true, 0},
		"another host":              {"1:elsewhere.example", minute, false, 0},
		"another host, long silent": {"1:elsewhere.example", minute, true, 1},
		"nobody":                    {"", second, false, 0},
		"nobody, long silent":       {"", second, true, 1},
		"not a lock of ours":        {"xyz", minute, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			b.write("f", "protected")
			b.write("f.lock", c.content)
			when := time.Now().Add(-c.age)
			if err := os.Chtimes(b.path("f.lock"), when, when); err != nil {
				t.Fatal(err)
			}
			times := short
			if c.untouched != 0 {
				times.stale = c.untouched
			}
			l, err := b.tree.dir.lock("f", times)
			if c.taken != (err == nil) || err != nil && !errors.Is(err, ErrLocked) {
				t.Fatalf("lock: %v, want taken over %t", err, c.taken)
			}
			if err == nil {
				if got := b.read("f.lock"); got != fmt.Sprintf("%d:%s", os.Getpid(), hostname()) {
					t.Errorf("the lock says %q", got)
				}
				l.unlock()
				if _, err := os.Stat(b.path("f.lock")); !os.IsNotExist(err) {
					t.Errorf("after unlock: %v", err)
				}
			} else if got := b.read("f.lock"); got != c.content {
				t.Errorf("the other's lock says %q", got)
			}
		})
	}
}

// A lock is ours before anybody can see it: what has our pid in it and is not ours
// counts as left behind.
func TestDotlockClaimed(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	held, asked := false, false
	b.tree.dir.fault = func(op, name string) error {
		if op == "link" && name == "f.lock" {
			held, asked = holdsNameless(t, b.tree.dir), true
		}
		return nil
	}
	l, err := b.tree.dir.lock("f", subsTimes)
	if err != nil {
		t.Fatal(err)
	}
	defer l.unlock()
	if asked && !held {
		t.Error("it got its name before it was ours")
	}
	b.tree.dir.fault = func(op, _ string) error {
		if op == "link" {
			return unix.EOPNOTSUPP
		}
		return nil
	}
	other, err := b.tree.dir.lock("g", subsTimes)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.read("g.lock"); got != fmt.Sprintf("%d:%s", os.Getpid(), hostname()) || !alive(os.Getpid(), other.id) {
		t.Errorf("made under its name, the lock says %q", got)
	}
	other.unlock()
}

// holdsNameless tells whether a lock of ours is a file in d that has no name.
func holdsNameless(t *testing.T, d *dir) bool {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		var st unix.Stat_t
		file := "/proc/self/fd/" + fd.Name()
		if to, err := os.Readlink(file); err != nil || filepath.Dir(to) != filepath.Clean(d.Name()) || unix.Stat(file, &st) != nil {
			continue
		}
		if st.Nlink == 0 && alive(os.Getpid(), inodeOf(&st)) {
			return true
		}
	}
	return false
}

// A lock that was found stale is tried for once more, however long that took.
func TestDotlockLate(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.write("f.lock", fmt.Sprintf("%d:%s", deadPID(t), hostname()))
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(b.path("f.lock"), old, old); err != nil {
		t.Fatal(err)
	}
	l, err := b.tree.dir.lock("f", lockTimes{wait: 0, stale: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	l.unlock()
}

// One at a time has the lock, and a lock that was taken over is not removed.
func TestDotlock(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	var wg sync.WaitGroup
	var inside atomic.Int32
	n := 0 // guarded by the lock alone
	for range 8 {
		wg.Go(func() {
			for range 20 {
				l, err := b.tree.dir.lock("f", uidlistTimes)
				if err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two have the lock")
				}
				n++
				inside.Add(-1)
				l.unlock()
			}
		})
	}
	wg.Wait()
	if n != 160 {
		t.Errorf("%d turns, want 160", n)
	}
	l, err := b.tree.dir.lock("f", uidlistTimes)
	if err != nil {
		t.Fatal(err)
	}
	b.rm("f.lock")
	b.write("f.lock", "another's")
	if err := l.touch(); !errors.Is(err, ErrLocked) {
		t.Errorf("touch of a lock that is lost: %v", err)
	}
	l.unlock()
	if b.read("f.lock") != "another's" {
		t.Error("another's lock was removed")
	}
}

func TestPOP3Lock(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	l, err := b.tree.LockPOP3(0)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.read("dovecot-pop3-session.lock"); !strings.Contains(got, ":") {
		t.Errorf("lock %q", got)
	}
	if _, err := b.tree.LockPOP3(0); !errors.Is(err, ErrInUse) {
		t.Errorf("a second session: %v", err)
	}
	if err := l.Touch(); err != nil {
		t.Error(err)
	}
	l.Release()
	if l, err = b.tree.LockPOP3(0); err != nil {
		t.Fatal(err)
	}
	l.Release()
}

// A lock that is taken again and again is one file, which is the lock while it is
// held, goes with the folder, and is made anew when somebody has cleared tmp/.
func TestKeptLock(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	v := b.view(ReadWrite)
	f := v.f
	ids := map[inode]int{}
	take := func() {
		t.Helper()
		s := &scan{}
		if err := f.lockList(s); err != nil {
			t.Fatal(err)
		}
		st, err := f.dir.stat(uidlistFile + ".lock")
		if err != nil || inodeOf(&st) != s.lock.id || b.read(uidlistFile+".lock") != fmt.Sprintf("%d:%s", os.Getpid(), hostname()) {
			t.Errorf("while it is held: %v, inode %v of %v", err, inodeOf(&st), s.lock.id)
		}
		ids[s.lock.id]++
		other := lockTimes{wait: 0, stale: time.Minute}
		if _, err := b.tree.dir.lock(uidlistFile, other); !errors.Is(err, ErrLocked) {
			t.Errorf("another got it: %v", err)
		}
		f.unlockList(s)
		if _, err := f.dir.stat(uidlistFile + ".lock"); !gone(err) {
			t.Errorf("after unlock: %v", err)
		}
	}
	kept := func() []string {
		names, _ := filepath.Glob(b.path("tmp/lock.*"))
		return names
	}
	for range 5 {
		take()
	}
	if names := kept(); len(names) != 1 || len(ids) > 2 {
		t.Errorf("after five times: in tmp/ %q, files %v", names, ids)
	}
	old := time.Now().Add(-time.Hour)
	for _, name := range kept() {
		if err := os.Chtimes(name, old, old); err != nil {
			t.Fatal(err)
		}
	}
	take() // whoever looks at the pid in it knows that we hold it, old as it is
	for _, name := range kept() {
		os.Remove(name)
	}
	for range 3 {
		take()
	}
	if names := kept(); len(names) != 1 || f.lock.id == (inode{}) {
		t.Errorf("after tmp/ was cleared: in tmp/ %q", names)
	}
	v.Close()
	b.st.Close()
	if names := kept(); len(names) != 0 {
		t.Errorf("after the folder has left memory: %q", names)
	}
}

// A file that cannot take the place of the old one leaves no lock: it would keep
// everybody out of the folder until it is stale.
func TestReplaceFails(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,")
	v := b.view(ReadWrite)
	setFault(b, v, func(op, name string) error {
		if op == "rename" && (name == keywordsFile || name == subsFile) {
			return unix.ENOSPC
		}
		return nil
	})
	if _, err := v.Store([]uint32{1}, FlagChange{AddKeywords: []string{"K"}}); !errors.Is(err, ErrFull) {
		t.Errorf("a keyword: %v", err)
	}
	if err := b.tree.Subscribe("A", true); !errors.Is(err, ErrFull) {
		t.Errorf("a subscription: %v", err)
	}
	if left, err := filepath.Glob(b.path("*.lock")); err != nil || len(left) > 0 {
		t.Errorf("locks are left: %v, %v", left, err)
	}
}
