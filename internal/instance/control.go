package instance

import (
	"errors"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"yubin/internal/fdpass"
	"yubin/internal/queue"
)

// The control socket pid/control is where mailctl speaks with master (package
// ipc, master.go). Its directory lets nobody in but who runs the system.
func controlPath(queueDir string) string {
	return filepath.Join(queueDir, queue.DirPID, "control")
}

// Listen makes the control socket; only who has the claim may.
func (c *Claim) Listen(queueDir string) (*net.UnixListener, error) {
	return listen(controlPath(queueDir))
}

// ListenSessions makes the socket on which authd passes on the connections of
// people who have logged in (package ipc, session.go). It is beside the control
// socket, where only who runs the system can put one: sessions of people are
// entrusted to whoever listens.
func (c *Claim) ListenSessions(queueDir string) (*net.UnixListener, error) {
	return listen(sessionsPath(queueDir))
}

func sessionsPath(queueDir string) string {
	return filepath.Join(queueDir, queue.DirPID, "sessions")
}

// DialSessions connects to the socket of ListenSessions.
func DialSessions(queueDir string) (*fdpass.Conn, error) { return fdpass.Dial(sessionsPath(queueDir)) }

func listen(path string) (*net.UnixListener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		return nil, err
	}
	// It goes on to a master that this process becomes.
	l.SetUnlinkOnClose(false)
	return l, os.Chmod(path, 0o600)
}

// Dial connects to the master of queueDir.
func Dial(queueDir string) (*fdpass.Conn, error) { return fdpass.Dial(controlPath(queueDir)) }

// Resume takes up the claim of the program that this process was: the lock
// belongs to the descriptor.
func Resume(fd int) (*Claim, error) {
	f := os.NewFile(uintptr(fd), "master.pid")
	lock := wholeFile()
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock); err != nil {
		f.Close()
		return nil, os.NewSyscallError("lock master.pid", err)
	}
	return &Claim{f}, nil
}

// FD is the descriptor that holds the claim.
func (c *Claim) FD() int { return int(c.f.Fd()) }
