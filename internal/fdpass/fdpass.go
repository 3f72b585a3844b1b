// Package fdpass carries one JSON value a packet over Unix SOCK_SEQPACKET
// sockets, with open descriptors beside it (SCM_RIGHTS), and tells who the
// peer is (SO_PEERCRED).
package fdpass

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"yubin/internal/sock"
)

// Limits of one packet. A sender that exceeds them gets an error.
const (
	MaxPacket = 128 << 10 // octets
	MaxFiles  = 64
)

// ErrFiles is Recv's error for a packet whose descriptors were lost, as for a
// process that has as many as it may. v has the packet, and the connection is as
// good as before.
var ErrFiles = errors.New("descriptors that came with a packet were lost: too many are open")

// A Conn is one end of a SEQPACKET connection. One goroutine may send while
// another receives; several may send.
type Conn struct {
	c    *net.UnixConn
	raw  syscall.RawConn
	send sync.Mutex
	buf  []byte // Recv's
	oob  []byte
}

// New wraps an accepted or dialled "unixpacket" connection.
func New(c *net.UnixConn) *Conn {
	raw, err := c.SyscallConn()
	if err != nil {
		panic("a connection that was never opened: " + err.Error())
	}
	return &Conn{c: c, raw: raw}
}

// Dial connects to the socket at path.
func Dial(path string) (*Conn, error) {
	c, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		return nil, err
	}
	return New(c), nil
}

// Pair returns both ends of a connection, for tests and hand-overs.
func Pair() (a, b *Conn, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	var ends [2]*Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socketpair")
		c, err := net.FileConn(f)
		f.Close()
		if err != nil {
			return nil, nil, err
		}
		ends[i] = New(c.(*net.UnixConn))
	}
	return ends[0], ends[1], nil
}

// Unix returns the connection beneath, for deadlines.
func (c *Conn) Unix() *net.UnixConn { return c.c }

// Close closes the connection.
func (c *Conn) Close() error { return c.c.Close() }

// Send sends v and lends the files: the caller still closes its own.
func (c *Conn) Send(v any, files ...*os.File) error {
	defer runtime.KeepAlive(files)
	handles := make([]Handle, len(files))
	for i, f := range files {
		fd, err := descriptor(f)
		if err != nil {
			return err
		}
		handles[i] = Handle(fd)
	}
	return c.SendHandles(v, handles...)
}

// SendHandles is Send for handles, which stay the caller's.
func (c *Conn) SendHandles(v any, handles ...Handle) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(b) > MaxPacket || len(handles) > MaxFiles {
		return fmt.Errorf("packet of %d octets and %d files, want at most %d and %d", len(b), len(handles), MaxPacket, MaxFiles)
	}
	oob := Rights(handles)
	c.send.Lock()
	defer c.send.Unlock()
	defer clear(b) // it may be a password
	return sock.Send(c.raw, b, oob)
}

// descriptor is the number of an open file, which stays as it is: Fd would have
// a connection block, here and wherever else it is open.
func descriptor(f *os.File) (fd int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	err = raw.Control(func(n uintptr) { fd = int(n) })
	return fd, err
}

// Recv waits for the next packet, decodes it into v, and returns the files
// that came with it, which the caller closes. It returns io.EOF when the peer
// has closed.
func (c *Conn) Recv(v any) ([]*os.File, error) {
	handles, err := c.RecvHandles(v)
	var files []*os.File
	for _, h := range handles {
		files = append(files, os.NewFile(uintptr(h), "received"))
	}
	return files, err
}

// RecvHandles is Recv for descriptors that are only passed on, or that the
// caller knows better what to do with.
func (c *Conn) RecvHandles(v any) ([]Handle, error) {
	if c.buf == nil {
		c.buf = make([]byte, MaxPacket)
		c.oob = make([]byte, unix.CmsgSpace(4*MaxFiles))
	}
	n, oobn, flags, err := sock.Recv(c.raw, c.buf, c.oob)
	if errors.Is(err, syscall.ECONNRESET) {
		// The peer left packets unread. Linux says that once, and first; what the
		// peer had sent is still there.
		n, oobn, flags, err = sock.Recv(c.raw, c.buf, c.oob)
	}
	if err != nil {
		return nil, err
	}
	handles, err := received(c.oob[:oobn])
	switch {
	case err != nil:
	case flags&unix.MSG_TRUNC != 0:
		err = errors.New("packet too large")
	case flags&unix.MSG_CTRUNC != 0:
		if err = json.Unmarshal(c.buf[:n], v); err == nil {
			err = ErrFiles
		}
	case n == 0:
		err = io.EOF
	default:
		err = json.Unmarshal(c.buf[:n], v)
	}
	clear(c.buf[:n]) // it may be a password
	if err != nil {
		CloseHandles(handles)
		return nil, err
	}
	return handles, nil
}

func received(oob []byte) ([]Handle, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	var handles []Handle
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue // credentials and the like
		}
		for _, fd := range fds {
			handles = append(handles, Handle(fd))
		}
	}
	return handles, nil
}

// CloseAll closes files.
func CloseAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// Peer returns the credentials of the process at the other end, as they were
// when it connected.
func (c *Conn) Peer() (*unix.Ucred, error) { return Peer(c.c) }

// Peer is Conn.Peer for any Unix connection.
func Peer(c *net.UnixConn) (*unix.Ucred, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return nil, err
	}
	return cred, credErr
}
