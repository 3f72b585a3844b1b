package sock

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Adopt makes a Conn of a connected socket that does not block, and takes it
// over. Unlike net.FileConn it makes no copy of the descriptor and asks the
// kernel nothing: local and remote are what the caller knows, nil where that does not matter.
func Adopt(fd int, local, remote net.Addr) (*Conn, error) {
	f := os.NewFile(uintptr(fd), "socket")
	raw, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Conn{&socket{f, local, remote}, raw}, nil
}

// A socket is a net.Conn over a descriptor of one's own.
type socket struct {
	*os.File
	local, remote net.Addr
}

func (s *socket) LocalAddr() net.Addr  { return s.local }
func (s *socket) RemoteAddr() net.Addr { return s.remote }

// CloseWrite ends the writing side.
func (s *socket) CloseWrite() error {
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	if e := raw.Control(func(fd uintptr) { err = os.NewSyscallError("shutdown", unix.Shutdown(int(fd), unix.SHUT_WR)) }); e != nil {
		return e
	}
	return err
}
