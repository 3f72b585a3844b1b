package sock

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What follows never waits, so the scheduler need not hear of it either.

// SendNow sends one packet with control data beside it on fd, if there is room.
func SendNow(fd int, b, oob []byte) error {
	departs()
	h := header(b, oob)
	_, errno := retry(func() (uintptr, syscall.Errno) {
		n, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(h)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		return n, errno
	})
	runtime.KeepAlive(b)
	runtime.KeepAlive(oob)
	return failure("sendmsg", errno)
}

// Close closes a socket that the runtime's poller does not know.
func Close(fd int) error {
	_, _, errno := unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
	return failure("close", errno)
}

// Pair is socketpair(2), of Unix sockets that do not block and that no other
// program gets.
func Pair(kind int) (fds [2]int, err error) {
	var pair [2]int32
	_, _, errno := unix.RawSyscall6(unix.SYS_SOCKETPAIR, unix.AF_UNIX, uintptr(kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK), 0, uintptr(unsafe.Pointer(&pair)), 0, 0)
	return [2]int{int(pair[0]), int(pair[1])}, failure("socketpair", errno)
}

// Dup is another descriptor for a socket, which no other program gets.
func Dup(fd int) (int, error) {
	n, _, errno := unix.RawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	return int(n), failure("fcntl", errno)
}

func failure(call string, errno syscall.Errno) error {
	if errno != 0 {
		return os.NewSyscallError(call, errno)
	}
	return nil
}
