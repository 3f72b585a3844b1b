package mailbox

import (
	"errors"
	"fmt"
	"io"
	"path"

	"golang.org/x/sys/unix"
)

// A storedFile is a message's open file. An os.File would cost as much again as
// opening, reading and closing does.
type storedFile struct {
	fd   int
	size int64
	mtim unix.Timespec
	dir  *dir // for its name
	name string
}

// errNoFile is something else that has a message's name.
var errNoFile = errors.New("not a file")

// openStored opens a regular file for reading.
func (d *dir) openStored(name string) (*storedFile, error) {
	f := &storedFile{fd: -1, dir: d, name: name}
	// O_NONBLOCK is for a FIFO's sake, and means nothing for a file.
	err := again(func() (err error) {
		f.fd, err = unix.Openat(d.fd(), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, d.fail("open", name, err)
	}
	var st unix.Stat_t
	err = unix.Fstat(f.fd, &st)
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = errNoFile
	}
	if err != nil {
		unix.Close(f.fd)
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	f.size, f.mtim = st.Size, st.Mtim
	return f, nil
}

// Name is the file's path, as far as it was known when it was opened.
func (f *storedFile) Name() string { return path.Join(f.dir.Name(), f.name) }

// ReadAt is io.ReaderAt's.
func (f *storedFile) ReadAt(b []byte, off int64) (n int, err error) {
	for n < len(b) && err == nil {
		k := 0
		err = again(func() (err error) {
			k, err = unix.Pread(f.fd, b[n:], off+int64(n))
			return err
		})
		if k == 0 && err == nil {
			err = io.EOF
		}
		n += max(k, 0)
	}
	return n, err
}

// Close closes the file; it must not be used again.
func (f *storedFile) Close() error { return unix.Close(f.fd) }

// openUID opens the file of a UID. A file that was renamed since is looked for
// in the directories. Of the folder's mutex it holds no more than finding the name
// takes: many messages may be opened at once.
func (v *View) openUID(uid uint32) (*storedFile, error) {
	f := v.f
	for round := 0; ; round++ {
		d, name, err := f.locate(v, uid)
		if err != nil {
			return nil, err
		}
		file, err := d.openStored(name)
		f.opening.RUnlock()
		if err == nil || !gone(err) {
			return file, err
		}
		if round == rescans {
			return nil, ErrGone
		}
		f.mu.Lock()
		err = f.sync(v.mode == ReadWrite, true)
		f.mu.Unlock()
		if err != nil {
			return nil, err
		}
	}
}

// locate returns where the file of a UID is. Without an error its directory
// stays open until opening is unlocked.
func (f *folder) locate(v *View, uid uint32) (*dir, string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if v.snap.validity != f.head.validity {
		return nil, "", ErrGone
	}
	r := f.byUID(uid)
	if r == nil {
		return nil, "", ErrGone
	}
	d, name := f.file(r)
	f.opening.RLock()
	return d, name, nil
}
