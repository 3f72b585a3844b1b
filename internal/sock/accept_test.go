package sock

import (
	"encoding/binary"
	"net"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A connection knows both its ends, and finds out that its peer is gone, as one
// of package net does.
func TestAccept(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { KeepAlive(int(fd)) })
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var fd int
	var local, remote net.Addr
	until(t, "connection", func() bool {
		raw.Control(func(s uintptr) { fd, local, remote, err = Accept(int(s)) })
		return err != unix.EAGAIN
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Adopt(fd, local, remote)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, want := c.RemoteAddr().String(), client.LocalAddr().String(); got != want {
		t.Errorf("the peer is %s, want %s", got, want)
	}
	if got, want := c.LocalAddr().String(), client.RemoteAddr().String(); got != want {
		t.Errorf("local end %s, want %s", got, want)
	}
	for _, o := range []struct{ level, name, want int }{
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1}, {unix.IPPROTO_TCP, unix.TCP_NODELAY, 1}, {unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15}, {unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 9},
	} {
		if got, err := unix.GetsockoptInt(fd, o.level, o.name); err != nil || got != o.want {
			t.Errorf("option %d: %d, %v, want %d", o.name, got, err, o.want)
		}
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	var six unix.RawSockaddrAny
	a := (*unix.RawSockaddrInet6)(unsafe.Pointer(&six))
	a.Family, a.Addr, a.Scope_id = unix.AF_INET6, [16]byte{0: 0xfe, 1: 0x80, 15: 1}, 2
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&a.Port))[:], 110)
	for _, c := range []struct {
		sa   unix.RawSockaddrAny
		want string
	}{{six, "[fe80::1%2]:110"}, {unix.RawSockaddrAny{Addr: unix.RawSockaddr{Family: unix.AF_UNIX}}, ""}} {
		if got := address(&c.sa).String(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// SendNow does not wait for room, and a pair ends when one end is closed.
func TestNow(t *testing.T) {
	t.Parallel()
	fds, err := Pair(unix.SOCK_SEQPACKET)
	if err != nil {
		t.Fatal(err)
	}
	other, err := Dup(fds[0])
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	for ; err == nil; sent++ {
		err = SendNow(other, []byte("x"), nil)
	}
	if sent < 2 {
		t.Errorf("sent %d packets, then %v", sent-1, err)
	}
	for _, fd := range []int{other, fds[0]} {
		if err := Close(fd); err != nil {
			t.Error(err)
		}
	}
	if err := SendNow(fds[1], []byte("x"), nil); err == nil {
		t.Error("sent to nobody")
	}
	if err := Close(fds[1]); err != nil {
		t.Error(err)
	}
}
