package submit

import (
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/queue"
)

// Modes of a file in maildrop/. The owner's execute bit is the mark of a
// complete one. It is set after the flush, so a power failure may take it back;
// pickup, another user, must then read a file without it. Nobody else gets into
// the directory.
const (
	incomplete = 0o644
	complete   = 0o744
)

var (
	errTooBig      = errors.New("message file too big")
	errInterrupted = errors.New("interrupted")
)

// A draft is a file in maildrop/ that is being written, or will be. A signal
// may abandon it while another goroutine works on it.
type draft struct {
	mu   sync.Mutex // guards what follows; id, path and f stay once they are set
	over bool       // complete, or abandoned
	safe bool       // marked complete
	id   string
	path string
	f    *os.File
}

// create creates the file in dir under a fresh ID. It fails when the draft was
// abandoned meanwhile, as finish does.
func (d *draft) create(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		return errInterrupted
	}
	const tries = 1000
	for range tries {
		id := queue.FreshID(time.Now(), queue.OriginSendmail)
		path := filepath.Join(dir, id)
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, incomplete)
		if err == nil {
			d.id, d.path, d.f = id, path, f
			return nil
		}
		// Another sendmail has this microsecond.
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return &fs.PathError{Op: "create", Path: dir, Err: unix.EAGAIN}
}

// write fills the file and puts it on stable storage, with its name.
func (d *draft) write(l *letter, limit int64, in *input) error {
	// queue.Writer closes its descriptor; this one is kept for the flush. Both
	// are one open file, so the flush tells of every lost write.
	fd, err := unix.FcntlInt(d.f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("dup", err)
	}
	w, err := queue.NewWriter(os.NewFile(uintptr(fd), d.path), d.id, 0, &l.env)
	if err != nil {
		unix.Close(fd)
		return err
	}
	if limit == 0 {
		limit = math.MaxInt64
	}
	if err := l.write(&limited{w, limit - size(&l.env)}, d.id, time.Now(), in); err != nil {
		w.Abandon()
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := d.f.Sync(); err != nil {
		return err
	}
	return flushName(d.f, filepath.Dir(d.path))
}

// flushName puts the file's name on stable storage. The fsync of a file whose
// name is new covers the name on file systems that keep the order of metadata
// in a journal or log (docs/decisions/0006; ext4 without one flushes the parents
// of a new file then). Elsewhere the directory is flushed;
// or all of the file system, since the group may create names in maildrop/, not
// read them, and a descriptor that is not for reading cannot flush a directory.
func flushName(f *os.File, dir string) error {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return os.NewSyscallError("fstatfs", err)
	}
	switch uint32(st.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC:
		return nil
	}
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrPermission) {
		return os.NewSyscallError("syncfs", unix.Syncfs(int(f.Fd())))
	}
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// finish marks the file complete: from now on it is pickup's.
func (d *draft) finish() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		return errInterrupted
	}
	if err := d.f.Chmod(complete); err != nil {
		return err
	}
	d.over, d.safe = true, true
	return nil
}

// abandon removes the file unless it is complete, which it tells, and keeps it from
// coming to be.
func (d *draft) abandon() (complete bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.over && d.f != nil {
		os.Remove(d.path)
	}
	d.over = true
	return d.safe
}

// limited is a writer that takes n octets.
type limited struct {
	w io.Writer
	n int64
}

func (l *limited) Write(p []byte) (int, error) {
	if l.n -= int64(len(p)); l.n < 0 {
		return 0, errTooBig
	}
	return l.w.Write(p)
}

// size is about what an envelope takes, octets.
func size(e *queue.Envelope) int64 {
	n := int64(len(e.Sender))
	for i := range e.Recipients {
		n += int64(len(e.Recipients[i].Address)) + 2
	}
	return n
}

// poke tells pickup that there is work. It never waits, and when nobody listens the
// next scan finds the file.
func poke(path string) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	// Best effort by design.
	_ = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
}
