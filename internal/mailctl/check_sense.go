package mailctl

import (
	"net/netip"
	"slices"
	"strings"

	"yubin/internal/config"
	"yubin/internal/route"
)

// senseParams are the parameters that inspectSense reads.
var senseParams = []*config.Def{
	config.Myhostname.Def, config.Mynetworks.Def, config.MynetworksStyle.Def, config.Relayhost.Def, config.Mydestination.Def,
}

// inspectSense finds values that are right by their form, and that nobody means.
func inspectSense(c *config.Config) []config.Problem {
	var problems []config.Problem
	note := func(warning bool, d *config.Def, what, mend string) {
		p := c.Problem(d.Name, what)
		p.Mend, p.Warning = mend, warning
		problems = append(problems, p)
	}
	for _, d := range senseParams {
		if c.Check([]*config.Def{d}) != nil {
			return nil // Lint has said what is wrong
		}
	}
	name := config.Myhostname.Of(c)
	if !strings.Contains(strings.Trim(name, "."), ".") {
		note(true, config.Myhostname.Def, name+" has no domain: many servers refuse a host that greets so", "set myhostname to the name that DNS has for this host")
	}
	for _, network := range config.Mynetworks.Of(c) {
		if nobodysName(network) {
			note(false, config.Mynetworks.Def, network+nameless, "write the address")
		}
		if wide(network) {
			note(false, config.Mynetworks.Def, network+" lets everybody send mail anywhere through this host", "list only the networks of your own clients")
		}
	}
	if config.MynetworksStyle.Of(c) == "class" {
		if _, set := c.Raw(config.Mynetworks.Name); !set {
			note(true, config.MynetworksStyle.Def, "class trusts whole networks of the provider's", "set mynetworks, or mynetworks_style = host")
		}
	}
	if hops, err := route.ParseHops(config.Relayhost.Of(c)); err == nil {
		for _, h := range hops {
			switch {
			case h.Host != "" && strings.Trim(h.Host, "0123456789") == "":
				note(false, config.Relayhost.Def, h.Host+" is taken for a host; a port stands behind a colon, as in [mail.example.com]:587", "correct the value")
			case nobodysName(h.Host):
				note(false, config.Relayhost.Def, h.Host+nameless, "correct the value")
			}
		}
	}
	host, _, _ := strings.Cut(strings.Trim(config.Relayhost.Of(c), "[]"), "]")
	if host != "" && (strings.EqualFold(host, name) || slices.ContainsFunc(config.Mydestination.Of(c), func(d string) bool { return strings.EqualFold(d, host) })) {
		note(false, config.Relayhost.Def, host+" is this host: mail would go round in circles", "name the host that mail is to be sent through")
	}
	return problems
}

// nameless is what is wrong with a value that nobodysName finds.
const nameless = " is no address, and no host can have it as its name"

// nobodysName tells what is no address and ends in digits, as no name of a host
// does (RFC 1123, 2.1): an address with a mistake.
func nobodysName(host string) bool {
	host = strings.Trim(strings.TrimPrefix(host, "!"), "[]")
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last == "" || strings.Trim(last, "0123456789") != "" {
		return false
	}
	_, err := netip.ParseAddr(host)
	return err != nil
}

// wide tells whether an element of mynetworks stands for all addresses, or for
// more than one owner can have.
func wide(network string) bool {
	address, bits, ok := strings.Cut(strings.NewReplacer("[", "", "]", "").Replace(network), "/")
	if !ok || strings.HasPrefix(network, "!") {
		return false
	}
	p, err := netip.ParsePrefix(address + "/" + bits)
	if err != nil {
		return false
	}
	return p.Bits() < 8 || p.Addr().Is6() && p.Bits() < 16 && !p.Addr().IsPrivate() && !p.Addr().IsLinkLocalUnicast()
}
