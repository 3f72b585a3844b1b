package master

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"yubin/internal/config"
	"yubin/internal/queue"
)

// maxSocketPath is the longest path that a client can connect to
// (sockaddr_un).
const maxSocketPath = 107

// unixEndpoint returns where a unix service listens.
func unixEndpoint(c *config.Config, s *config.MasterService) (endpoint, error) {
	dir, mode := queue.DirPublic, uint32(0o666)
	if s.Private {
		dir, mode = queue.DirPrivate, 0o600
	}
	path := filepath.Join(config.QueueDirectory.Of(c), dir, s.Name)
	if len(path) > maxSocketPath {
		return endpoint{}, fmt.Errorf("%s is too long for a socket (%d octets, at most %d): choose a shorter queue_directory", path, len(path), maxSocketPath)
	}
	return endpoint{unix: path, mode: mode}, nil
}

// listenUnix makes the socket of a unix endpoint. The directory belongs to
// mail_owner, so root works in it with that user's ids, and has no more rights
// there than mail_owner has.
func listenUnix(e endpoint, as *credential) (s *socket, err error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := asUser(as, func() error { return bindUnix(fd, e) }); err != nil {
		unix.Close(fd)
		return nil, err
	}
	if err := unix.Listen(fd, backlog); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("listen %s: %w", e, err)
	}
	return &socket{fd: fd, where: e.unix, unix: true}, nil
}

// bindUnix binds fd to e. One instance has the queue directory, so a socket
// that is there is an earlier instance's; anything else stays and is an error.
func bindUnix(fd int, e endpoint) error {
	if info, err := os.Lstat(e.unix); err == nil && info.Mode().Type() == os.ModeSocket {
		if err := os.Remove(e.unix); err != nil {
			return err
		}
	}
	// The umask, because a chmod afterwards would come too late. It belongs to
	// the whole process; master makes sockets and children in one goroutine.
	old := unix.Umask(int(0o777 &^ e.mode))
	defer unix.Umask(old)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: e.unix}); err != nil {
		return fmt.Errorf("bind %s: %w", e, err)
	}
	return nil
}

// removeUnix removes the socket of a service that is no more.
func removeUnix(path string, as *credential) error {
	return asUser(as, func() error { return os.Remove(path) })
}

// asUser runs f on a thread that has the effective ids of as; nil: as we are.
// A thread that cannot be switched back dies with its goroutine.
func asUser(as *credential, f func() error) error {
	if as == nil {
		return f()
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		gid, uid := os.Getegid(), os.Geteuid()
		err := setThread(as.GID, as.UID)
		if err == nil {
			err = f()
		}
		back := setThreadBack(gid, uid)
		if back == nil {
			runtime.UnlockOSThread()
		}
		done <- errors.Join(err, back)
	}()
	return <-done
}

// setThread sets the effective ids of this thread alone: the functions of
// package syscall would switch all threads.
func setThread(gid, uid int) error {
	if err := rawSetID(unix.SYS_SETRESGID, gid); err != nil {
		return os.NewSyscallError("setresgid", err)
	}
	return os.NewSyscallError("setresuid", rawSetID(unix.SYS_SETRESUID, uid))
}

// setThreadBack is setThread in the other order: group ids can be changed only
// once the thread is root's again.
func setThreadBack(gid, uid int) error {
	if err := rawSetID(unix.SYS_SETRESUID, uid); err != nil {
		return os.NewSyscallError("setresuid", err)
	}
	return os.NewSyscallError("setresgid", rawSetID(unix.SYS_SETRESGID, gid))
}

func rawSetID(trap uintptr, id int) error {
	const unchanged = ^uintptr(0)
	if _, _, errno := syscall.RawSyscall(trap, unchanged, uintptr(id), unchanged); errno != 0 {
		return errno
	}
	return nil
}
