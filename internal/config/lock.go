package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lockTime is how long Lock waits for others. An edit takes milliseconds.
const lockTime = 60 * time.Second

// Lock waits for the right to edit a file, which others who edit it by Lock do not
// have until unlock. The lock is a file beside it, .NAME.lock, that only its owner
// can open: whoever may read the directory cannot hold it, as they could hold a lock
// of the directory's or of a file that everybody reads. It goes with unlock, so
// nothing is left behind, and what a crash leaves is in nobody's way.
func Lock(file string) (unlock func(), err error) { return lock(file, lockTime) }

func lock(file string, patience time.Duration) (unlock func(), err error) {
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real // as Replace does
	}
	name := filepath.Join(filepath.Dir(file), "."+filepath.Base(file)+".lock")
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, fmt.Errorf("edit %s: %w", file, err)
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil && is(f, name) {
			return func() {
				os.Remove(name) // before anybody else can have it
				f.Close()
			}, nil
		}
		holder := holders(f)
		f.Close()
		switch {
		case err == nil || errors.Is(err, unix.EINTR): // somebody has just ended with it
		case !errors.Is(err, unix.EWOULDBLOCK):
			return nil, fmt.Errorf("lock %s: %w", name, err)
		case time.Now().After(end):
			return nil, fmt.Errorf("%s: another program%s has been editing it for %v; try again when that has ended", file, holder, patience)
		}
	}
}

// is tells whether f is still the file that has this name.
func is(f *os.File, name string) bool {
	a, err := f.Stat()
	b, no := os.Lstat(name)
	return err == nil && no == nil && os.SameFile(a, b)
}

// holders names the processes that hold the lock of f, as far as the kernel tells.
func holders(f *os.File) string {
	var st unix.Stat_t
	locks, err := os.ReadFile("/proc/locks")
	if err != nil || unix.Fstat(int(f.Fd()), &st) != nil {
		return ""
	}
	inode := ":" + strconv.FormatUint(st.Ino, 10)
	for line := range bytes.Lines(locks) {
		// 1: FLOCK ADVISORY WRITE 1234 08:01:5678 0 EOF
		if w := strings.Fields(string(line)); len(w) > 5 && w[1] == "FLOCK" && strings.HasSuffix(w[5], inode) {
			return " (process " + w[4] + ")"
		}
	}
	return ""
}
