package master

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"yubin/internal/config"
	"yubin/internal/ids"
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
	kind := unix.SOCK_SEQPACKET
	if e.stream {
		kind = unix.SOCK_STREAM
	}
	if e.foreign {
		as = e.as
	}
	fd, err := unix.Socket(unix.AF_UNIX, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
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

// dovecotEndpoint returns where authd listens for Dovecot's protocol; none: false.
func dovecotEndpoint(c *config.Config) (e endpoint, ok bool, err error) {
	value := config.AuthDovecotSocket.Of(c)
	if value == "" {
		return e, false, nil
	}
	f := strings.Split(value, ":")
	mode := uint64(0o600)
	if len(f) == 4 {
		mode, err = strconv.ParseUint(f[3], 8, 9)
	}
	if len(f) != 1 && len(f) != 4 || f[0] == "" || err != nil {
		return e, false, c.Fault(config.AuthDovecotSocket.Def, "want PATH or PATH:USER:GROUP:MODE, with MODE such as 0660")
	}
	e = endpoint{unix: filepath.Clean(f[0]), mode: uint32(mode), stream: true}
	if !filepath.IsAbs(e.unix) {
		e.unix = filepath.Join(config.QueueDirectory.Of(c), e.unix)
	}
	e.foreign = len(f) == 4 || !inQueueDirectory(c, e.unix)
	if len(e.unix) > maxSocketPath {
		return e, false, c.Fault(config.AuthDovecotSocket.Def, fmt.Sprintf("the path is too long for a socket: want at most %d octets", maxSocketPath))
	}
	if len(f) == 1 || os.Geteuid() != 0 {
		return e, true, nil
	}
	who, err := ids.User(f[1])
	if err == nil {
		who.GID, err = ids.Group(f[2])
	}
	if err != nil {
		return e, false, c.Fault(config.AuthDovecotSocket.Def, err.Error())
	}
	e.as = &credential{UID: who.UID, GID: who.GID, Groups: []int{who.GID}}
	return e, true, nil
}

// inQueueDirectory tells whether a socket is in one of the directories for them,
// which are mail_owner's.
func inQueueDirectory(c *config.Config, path string) bool {
	dir, base := filepath.Split(filepath.Dir(path))
	return filepath.Clean(dir) == filepath.Clean(config.QueueDirectory.Of(c)) && (base == queue.DirPublic || base == queue.DirPrivate)
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
