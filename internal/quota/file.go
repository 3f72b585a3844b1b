package quota

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// File is the name of the file in a Maildir's root.
const File = "maildirsize"

// lockTime is how long the lock is waited for. Who waits for longer goes on
// without it: a count that may be wrong is less than mail that is not delivered.
const lockTime = 2 * time.Second

// maxReplaced is how often a file is opened that is no more when its lock is had.
const maxReplaced = 1000

// A Maildir is one whose quota is kept.
type Maildir struct {
	root     *os.Root
	rules    *Rules
	lockTime time.Duration
}

// Of returns the Maildir whose root directory root is. It is closed by who opened
// it.
func Of(root *os.Root, rules *Rules) *Maildir { return &Maildir{root, rules, lockTime} }

// A file is an open maildirsize.
type file struct {
	*os.File
	info fs.FileInfo
}

// errNoFile is a maildirsize that is no regular file.
var errNoFile = errors.New("maildirsize is not a regular file")

// close closes the file and gives its lock back. nil is no file.
func (f *file) close() {
	if f != nil {
		f.Close()
	}
}

// open opens maildirsize and locks it: unix.LOCK_SH or unix.LOCK_EX. With
// os.O_CREATE for flag an empty one is made where there is none.
func (m *Maildir) open(how, flag int) (*file, error) {
	end := time.Now().Add(m.lockTime)
	for range maxReplaced {
		// Opened to read and write, not even a FIFO makes anybody wait.
		f, err := m.root.OpenFile(File, os.O_RDWR|os.O_APPEND|flag, 0o600)
		if err != nil {
			return nil, err
		}
		lock(f, how, end)
		info, err := f.Stat()
		switch {
		case err != nil:
		case !info.Mode().IsRegular():
			err = errNoFile
		case links(info) > 0:
			return &file{f, info}, nil
		}
		f.Close()
		if err != nil {
			return nil, err
		}
		// Another took its place while we waited.
	}
	return nil, fmt.Errorf("%s is replaced all the time", File)
}

func links(info fs.FileInfo) uint64 {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 1
	}
	return uint64(st.Nlink)
}

// lock takes the lock, if it can be had until end.
func lock(f *os.File, how int, end time.Time) {
	for {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) || time.Now().After(end) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// read returns what the file says. An errStale goes with the limits.
func (f *file) read() (sheet, error) {
	// Not beyond the end it had: others append meanwhile, and half a line looks torn.
	b := make([]byte, min(f.info.Size(), maxFile+1))
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return sheet{}, err
	}
	return parse(b[:n])
}

// temporaries numbers the files in tmp/ that this process makes.
var temporaries atomic.Uint64

// replace puts a new maildirsize with one line of usage into the old one's place
// and returns it, locked shared.
func (m *Maildir) replace(limit, used Usage) (*file, error) {
	// Readers clear tmp/ of what is old.
	name := path.Join("tmp", fmt.Sprintf("%d.P%dN%d.%s", time.Now().Unix(), os.Getpid(), temporaries.Add(1), File))
	f, err := m.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	lock(f, unix.LOCK_SH, time.Time{}) // nobody else has it open
	info, err := m.fill(f, limit, used)
	if err == nil {
		err = m.root.Rename(name, File)
	}
	if err != nil {
		m.root.Remove(name)
		return nil, errors.Join(err, f.Close())
	}
	return &file{f, info}, nil
}

// fill writes a new file.
func (m *Maildir) fill(f *os.File, limit, used Usage) (fs.FileInfo, error) {
	if _, err := f.Write(appendLine(appendLimit(nil, limit), used)); err != nil {
		return nil, err
	}
	m.share(f)
	return f.Stat()
}

// share gives a new file to those whom the Maildir is shared with, as Dovecot
// does: the directory's mode without execution, and its group.
func (m *Maildir) share(f *os.File) {
	info, err := m.root.Stat(".")
	if err != nil {
		return
	}
	mode := info.Mode().Perm()&0o666 | 0o600
	st, ok := info.Sys().(*syscall.Stat_t)
	if mode == 0o600 || !ok || mode&0o060 != 0 && f.Chown(-1, int(st.Gid)) != nil {
		return // not a group of ours: its rights would be another group's
	}
	f.Chmod(mode)
}
