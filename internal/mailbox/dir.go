package mailbox

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// A dir is an open directory. Names below it are single components: they lead
// nowhere else, since links are not followed.
type dir struct {
	*os.File
	fault fault
	mode  uint32 // of files made in it, as with Dovecot: the directory's, without execution
	gid   uint32 // and its group, if that may do anything
}

func newDir(f *os.File, fault fault) *dir {
	d := &dir{File: f, fault: fault, mode: 0o600}
	var st unix.Stat_t
	if unix.Fstat(d.fd(), &st) == nil {
		d.mode, d.gid = st.Mode&0o666|0o600, st.Gid
	}
	return d
}

// share gives a file that was made in d, for its owner alone, to the others who
// may use d.
func (d *dir) share(fd int) {
	if d.mode == 0o600 {
		return
	}
	var st unix.Stat_t
	if d.mode&0o060 != 0 && unix.Fstat(fd, &st) == nil && st.Gid != d.gid && unix.Fchown(fd, -1, int(d.gid)) != nil {
		return // not a group of ours: its rights would be another group's
	}
	unix.Fchmod(fd, d.mode)
}

// A fault stands in a test for what can go wrong: it is asked before each
// change of the disk, "create", "write", "rename", "link" or "remove", before
// each "watch", and before each "read" of new or cur. nil never fails.
type fault func(op, name string) error

func (f fault) ask(op, name string) error {
	if f == nil {
		return nil
	}
	return f(op, name)
}

func (t *Tree) openDir(name string) (*dir, error) {
	f, err := t.root.OpenFile(name, unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return newDir(f, t.store.o.fault), nil
}

// inode returns which directory it is; the zero inode is none.
func (d *dir) inode() inode {
	var st unix.Stat_t
	if err := unix.Fstat(d.fd(), &st); err != nil {
		return inode{}
	}
	return inodeOf(&st)
}

// sub opens a directory in d.
func (d *dir) sub(name string) (*dir, error) {
	f, err := d.open(name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	return newDir(f, d.fault), nil
}

// nameless makes a file in d that has no name yet, nameIt gives it one.
func (d *dir) nameless() (*os.File, error) {
	if err := d.fault.ask("create", ""); err != nil {
		return nil, err
	}
	fd := -1
	err := again(func() (err error) {
		fd, err = unix.Openat(d.fd(), ".", unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
		return err
	})
	if err != nil {
		return nil, d.fail("create", "", err)
	}
	d.share(fd)
	return os.NewFile(uintptr(fd), d.Name()), nil
}

func (d *dir) nameIt(f *os.File, name string) error {
	err := d.fault.ask("link", name)
	if err == nil {
		proc := procName(f)
		err = again(func() error {
			return unix.Linkat(unix.AT_FDCWD, proc, d.fd(), name, unix.AT_SYMLINK_FOLLOW)
		})
	}
	if err != nil {
		return d.fail("link", name, err)
	}
	return nil
}

// procName is a path to an open file, whatever its name is.
func procName(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())) }

// hasProc tells whether procName leads anywhere.
var hasProc = sync.OnceValue(func() bool {
	_, err := os.Stat("/proc/self/fd")
	return err == nil
})

// write writes to a file in d.
func (d *dir) write(f *os.File, b []byte) error {
	if err := d.fault.ask("write", path.Base(f.Name())); err != nil {
		f.Write(b[:len(b)/2]) // a write that fails may have written something
		return err
	}
	_, err := f.Write(b)
	return err
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

// open opens a file or directory: what else the mailbox's owner has put there,
// a FIFO say, could keep whoever reads or writes it waiting for ever.
func (d *dir) open(name string, flags int) (*os.File, error) {
	if flags&unix.O_CREAT != 0 {
		if err := d.fault.ask("create", name); err != nil {
			return nil, d.fail("create", name, err)
		}
	}
	fd := -1
	err := again(func() (err error) {
		fd, err = unix.Openat(d.fd(), name, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o600)
		return err
	})
	if err != nil {
		return nil, d.fail("open", name, err)
	}
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	if kind := st.Mode & unix.S_IFMT; err == nil && kind != unix.S_IFREG && kind != unix.S_IFDIR {
		err = errNoFile
	}
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags) // O_NONBLOCK was for a FIFO's sake
	}
	if err != nil {
		unix.Close(fd)
		return nil, d.fail("open", name, err)
	}
	if flags&unix.O_CREAT != 0 {
		d.share(fd)
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
	return d.renameWith(old, to, name, 0)
}

// renameWith is renameat2(2).
func (d *dir) renameWith(old string, to *dir, name string, flags uint) error {
	err := d.fault.ask("rename", name)
	if err == nil {
		err = again(func() error { return unix.Renameat2(d.fd(), old, to.fd(), name, flags) })
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: path.Join(d.Name(), old), New: path.Join(to.Name(), name), Err: err}
	}
	return nil
}

// renameNew renames a file and replaces none.
func (d *dir) renameNew(old string, to *dir, name string) error {
	err := d.renameWith(old, to, name, unix.RENAME_NOREPLACE)
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS) {
		return err
	}
	// A file system without it.
	if _, there := to.stat(name); there == nil {
		return &os.LinkError{Op: "rename", Old: path.Join(d.Name(), old), New: path.Join(to.Name(), name), Err: unix.EEXIST}
	}
	return d.rename(old, to, name)
}

func (d *dir) link(old string, to *dir, name string) error {
	err := d.fault.ask("link", name)
	if err == nil {
		err = again(func() error { return unix.Linkat(d.fd(), old, to.fd(), name, 0) })
	}
	if err != nil {
		return &os.LinkError{Op: "link", Old: path.Join(d.Name(), old), New: path.Join(to.Name(), name), Err: err}
	}
	return nil
}

func (d *dir) remove(name string) error {
	err := d.fault.ask("remove", name)
	if err == nil {
		err = again(func() error { return unix.Unlinkat(d.fd(), name, 0) })
	}
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
// for each: with 100,000 files they cost more than the kernel's part. Of a large
// directory more is read meanwhile.
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
	list := d.readEntries(fd)
	if list.n < entryBytes/2 { // all of it, mostly
		defer unix.Close(fd)
		for ; list.n > 0; list = d.readEntries(fd) {
			entries(list.buf[:list.n], do)
			entryBuffers.Put(list.buf)
		}
		entryBuffers.Put(list.buf)
		return list.err
	}
	more, end := make(chan entryList, 1), make(chan struct{})
	defer close(end)
	go d.readAhead(fd, more, end)
	for ; list.n > 0; list = <-more {
		entries(list.buf[:list.n], do)
		entryBuffers.Put(list.buf)
	}
	entryBuffers.Put(list.buf)
	return list.err
}

// An entryList is what one getdents64(2) returned: nothing at the end.
type entryList struct {
	buf *[entryBytes]byte
	n   int
	err error
}

func (d *dir) readEntries(fd int) entryList {
	l := entryList{buf: entryBuffers.Get().(*[entryBytes]byte)}
	err := again(func() (err error) {
		l.n, err = unix.Getdents(fd, l.buf[:])
		return err
	})
	if err != nil {
		l.n, l.err = 0, d.fail("readdir", "", err)
	}
	return l
}

// readAhead reads the rest of a directory and closes fd.
func (d *dir) readAhead(fd int, to chan<- entryList, end <-chan struct{}) {
	defer unix.Close(fd)
	for {
		l := d.readEntries(fd)
		last := l.n == 0
		select {
		case to <- l:
		case <-end:
			return
		}
		if last {
			return
		}
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
