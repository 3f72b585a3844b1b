package mailctl

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"yubin/internal/config"
	"yubin/internal/resolve"
	"yubin/internal/route"
)

// lookups are how a service of smtp(8) finds hosts.
type lookups struct {
	resolve.Hosts
	off string // the parameter by which there are no mail exchangers, and its value
}

// lookups reads what the configuration says for a service.
func (t *trip) lookups(s config.MasterService) lookups {
	c, _ := t.env.Config.In(s)
	ways, off := config.HostLookup(c, slices.Contains(s.Args, "--lmtp"))
	return lookups{resolve.Hosts{Ways: ways, DNS: t.dns, Network: t.want}, off}
}

// hops says to which hosts the next hop leads. One of them is enough.
func (t *trip) hops(ctx context.Context, res route.Result, l lookups) {
	parse := route.ParseHops
	if res.Transport == "lmtp" || strings.HasPrefix(res.Nexthop, "unix:") || strings.HasPrefix(res.Nexthop, "inet:") {
		parse = route.ParseLMTP
	}
	hops, err := parse(res.Nexthop)
	if err != nil {
		t.fail("waits", "%v", err)
		return
	}
	found := false
	for _, h := range hops {
		switch {
		case h.Unix != "":
			t.print("socket", "%s", h.Unix)
			found = true
		case h.Addr.IsValid():
			t.print("host", "%v", h)
			found = true
		case h.MX && l.off == "":
			found = t.exchangers(ctx, h, l) || found
		default:
			if h.MX {
				t.print("asked", "%s, so there are no mail exchangers", l.off)
			}
			found = t.addresses(ctx, h.Host, h.Port, "", l) || found
		}
	}
	t.bad = t.bad || !found
}

// exchangers prints the hosts that take mail for a domain.
func (t *trip) exchangers(ctx context.Context, h route.Hop, l lookups) (found bool) {
	mx, err := t.dns.MX(ctx, h.Host)
	switch {
	case err == nil:
		for _, m := range mx.Records {
			how := fmt.Sprintf("MX %d of %s%s", m.Preference, h.Host, secured(mx.Secure))
			found = t.addresses(ctx, m.Host, h.Port, how, l) || found
		}
	case resolve.KindOf(err) == resolve.NoData: // RFC 5321, 5.1
		found = t.addresses(ctx, h.Host, h.Port, "no MX", l)
	default:
		t.unresolved(err)
	}
	return found
}

func (t *trip) addresses(ctx context.Context, host string, port uint16, how string, l lookups) (found bool) {
	addrs, err := l.Addresses(ctx, host)
	if err != nil {
		t.unresolved(err)
	}
	for _, a := range addrs.Records {
		where := fmt.Sprintf("%s[%v]", host, a)
		if port != 0 {
			where += fmt.Sprintf(":%d", port)
		}
		t.print("host", "%s", strings.TrimSpace(where+secured(addrs.Secure)+" "+how))
	}
	return err == nil
}

func secured(secure bool) string {
	if secure {
		return " (secure)"
	}
	return ""
}

// unresolved says what follows if no other host is found.
func (t *trip) unresolved(err error) {
	what := "goes back"
	if resolve.KindOf(err) == resolve.Temporary {
		what = "waits"
	}
	t.print(what, "%v", err)
}
