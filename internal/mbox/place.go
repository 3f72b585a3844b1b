package mbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Errors of deliveries that have nothing to do with the system.
var (
	ErrLocked     = errors.New("the mailbox is locked by another program")
	ErrOwner      = errors.New("the mailbox belongs to another user")
	ErrFull       = errors.New("the mailbox would be larger than its limit")
	ErrIrregular  = errors.New("the mailbox is not a regular file")
	ErrLinks      = errors.New("the mailbox has several names, or is a link that somebody else has made")
	ErrExecutable = errors.New("the file is a program")
	ErrNoReader   = errors.New("no program reads from the pipe")
	ErrSlowReader = errors.New("the program that reads from the pipe does not take the message")
	ErrContent    = errors.New("read the queue file")
)

// A Place says where a mailbox is, and what is asked of it.
type Place struct {
	Path string
	// Plain refuses links: the file is in a spool.
	Plain bool
	// Beneath, if it is set, is a directory that no link in Path leads out of.
	Beneath string
	// Owned wants Owner to own the file.
	Owned bool
	Owner int
	// Give, if it is set, is whose a file becomes that is made here: its user ID and
	// group ID. It is for the deliverer who may make files where their owner may not.
	Give []int
	// Any lets devices and pipes be written to, and refuses programs: for files that
	// aliases name.
	Any bool
	// Patience is how long the reader of a pipe may take; 0: for ever.
	Patience time.Duration
	Limit    int64 // octets; 0: none
	Lock     Lock
}

// A Lock says how a mailbox is locked.
type Lock struct {
	Fcntl, Flock, Dot bool
	// DotMayFail goes on without a dot lock where it cannot be made.
	DotMayFail bool
	Attempts   int
	Delay      time.Duration
	Stale      time.Duration // age of a dot lock that was left behind
}

// A Box is an open mailbox, locked.
type Box struct {
	f       *os.File
	place   *Place
	regular bool
	made    bool
	dot     string // the dot lock to remove
}

// Open opens and locks the mailbox, and makes it first where it is missing. It
// works with the rights of the calling thread.
func (p *Place) Open() (*Box, error) {
	b := &Box{place: p}
	if err := b.dotLock(); err != nil {
		return nil, err
	}
	if err := b.open(); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// open opens the file and locks it. Who had the lock before may have removed the
// file, or put another into its place: what is written to one without a name is lost.
func (b *Box) open() error {
	for range rounds {
		if err := b.openFile(); err != nil {
			return err
		}
		named, err := b.check()
		if err == nil && b.regular {
			if err = b.lock(); err == nil {
				named, err = b.check()
			}
		}
		if err != nil || named || !b.regular {
			return err
		}
		b.f.Close()
		b.f, b.made = nil, false
	}
	return b.comesAndGoes()
}

// rounds is how often a file is looked for that others make and remove.
const rounds = 10

func (b *Box) comesAndGoes() error { return fmt.Errorf("open %s: it comes and goes", b.place.Path) }

// openFile opens the file that is there, or makes one. Between the two others
// may make or remove it.
func (b *Box) openFile() error {
	for range rounds {
		f, err := b.existing()
		if err == nil {
			b.f = f
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		f, err = b.place.openAt(os.O_CREATE | os.O_EXCL)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		b.f, b.made = f, true
		if b.place.Give != nil {
			return b.f.Chown(b.place.Give[0], b.place.Give[1])
		}
		return nil
	}
	return b.comesAndGoes()
}

// existing opens what is there. Of links only the last one in the path is of
// interest: directories are their owners' business.
func (b *Box) existing() (*os.File, error) {
	f, err := b.place.openAt(0)
	if !errors.Is(err, syscall.ELOOP) {
		return f, err
	}
	path := b.place.Path
	if b.place.Plain {
		return nil, fmt.Errorf("open %s: %w", path, ErrLinks)
	}
	target, err := ownLink(path)
	if err != nil {
		return nil, err
	}
	if f, err = (&Place{Path: target, Any: b.place.Any}).openAt(0); errors.Is(err, syscall.ELOOP) {
		err = fmt.Errorf("open %s: %w", path, ErrLinks)
	}
	return f, err
}

// openAt opens the file itself; a link in its place is ELOOP.
func (p *Place) openAt(more int) (*os.File, error) {
	flags := os.O_APPEND | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | more
	open := os.OpenFile
	if p.Beneath != "" {
		root, err := os.OpenRoot(p.Beneath)
		if err != nil {
			return nil, err
		}
		defer root.Close()
		open = func(path string, flags int, mode fs.FileMode) (*os.File, error) {
			rel, err := filepath.Rel(p.Beneath, path)
			if err != nil {
				return nil, err
			}
			// os.Root follows a link that stays below it.
			if info, err := root.Lstat(rel); err == nil && info.Mode()&fs.ModeSymlink != 0 {
				return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ELOOP}
			}
			return root.OpenFile(rel, flags, mode)
		}
	}
	if info, err := os.Lstat(p.Path); p.Any && err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
		// Opened to read as well, a pipe would take a message that nobody reads.
		f, err := open(p.Path, os.O_WRONLY|flags, 0o600)
		if errors.Is(err, syscall.ENXIO) {
			err = fmt.Errorf("open %s: %w", p.Path, ErrNoReader)
		}
		return f, err
	}
	f, err := open(p.Path, os.O_RDWR|flags, 0o600)
	if errors.Is(err, fs.ErrPermission) { // a file that may be written to and not read
		f, err = open(p.Path, os.O_WRONLY|flags, 0o600)
	}
	return f, err
}

// ownLink returns where a link leads that root or this user has made: another's
// could lead to a file of this user that is no mailbox.
func ownLink(path string) (string, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "", &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Uid != 0 && int(st.Uid) != unix.Geteuid() {
		return "", fmt.Errorf("open %s: %w", path, ErrLinks)
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", buf)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: path, Err: err}
	}
	target := string(buf[:n])
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(path), target)
	}
	return target, nil
}

// check looks at what was opened, and tells whether it has a name still. It leaves the
// descriptor as it is: behind Fd a pipe would know no deadline.
func (b *Box) check() (named bool, err error) {
	info, err := b.f.Stat()
	if err != nil {
		return false, err
	}
	st := info.Sys().(*syscall.Stat_t)
	b.regular = info.Mode().IsRegular()
	switch {
	case !b.regular && (!b.place.Any || info.IsDir()):
		err = ErrIrregular
	case !b.regular:
	case st.Nlink > 1:
		err = ErrLinks
	case b.place.Any && st.Mode&0o111 != 0:
		err = ErrExecutable
	case b.place.Owned && int(st.Uid) != b.place.Owner:
		err = ErrOwner
	}
	if err != nil {
		return false, fmt.Errorf("open %s: %w", b.place.Path, err)
	}
	return st.Nlink > 0, nil
}
