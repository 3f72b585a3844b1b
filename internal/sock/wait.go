package sock

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Wait waits until Read would not have to: whoever waits long need not hold a
// buffer meanwhile.
func (c *Conn) Wait() error {
	var peek [1]byte
	waited := false
	err := c.raw.Read(func(fd uintptr) bool {
		if waited {
			return true // Read finds out, and waits again where it was for nothing
		}
		waited = true
		_, errno := retry(func() (uintptr, syscall.Errno) {
			n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&peek)), 1, unix.MSG_DONTWAIT|unix.MSG_PEEK, 0, 0)
			return n, errno
		})
		return errno != unix.EAGAIN
	})
	return err // what is wrong with the connection, Read finds out
}

// CloseWrite ends the writing side, where there are two.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
