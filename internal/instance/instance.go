// Package instance sees to it that a queue directory has one master, and lets
// others find that master.
//
// The file pid/master.pid below queue_directory holds the process ID in
// decimal and a newline. It counts only while it is locked (an open file
// description lock, fcntl(2)): a lock ends with its process, so a file left
// over from a crash is no obstacle, and whoever may read the file can ask who
// holds the lock without taking it. The lock on the first octet is taken last, and
// says that the process ID is there to be read.
package instance

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"yubin/internal/queue"
)

// ErrNotRunning says that the queue directory has no master.
var ErrNotRunning = errors.New("the mail system is not running")

// A Claim makes this process the one master of a queue directory, until it is
// released or the process ends.
type Claim struct{ f *os.File }

func path(queueDir string) string {
	return filepath.Join(queueDir, queue.DirPID, "master.pid")
}

// Take claims queueDir, whose directories exist (queue.Prepare).
func Take(queueDir string) (*Claim, error) {
	f, err := os.OpenFile(path(queueDir), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o644)
	if err != nil {
		return nil, err
	}
	lock := afterFirst()
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock); err != nil {
		defer f.Close()
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
			pid, _ := readPID(f)
			return nil, fmt.Errorf("the mail system is already running: PID: %d (it holds the lock on %s)", pid, f.Name())
		}
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	// The umask has no say in who may ask.
	if err := f.Chmod(0o644); err != nil {
		f.Close()
		return nil, err
	}
	if err := writePID(f); err != nil {
		f.Close()
		return nil, err
	}
	lock = wholeFile()
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return &Claim{f}, nil
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// Release gives the claim up.
func (c *Claim) Release() error { return c.f.Close() }

// Find returns the process ID of the master of queueDir, or ErrNotRunning.
func Find(queueDir string) (pid int, err error) {
	f, err := os.Open(path(queueDir))
	if errors.Is(err, os.ErrNotExist) {
		return 0, ErrNotRunning
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lock := firstOctet()
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &lock); err != nil {
		return 0, fmt.Errorf("ask for the lock on %s: %w", f.Name(), err)
	}
	if lock.Type == unix.F_UNLCK {
		return 0, ErrNotRunning
	}
	return readPID(f)
}

func readPID(f *os.File) (int, error) {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 32))
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || pid <= 1 {
		return 0, fmt.Errorf("%s holds no process ID", f.Name())
	}
	return pid, nil
}

func wholeFile() unix.Flock_t {
	return unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
}

// afterFirst is the claim, firstOctet what Find asks for.
func afterFirst() unix.Flock_t {
	return unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart, Start: 1}
}

func firstOctet() unix.Flock_t {
	return unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart, Len: 1}
}
