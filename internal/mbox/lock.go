package mbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// dotLock makes FILE.lock.
func (b *Box) dotLock() error {
	l := &b.place.Lock
	if !l.Dot {
		return nil
	}
	name := b.place.Path + ".lock"
	for try := range l.Attempts {
		if try > 0 {
			time.Sleep(l.Delay)
		}
		fd, err := unix.Open(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err == nil {
			unix.Close(fd)
			b.dot = name
			return nil
		}
		if !errors.Is(err, fs.ErrExist) {
			if l.DotMayFail {
				return nil
			}
			return &fs.PathError{Op: "create", Path: name, Err: err}
		}
		info, err := os.Lstat(name)
		if err == nil && time.Since(info.ModTime()) > l.Stale {
			os.Remove(name) // who cannot be removed is met again
		}
	}
	return fmt.Errorf("%s: %w", name, ErrLocked)
}

// lock locks the open file.
func (b *Box) lock() error {
	l := &b.place.Lock
	for try := range l.Attempts {
		if try > 0 {
			time.Sleep(l.Delay)
		}
		err := b.tryLock()
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EACCES) {
			return &fs.PathError{Op: "lock", Path: b.place.Path, Err: err}
		}
	}
	return fmt.Errorf("%s: %w", b.place.Path, ErrLocked)
}

func (b *Box) tryLock() error {
	l := &b.place.Lock
	if l.Fcntl {
		if err := unix.FcntlFlock(b.f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
			return err
		}
	}
	if l.Flock {
		if err := unix.Flock(int(b.f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			return err
		}
	}
	return nil
}

// Close unlocks and closes the mailbox. It works with the rights that Open had.
func (b *Box) Close() {
	if b.f != nil {
		b.f.Close() // and with it the locks of the descriptor
	}
	if b.dot != "" {
		os.Remove(b.dot)
	}
}
