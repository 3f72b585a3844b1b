package sock

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// Hangup tells, without waiting or reading, what a peer has closed: ended, its
// own way, so that nothing more will come; gone, also ours. A peer that is gone shows
// as ended until something is sent to it. What is no socket is neither.
func Hangup(c net.Conn) (ended, gone bool) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return false, false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false, false
	}
	err = raw.Control(func(fd uintptr) {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		if n, err := unix.Poll(p, 0); n > 0 && err == nil {
			ended = p[0].Revents&unix.POLLRDHUP != 0
			gone = p[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
		}
	})
	return ended, gone || err != nil
}
