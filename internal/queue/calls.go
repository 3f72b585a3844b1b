package queue

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// calls is the system calls by which the store changes a directory. Every one
// asks before first, so that a test can stop the store there, or have the call
// fail, and see what recovery makes of what is on the disk.
type calls struct {
	before func(call, name string) error // nil: nothing to ask
	after  func(name string)             // hears that the file of this name has changed; nil: nobody does
}

// changed tells of a change that has been made.
func (c *calls) changed(name string) {
	if c.after != nil {
		c.after(name)
	}
}

// A dir is an open directory below queue_directory. Names are looked up from
// its descriptor: moving or replacing the path above does not matter.
type dir struct {
	name string
	f    *os.File
}

func (d *dir) fd() int { return int(d.f.Fd()) }

func (d *dir) path(name string) string { return d.name + "/" + name }

func (c *calls) ask(call, path string) error {
	if c.before == nil {
		return nil
	}
	if err := c.before(call, path); err != nil {
		return &os.PathError{Op: call, Path: path, Err: err}
	}
	return nil
}

func (c *calls) open(d *dir, name string, flags int) (*os.File, error) {
	call := "open"
	if flags&unix.O_CREAT != 0 {
		call = "create"
	}
	if err := c.ask(call, d.path(name)); err != nil {
		return nil, err
	}
	for {
		fd, err := unix.Openat(d.fd(), name, flags|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), d.path(name)), nil
		case unix.EINTR:
		default:
			return nil, &os.PathError{Op: call, Path: d.path(name), Err: err}
		}
	}
}

// rename moves a file; it never replaces one.
func (c *calls) rename(from *dir, old string, to *dir, name string) error {
	if err := c.ask("rename", to.path(name)); err != nil {
		return err
	}
	err := unix.Renameat2(from.fd(), old, to.fd(), name, unix.RENAME_NOREPLACE)
	if err == unix.EINVAL || err == unix.ENOSYS {
		// The file system cannot (NFS). Names are unique but for those that
		// callers look for themselves.
		err = unix.Renameat(from.fd(), old, to.fd(), name)
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from.path(old), New: to.path(name), Err: err}
	}
	c.changed(old)
	return nil
}

func (c *calls) unlink(d *dir, name string) error {
	if err := c.ask("unlink", d.path(name)); err != nil {
		return err
	}
	if err := unix.Unlinkat(d.fd(), name, 0); err != nil {
		return &os.PathError{Op: "unlink", Path: d.path(name), Err: err}
	}
	c.changed(name)
	return nil
}

func (c *calls) write(f *os.File, b []byte, off int64) error {
	if err := c.ask("write", f.Name()); err != nil {
		return err
	}
	_, err := f.WriteAt(b, off)
	return err
}

func (c *calls) truncate(f *os.File, size int64) error {
	if err := c.ask("truncate", f.Name()); err != nil {
		return err
	}
	return f.Truncate(size)
}

// touch sets a file's modification time.
func (c *calls) touch(d *dir, name string, mtime time.Time) error {
	if err := c.ask("utimes", d.path(name)); err != nil {
		return err
	}
	ts := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, unix.NsecToTimespec(mtime.UnixNano())}
	if err := unix.UtimesNanoAt(d.fd(), name, ts, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &os.PathError{Op: "utimes", Path: d.path(name), Err: err}
	}
	c.changed(name)
	return nil
}

// chmod sets a file's mode. It is for files of the store's own.
func (c *calls) chmod(d *dir, name string, mode uint32) error {
	if err := c.ask("chmod", d.path(name)); err != nil {
		return err
	}
	if err := unix.Fchmodat(d.fd(), name, mode, 0); err != nil {
		return &os.PathError{Op: "chmod", Path: d.path(name), Err: err}
	}
	c.changed(name)
	return nil
}

// exists tells whether d has an entry of that name.
func exists(d *dir, name string) bool {
	var st unix.Stat_t
	return unix.Fstatat(d.fd(), name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil
}

// unshared tells whether f, open for reading (lease F_RDLCK: nobody can still
// write to it) or for writing (F_WRLCK: nobody has it open at all), is safe
// from other processes. The lease is given back at once: it is the kernel's
// answer that is wanted. An error other than EAGAIN means that the file system
// has no leases.
func unshared(f *os.File, lease int) (bool, error) {
	fd := int(f.Fd())
	switch _, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, lease); err {
	case nil:
	case unix.EAGAIN:
		return false, nil
	default:
		return false, &os.PathError{Op: "lease", Path: f.Name(), Err: err}
	}
	_, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_UNLCK)
	if err != nil {
		return false, &os.PathError{Op: "lease", Path: f.Name(), Err: err}
	}
	return true, nil
}
