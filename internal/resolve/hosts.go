package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// Hosts finds the addresses of hosts in several ways.
type Hosts struct {
	Ways    []string // dns, native: one after the other
	DNS     *Resolver
	Network Network
	// System knows hosts as other programs do, /etc/hosts first; nil: Go's.
	System func(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Addresses looks a host up, in each way until one knows it. While one of them
// cannot tell, that another one does not know it is no proof.
func (h *Hosts) Addresses(ctx context.Context, host string) (a Answer[netip.Addr], failed error) {
	for _, way := range h.Ways {
		var err error
		if way == "dns" {
			a, err = h.DNS.Addresses(ctx, host, h.Network)
		} else {
			a, err = h.native(ctx, host)
		}
		if err == nil {
			return a, nil
		}
		if failed == nil || KindOf(failed) != Temporary {
			failed = err
		}
	}
	return a, failed
}

// native asks the system.
func (h *Hosts) native(ctx context.Context, host string) (Answer[netip.Addr], error) {
	ask := h.System
	if ask == nil {
		ask = net.DefaultResolver.LookupNetIP
	}
	addrs, err := ask(ctx, string(h.Network), host)
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	var e *net.DNSError
	switch {
	case err == nil && len(addrs) > 0:
		return Answer[netip.Addr]{Records: addrs, Name: host}, nil
	case errors.As(err, &e) && e.IsNotFound:
		return Answer[netip.Addr]{}, &Error{Kind: NotFound, Name: host, Type: "A", Text: err.Error()}
	}
	return Answer[netip.Addr]{}, &Error{Kind: Temporary, Name: host, Type: "A", Text: fmt.Sprintf("look up %s: %v", host, err), Err: err}
}
