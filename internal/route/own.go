package route

import (
	"net"
	"net/netip"
	"strings"
)

// OwnAddresses returns what tells whether an address is this host's, as
// inet_interfaces has it. Names in it are left out: mail to an address literal
// is too rare to make a resolver decide what is local.
func OwnAddresses(interfaces []string) func(netip.Addr) bool {
	listed := map[netip.Addr]bool{}
	loopback := false
	for _, element := range interfaces {
		switch strings.ToLower(element) {
		case "all":
			addrs, err := net.InterfaceAddrs()
			if err != nil {
				addrs = nil
			}
			for _, a := range addrs {
				if p, err := netip.ParsePrefix(a.String()); err == nil {
					listed[p.Addr().Unmap().WithZone("")] = true
				}
			}
			loopback = true
		case "loopback-only", "localhost":
			loopback = true
		default:
			if a, err := netip.ParseAddr(strings.Trim(element, "[]")); err == nil {
				listed[a.Unmap()] = true
			}
		}
	}
	return func(a netip.Addr) bool { return listed[a] || loopback && a.IsLoopback() }
}
