package resolve

import (
	"fmt"
	"net/netip"
	"strings"

	"yubin/internal/config"
)

// Params are the parameters that Configured reads.
func Params() []*config.Def {
	return []*config.Def{
		config.ResolverAddresses.Def, config.ResolverTimeout.Def, config.ResolverCacheSize.Def, config.ResolverTrustAD.Def,
	}
}

// Configured returns the resolver that c asks for. The error names file and
// line of a wrong value.
func Configured(c *config.Config) (*Resolver, error) {
	o := Options{
		Timeout:   config.ResolverTimeout.Of(c),
		CacheSize: config.ResolverCacheSize.Of(c),
		TrustAD:   Trust(config.ResolverTrustAD.Of(c)),
	}
	if o.CacheSize == 0 {
		o.CacheSize = -1
	}
	for _, text := range config.ResolverAddresses.Of(c) {
		s, err := serverAddress(text)
		if err != nil {
			return nil, c.Fault(config.ResolverAddresses.Def, err.Error())
		}
		o.Servers = append(o.Servers, s)
	}
	return New(o)
}

// serverAddress reads an address that may have a port behind it.
func serverAddress(text string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")); err == nil {
		return netip.AddrPortFrom(a, dnsPort), nil
	}
	s, err := netip.ParseAddrPort(text)
	if err != nil || s.Port() == 0 {
		return netip.AddrPort{}, fmt.Errorf("want address or address:port of a name server, have %q", text)
	}
	return s, nil
}
