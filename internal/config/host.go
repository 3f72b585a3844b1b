package config

import (
	"net"
	"net/netip"
	"os"
	"strings"
)

// systemName is the default of myhostname: the host name, with a domain if it
// has none.
func systemName(c *Config) string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		name = "localhost"
	}
	name = strings.TrimSuffix(name, ".")
	if strings.Contains(name, ".") {
		return name
	}
	if domain, ok := c.Raw("mydomain"); ok {
		return name + "." + domain
	}
	return name + ".localdomain"
}

// parentDomain is the default of mydomain: myhostname without its first label.
func parentDomain(c *Config) string {
	name, ok := c.Raw("myhostname")
	if !ok {
		name = systemName(c)
	}
	name = c.expandWithout(name, "mydomain")
	if _, domain, ok := strings.Cut(name, "."); ok && domain != "" {
		return domain
	}
	return "localdomain"
}

// expandWithout expands a value that a computed default depends on. The name
// of that default has no value meanwhile, or computing it would not end.
func (c *Config) expandWithout(text, without string) string {
	v, err := expand(text, func(name string) (string, bool) {
		if name == without {
			return "", false
		}
		return c.text(name)
	})
	if err != nil {
		return text // Check reports it where it is set
	}
	return v
}

// ownNetworks is the default of mynetworks, by mynetworks_style.
func ownNetworks(c *Config) string {
	style, _ := c.text(MynetworksStyle.Name)
	style = strings.ToLower(c.expandWithout(style, "mynetworks"))
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		addrs = nil
	}
	return networks(addrs, style)
}

// networks lists what the addresses of this host belong to. Loopback is whole
// in every style: all of 127.0.0.0/8 is this host.
func networks(addrs []net.Addr, style string) string {
	nets := []string{"127.0.0.0/8", "[::1]/128"}
	seen := map[netip.Prefix]bool{}
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err != nil || p.Addr().IsLoopback() {
			continue
		}
		switch {
		case style == "host":
			p = netip.PrefixFrom(p.Addr(), p.Addr().BitLen())
		case style == "class" && p.Addr().Is4():
			p = netip.PrefixFrom(p.Addr(), classBits(p.Addr()))
		}
		if p = p.Masked(); seen[p] {
			continue
		}
		seen[p] = true
		text := p.String()
		if p.Addr().Is6() {
			address, bits, _ := strings.Cut(text, "/")
			text = "[" + address + "]/" + bits
		}
		nets = append(nets, text)
	}
	return strings.Join(nets, " ")
}

// classBits is the prefix length of an IPv4 address in the days of classes.
func classBits(a netip.Addr) int {
	switch first := a.As4()[0]; {
	case first < 128:
		return 8
	case first < 192:
		return 16
	case first < 224:
		return 24
	}
	return 32
}
