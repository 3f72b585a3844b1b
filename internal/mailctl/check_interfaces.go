package mailctl

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"yubin/internal/config"
)

// inspectInterfaces looks at the addresses that services listen on. Names are
// left to master(8), which looks them up.
func inspectInterfaces(c *config.Config, services []config.MasterService) []config.Problem {
	var problems []config.Problem
	if c.Check([]*config.Def{config.InetInterfaces.Def}) == nil {
		for _, host := range config.InetInterfaces.Of(c) {
			if what, warning := unlistened(host); what != "" {
				p := c.Problem(config.InetInterfaces.Name, what)
				p.Mend, p.Warning = "write all, loopback-only, or addresses of this host", warning
				problems = append(problems, p)
			}
		}
	}
	for _, s := range services {
		if s.Type != "inet" {
			continue
		}
		host, _, err := listens(s)
		if err != nil || host == "" {
			continue
		}
		if what, warning := unlistened(host); what != "" {
			problems = append(problems, config.Problem{File: s.File, Line: s.Line, Warning: warning,
				What: s.Name + " inet: " + what, Mend: "write an address of this host"})
		}
	}
	return problems
}

// unlistened is why nothing can listen on a host, "" where something can, or where
// that is not known. It is a warning where an address may come later.
func unlistened(host string) (what string, warning bool) {
	host = strings.Trim(host, "[]")
	if a, err := netip.ParseAddr(host); err == nil {
		if a = a.WithZone("").Unmap(); a.IsUnspecified() || a.IsLoopback() || has(a) {
			return "", false
		}
		return "no interface of this host has the address " + host, true
	}
	if nobodysName(host) {
		return host + nameless, false
	}
	if _, err := net.InterfaceByName(host); err == nil && !strings.Contains(host, ".") {
		return host + " is the name of an interface", false
	}
	return "", false
}

// has tells whether an interface has an address; true, too, where nobody can tell.
func has(a netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	return err != nil || slices.ContainsFunc(all, func(n net.Addr) bool {
		p, err := netip.ParsePrefix(n.String())
		return err == nil && p.Addr().Unmap() == a
	})
}
