package sock

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Accept takes a connection from a listening socket that does not block, and
// tells both its ends. No error but EAGAIN and ECONNABORTED is one that passes
// by itself.
func Accept(listener int) (fd int, local, remote net.Addr, err error) {
	var sa unix.RawSockaddrAny
	size := uint32(unix.SizeofSockaddrAny)
	n, errno := retry(func() (uintptr, syscall.Errno) {
		n, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listener), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0, 0)
		return n, errno
	})
	if errno != 0 {
		return -1, nil, nil, errno
	}
	fd, remote = int(n), address(&sa)
	size = unix.SizeofSockaddrAny
	if _, _, errno := unix.RawSyscall(unix.SYS_GETSOCKNAME, n, uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size))); errno != 0 {
		Close(fd)
		return -1, nil, nil, errno
	}
	return fd, address(&sa), remote, nil
}

// address is what the kernel says of an end. The ends of Unix sockets are all
// alike here.
func address(sa *unix.RawSockaddrAny) net.Addr {
	switch sa.Addr.Family {
	case unix.AF_INET:
		a := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4(a.Addr), port(a.Port)))
	case unix.AF_INET6:
		a := (*unix.RawSockaddrInet6)(unsafe.Pointer(sa))
		ip := netip.AddrFrom16(a.Addr)
		if a.Scope_id != 0 {
			ip = ip.WithZone(strconv.FormatUint(uint64(a.Scope_id), 10))
		}
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, port(a.Port)))
	}
	return &net.UnixAddr{Net: "unix"}
}

// port has its octets in the network's order.
func port(n uint16) uint16 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], n)
	return binary.BigEndian.Uint16(b[:])
}

// KeepAlive has the connections that a listening TCP socket gives from now on be as
// package net makes them: they find out that a peer is gone, and hold nothing
// back. Connections get it from their listener, so it need not be said to each.
func KeepAlive(listener int) {
	for _, o := range []struct{ level, name, value int }{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1}, // an error where it is another kind of socket
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 9},
	} {
		if unix.SetsockoptInt(listener, o.level, o.name, o.value) != nil {
			return
		}
	}
}
