package master

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"yubin/internal/config"
)

// backlog is how many connections may wait for a service that starts or is
// replaced; the kernel cuts it to net.core.somaxconn.
const backlog = 4096

// A socket listens for a service. Its descriptor does not block and is closed
// on exec; master never accepts from it.
type socket struct {
	fd    int
	where string // "127.0.0.1:25", or the path of a Unix socket
	unix  bool
	dual  bool   // an IPv6 socket that has IPv4 as well
	name  string // that the service manager gave the socket it made; "": ours
	kept  bool   // the service manager keeps it for us
}

func (s *socket) close() { unix.Close(s.fd) }

// An endpoint is a place to listen at.
type endpoint struct {
	addr    netip.AddrPort // of an inet service
	unix    string         // its path, of a unix service
	mode    uint32
	stream  bool // no packets
	foreign bool // made with the rights of as, not of mail_owner
	as      *credential
}

func (e endpoint) String() string {
	if e.unix != "" {
		return e.unix
	}
	return e.addr.String()
}

// inetEndpoints returns where an inet service named "[host:]port" listens.
func inetEndpoints(ctx context.Context, c *config.Config, name string) ([]endpoint, error) {
	host, port, hasHost := splitHostPort(name)
	number, err := config.Port(ctx, port)
	if err != nil {
		return nil, err
	}
	hosts := config.InetInterfaces.Of(c)
	if hasHost {
		hosts = []string{host}
	}
	addrs, err := addresses(ctx, hosts, config.InetProtocols.Of(c))
	switch {
	case err != nil && hasHost:
		return nil, err
	case err != nil:
		return nil, c.Fault(config.InetInterfaces.Def, err.Error())
	}
	var all []endpoint
	for _, a := range addrs {
		all = append(all, endpoint{addr: netip.AddrPortFrom(a, number)})
	}
	return all, nil
}

// splitHostPort parts "host:port" and "[host]:port"; a name without a colon
// is a port.
func splitHostPort(name string) (host, port string, hasHost bool) {
	i := strings.LastIndexByte(name, ':')
	if i < 0 {
		return "", name, false
	}
	host = name[:i]
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(inner, "]")
	}
	return host, name[i+1:], host != ""
}

// addresses resolves inet_interfaces or the host of one service, and keeps
// the address families of inet_protocols.
func addresses(ctx context.Context, hosts, protocols []string) ([]netip.Addr, error) {
	v4, v6, err := families(protocols)
	if err != nil {
		return nil, err
	}
	var all []netip.Addr
	seen := map[netip.Addr]bool{}
	for _, host := range hosts {
		found, err := resolve(ctx, host)
		if err != nil {
			return nil, err
		}
		for _, a := range found {
			a = a.Unmap()
			if ok := a.Is4() && v4 || a.Is6() && v6; ok && !seen[a] {
				seen[a] = true
				all = append(all, a)
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no address to listen on: %s with inet_protocols = %s", strings.Join(hosts, " "), strings.Join(protocols, " "))
	}
	return all, nil
}

func families(protocols []string) (v4, v6 bool, err error) {
	for _, p := range protocols {
		switch strings.ToLower(p) {
		case "all":
			v4, v6 = true, true
		case "ipv4":
			v4 = true
		case "ipv6":
			v6 = true
		default:
			return false, false, fmt.Errorf("inet_protocols: want all, ipv4 or ipv6, have %q", p)
		}
	}
	return v4, v6, nil
}

func resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	switch strings.ToLower(host) {
	case "all":
		return []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}, nil
	case "loopback-only", "localhost":
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, nil
	}
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return []netip.Addr{a}, nil
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if _, no := net.InterfaceByName(host); err != nil && no == nil {
		return nil, fmt.Errorf("%s is the name of an interface: want all, loopback-only, or addresses of this host", host)
	}
	return found, err
}

// errNoFamily says that this host does not speak the address's protocol.
var errNoFamily = errors.New("this host does not have the address family")

// everywhere tells an address that stands for whatever the host has from one
// that somebody wants.
func (e endpoint) everywhere() bool {
	return e.addr.Addr().IsUnspecified() || e.addr.Addr().IsLoopback()
}

// listen makes the socket of an inet endpoint.
func listen(e endpoint) (*socket, error) {
	family, addr := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: int(e.addr.Port()), Addr: as4(e.addr.Addr())})
	if e.addr.Addr().Is6() {
		family, addr = unix.AF_INET6, &unix.SockaddrInet6{Port: int(e.addr.Port()), Addr: e.addr.Addr().As16(), ZoneId: zone(e.addr.Addr())}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EAFNOSUPPORT) {
		return nil, errNoFamily
	}
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	s := &socket{fd: fd, where: e.String()}
	if err := s.bind(e, family, addr); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *socket) bind(e endpoint, family int, addr unix.Sockaddr) error {
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if family == unix.AF_INET6 {
		// IPv4 has sockets of its own.
		if err := unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	err := unix.Bind(s.fd, addr)
	switch {
	case errors.Is(err, unix.EADDRNOTAVAIL) && e.everywhere():
		return errNoFamily // IPv6 is compiled in and switched off
	case errors.Is(err, unix.EACCES):
		return fmt.Errorf("bind %s: %w (only root may use ports below 1024)", s.where, err)
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return fmt.Errorf("bind %s: %w (no interface of this host has it)", s.where, err)
	case errors.Is(err, unix.EADDRINUSE):
		return fmt.Errorf("bind %s: %w (by another program, which root finds with ss -ltnp 'sport = :%d')", s.where, err, e.addr.Port())
	case err != nil:
		return fmt.Errorf("bind %s: %w", s.where, err)
	}
	if err := unix.Listen(s.fd, backlog); err != nil {
		return fmt.Errorf("listen %s: %w", s.where, err)
	}
	return nil
}

func as4(a netip.Addr) [4]byte {
	if a.Is4() {
		return a.As4()
	}
	return [4]byte{}
}

func zone(a netip.Addr) uint32 {
	i, err := net.InterfaceByName(a.Zone())
	if err != nil {
		return 0
	}
	return uint32(i.Index)
}

// zoneName is the reverse of zone.
func zoneName(id uint32) string {
	i, err := net.InterfaceByIndex(int(id))
	if id == 0 || err != nil {
		return ""
	}
	return i.Name
}
