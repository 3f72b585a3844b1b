package master

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"yubin/internal/systemd"
)

// A stock is sockets that are open and belong to no service: those of an
// earlier plan, or of an earlier master, or made by the service manager. What a
// service takes leaves it.
type stock []*socket

// named takes the sockets that the service manager made for the inet service
// of this name. Where it made some, it alone says where the service listens.
func (st *stock) named(name string) []*socket {
	return st.take(func(s *socket) bool { return s.name == name && !s.unix })
}

// at takes the socket that listens at e. One that has both IPv4 and IPv6 of
// all interfaces serves for the former only where the latter is wanted too.
func (st *stock) at(e endpoint, want []endpoint) *socket {
	where := e.String()
	if a := e.addr.Addr(); a.IsValid() && a == netip.IPv4Unspecified() {
		six := endpoint{addr: netip.AddrPortFrom(netip.IPv6Unspecified(), e.addr.Port())}
		if st.dual(six.String()) && slices.Contains(want, six) {
			where = six.String()
		}
	}
	found := false
	for _, s := range st.take(func(s *socket) bool {
		first := !found && s.where == where && s.unix == (e.unix != "")
		found = found || first
		return first
	}) {
		return s
	}
	return nil
}

func (st *stock) dual(where string) bool {
	return slices.ContainsFunc(*st, func(s *socket) bool { return s.dual && s.where == where })
}

func (st *stock) take(wanted func(*socket) bool) (taken []*socket) {
	var rest stock
	for _, s := range *st {
		if wanted(s) {
			taken = append(taken, s)
		} else {
			rest = append(rest, s)
		}
	}
	*st = rest
	return taken
}

// keptPrefix begins the names under which the service manager keeps sockets of
// ours; other names are of sockets that it made.
const keptPrefix = "yubin/"

func (s *socket) keptName() (string, bool) { return systemd.KeptName(keptPrefix + s.where) }

// inherit turns what the service manager handed down into sockets. What is no
// socket that a service could have is closed, with a warning.
func (m *master) inherit(given []systemd.Given) (st stock) {
	for _, g := range given {
		s, err := adoptSocket(g)
		if err == nil {
			st = append(st, s)
			continue
		}
		m.log.Warn("the descriptor %q that the service manager handed down is closed: %v", g.Name, err)
		if strings.HasPrefix(g.Name, keptPrefix) {
			m.forget(g.Name)
		}
		unix.Close(g.FD)
	}
	return st
}

func adoptSocket(g systemd.Given) (*socket, error) {
	s, err := socketOf(g.FD)
	if err != nil {
		return nil, err
	}
	if s.kept = strings.HasPrefix(g.Name, keptPrefix); !s.kept {
		s.name = g.Name
	}
	if s.unix {
		if info, err := os.Lstat(s.where); err != nil || info.Mode().Type() != os.ModeSocket {
			return nil, fmt.Errorf("there is no socket %s any more", s.where)
		}
	}
	return s, nil
}

// socketOf finds out what the descriptor is. A listening socket may be told to
// listen again, and then has our backlog.
func socketOf(fd int) (*socket, error) {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return nil, os.NewSyscallError("getsockopt", err)
	}
	if on, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || on == 0 {
		return nil, errors.New("it does not listen: want Accept=no and ListenStream= in the socket unit")
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return nil, os.NewSyscallError("getsockname", err)
	}
	s := &socket{fd: fd}
	want := unix.SOCK_STREAM
	switch a := name.(type) {
	case *unix.SockaddrInet4:
		s.where = netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)).String()
	case *unix.SockaddrInet6:
		s.where = netip.AddrPortFrom(netip.AddrFrom16(a.Addr).WithZone(zoneName(a.ZoneId)), uint16(a.Port)).String()
		only, err := unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
		s.dual = err == nil && only == 0
	case *unix.SockaddrUnix:
		s.where, s.unix, want = a.Name, true, unix.SOCK_SEQPACKET
	default:
		return nil, errors.New("it is neither an Internet socket nor a Unix socket")
	}
	if kind != want {
		return nil, fmt.Errorf("%s is not of the type that services have (TCP, or Unix sockets with ListenSequentialPacket=)", s.where)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return s, os.NewSyscallError("listen", unix.Listen(fd, backlog))
}

// keepAll leaves the sockets that are ours with the service manager, so that a
// restart, and a crash, refuse nobody. It has those that it made already.
func (m *master) keepAll() {
	if !m.notify.Wanted() {
		return
	}
	for _, s := range m.plan.services {
		for _, socket := range s.sockets {
			name, ok := socket.keptName()
			if socket.kept || socket.name != "" || !ok {
				continue
			}
			if err := m.notify.Keep(name, socket.fd); err != nil {
				m.log.Warn("%v", err)
				return // a manager that does not read costs a second each time
			}
			socket.kept = true
		}
	}
}

func (m *master) forget(name string) {
	if err := m.notify.Forget(name); err != nil {
		m.log.Warn("%v", err)
	}
}

// discard closes the sockets that no service has any more.
func (m *master) discard(st stock, p *plan) {
	for _, s := range st {
		if s.name != "" {
			m.log.Warn("the socket %q (%s) that the service manager handed down is closed here, and who connects to it waits in vain: no inet service of master.cf wants it; "+
				"set FileDescriptorName= in the socket unit to the name of a service, or stop the socket unit", s.name, s.where)
		}
		if name, ok := s.keptName(); s.kept && ok {
			m.forget(name)
		}
		s.close()
		if s.unix && s.name == "" && !p.listens(s.where) && inQueueDirectory(p.config, s.where) {
			if err := removeUnix(s.where, p.accounts.binder()); err != nil && !errors.Is(err, os.ErrNotExist) {
				m.log.Warn("%v", err)
			}
		}
	}
}

func (p *plan) listens(where string) bool {
	return slices.ContainsFunc(p.services, func(s *service) bool { return s.listens(where) })
}

// stock is all sockets of the plan, which has none afterwards.
func (p *plan) stock() (st stock) {
	for _, s := range p.services {
		st = append(st, s.sockets...)
		s.sockets = nil
	}
	return st
}
