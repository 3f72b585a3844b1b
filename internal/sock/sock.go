// Package sock reads and writes sockets by system calls that Go's scheduler
// does not hear of.
//
// Every ordinary system call tells the scheduler that it may take long. The
// scheduler's monitor then wakes up to see whether it does, as often as every
// twenty microseconds, in every process that a letter passes through: a fifth of
// smtpd's processor time went there. A call on a socket that does not block
// returns at once, so nobody needs to watch it. Waiting is left to the runtime's
// poller, with its deadlines, as ever.
package sock

import (
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Conn is a network connection whose Read and Write are those of this
// package.
type Conn struct {
	net.Conn
	raw syscall.RawConn
}

// Wrap returns c with quick Read and Write, or c itself when it is not a socket
// of the net package, or one already.
func Wrap(c net.Conn) net.Conn {
	if _, ok := c.(*Conn); ok {
		return c
	}
	s, ok := c.(syscall.Conn)
	if !ok {
		return c
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return c
	}
	return &Conn{c, raw}
}

// SyscallConn gives access to the descriptor.
func (c *Conn) SyscallConn() (syscall.RawConn, error) { return c.raw, nil }

// Read reads what has come, and waits until something has.
func (c *Conn) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	defer arrived()
	n, err = c.call(c.raw.Read, "read", unix.SYS_RECVFROM, p, unix.MSG_DONTWAIT)
	if err == nil && n == 0 {
		return 0, io.EOF
	}
	return n, err
}

// Write writes all of p unless there is an error.
func (c *Conn) Write(p []byte) (done int, err error) {
	departs()
	for done < len(p) {
		n, err := c.call(c.raw.Write, "write", unix.SYS_SENDTO, p[done:], unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		if done += n; err != nil {
			return done, err
		}
	}
	return done, nil
}

// call makes one transfer as soon as the socket is ready.
func (c *Conn) call(when func(func(uintptr) bool) error, name string, trap uintptr, p []byte, flags uintptr) (int, error) {
	var n uintptr
	var errno syscall.Errno
	err := when(func(fd uintptr) bool {
		n, errno = retry(func() (uintptr, syscall.Errno) {
			n, _, errno := unix.RawSyscall6(trap, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
			return n, errno
		})
		return errno != unix.EAGAIN
	})
	runtime.KeepAlive(p)
	switch {
	case err != nil:
		return 0, err
	case errno != 0:
		return 0, &net.OpError{Op: name, Net: "tcp", Addr: c.RemoteAddr(), Err: os.NewSyscallError(name, errno)}
	}
	return int(n), nil
}

// retry repeats a call that a signal interrupted.
func retry(call func() (uintptr, syscall.Errno)) (uintptr, syscall.Errno) {
	for {
		if n, errno := call(); errno != unix.EINTR {
			return n, errno
		}
	}
}

// Send sends one packet with control data beside it, and waits for room.
func Send(raw syscall.RawConn, b, oob []byte) error {
	departs()
	_, err := message(raw.Write, "sendmsg", unix.SYS_SENDMSG, header(b, oob), unix.MSG_NOSIGNAL)
	runtime.KeepAlive(b)
	runtime.KeepAlive(oob)
	return err
}

// Recv receives one packet: n octets into b, oobn octets of control data into
// oob. Descriptors in it are closed on exec.
func Recv(raw syscall.RawConn, b, oob []byte) (n, oobn, flags int, err error) {
	defer arrived()
	h := header(b, oob)
	n, err = message(raw.Read, "recvmsg", unix.SYS_RECVMSG, h, unix.MSG_CMSG_CLOEXEC)
	runtime.KeepAlive(b)
	runtime.KeepAlive(oob)
	return n, int(h.Controllen), int(h.Flags), err
}

func header(b, oob []byte) *unix.Msghdr {
	h := new(unix.Msghdr)
	v := &unix.Iovec{Base: unsafe.SliceData(b)}
	v.SetLen(len(b))
	h.Iov = v
	h.SetIovlen(1)
	if len(oob) > 0 {
		h.Control = unsafe.SliceData(oob)
		h.SetControllen(len(oob))
	}
	return h
}

func message(when func(func(uintptr) bool) error, name string, trap uintptr, h *unix.Msghdr, flags uintptr) (int, error) {
	var n uintptr
	var errno syscall.Errno
	err := when(func(fd uintptr) bool {
		n, errno = retry(func() (uintptr, syscall.Errno) {
			n, _, errno := unix.RawSyscall(trap, fd, uintptr(unsafe.Pointer(h)), flags|unix.MSG_DONTWAIT)
			return n, errno
		})
		return errno != unix.EAGAIN
	})
	switch {
	case err != nil:
		return 0, err
	case errno != 0:
		return 0, os.NewSyscallError(name, errno)
	}
	return int(n), nil
}
