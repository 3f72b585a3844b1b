package mailbox

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path"
	"sync"

	"golang.org/x/sys/unix"
)

// A dir is an open directory. Names below it are single components: they lead
// nowhere else, since links are not followed.
type dir struct{ *os.File }

func openDir(root *os.Root, name string) (*dir, error) {
	f, err := root.OpenFile(name, unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return &dir{f}, nil
}

func (d *dir) fd() int { return int(d.Fd()) }

func (d *dir) fail(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: path.Join(d.Name(), name), Err: err}
}

// again repeats what a signal interrupted.
func again(do func() error) error {
	for {
		if err := do(); err != unix.EINTR {
			return err
		}
	}
}

func (d *dir) open(name string, flags int) (*os.File, error) {
	fd := -1
	err := again(func() (err error) {
		fd, err = unix.Openat(d.fd(), name, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600)
		return err
	})
	if err != nil {
		return nil, d.fail("open", name, err)
	}
	if unix.SetNonblock(fd, false) != nil { // O_NONBLOCK was for a FIFO's sake
		unix.Close(fd)
		return nil, d.fail("open", name, unix.EINVAL)
	}
	return os.NewFile(uintptr(fd), path.Join(d.Name(), name)), nil
}

func (d *dir) stat(name string) (st unix.Stat_t, err error) {
	err = again(func() error { return unix.Fstatat(d.fd(), name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	if err != nil {
		err = d.fail("stat", name, err)
	}
	return st, err
}

func (d *dir) rename(old string, to *dir, name string) error {
	err := again(func() error { return unix.Renameat(d.fd(), old, to.fd(), name) })
	if err != nil {
		return &os.LinkError{Op: "rename", Old: path.Join(d.Name(), old), New: path.Join(to.Name(), name), Err: err}
	}
	return nil
}

func (d *dir) link(old string, to *dir, name string) error {
	err := again(func() error { return unix.Linkat(d.fd(), old, to.fd(), name, 0) })
	if err != nil {
		return &os.LinkError{Op: "link", Old: path.Join(d.Name(), old), New: path.Join(to.Name(), name), Err: err}
	}
	return nil
}

func (d *dir) remove(name string) error {
	err := again(func() error { return unix.Unlinkat(d.fd(), name, 0) })
	if err != nil {
		return d.fail("remove", name, err)
	}
	return nil
}

func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// entryBytes is how much of a directory is read at once.
const entryBytes = 256 << 10

var entryBuffers = sync.Pool{New: func() any { return new([entryBytes]byte) }}

// each calls do with the name of every file in the directory that may be a
// message. The name is valid during the call. It spares a string and a stat
// for each: with 100,000 files they cost more than the kernel's part.
func (d *dir) each(do func(name []byte)) error {
	// A descriptor of its own, for its own position.
	fd := -1
	err := again(func() (err error) {
		fd, err = unix.Openat(d.fd(), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return d.fail("open", "", err)
	}
	defer unix.Close(fd)
	array := entryBuffers.Get().(*[entryBytes]byte)
	defer entryBuffers.Put(array)
	for {
		n := 0
		err := again(func() (err error) {
			n, err = unix.Getdents(fd, array[:])
			return err
		})
		if err != nil {
			return d.fail("readdir", "", err)
		}
		if n == 0 {
			return nil
		}
		entries(array[:n], do)
	}
}

// entries walks over what getdents64(2) returned: inode and offset (8 octets
// each), length of the entry (2), type (1), name.
func entries(b []byte, do func(name []byte)) {
	for len(b) > 19 {
		size := int(binary.NativeEndian.Uint16(b[16:]))
		if size < 20 || size > len(b) {
			return
		}
		kind, name := b[18], b[19:size]
		for i, c := range name {
			if c == 0 {
				name = name[:i]
				break
			}
		}
		b = b[size:]
		if (kind == unix.DT_REG || kind == unix.DT_UNKNOWN) && usable(name) {
			do(name)
		}
	}
}
