package smtpc

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"yubin/internal/maillog"
	"yubin/internal/mtasts"
	"yubin/internal/resolve"
	"yubin/internal/route"
	"yubin/internal/smtp"
)

// A target is one next hop, and what TLS it wants.
type target struct {
	route.Hop
	text    string // the hop in one spelling
	name    string // its domain, host or address, for certificates and the log
	path    string // of a Unix socket, absolute; "": TCP
	private bool   // REQUIRETLS is kept without TLS
	port    uint16
	policy  *policy
	client  client
	key     string // names it among connections that wait for work
}

// targets reads a next hop as routing wrote it, with the fallback relays behind.
func (s *settings) targets(nexthop, sender string) ([]*target, error) {
	parse := route.ParseHops
	if s.lmtp {
		parse = route.ParseLMTP
	}
	hops, err := parse(strings.Join(append([]string{nexthop}, s.fallback...), " "))
	if err != nil {
		return nil, fails(4, badConfig, "%v", err)
	}
	ts := make([]*target, len(hops))
	for i, h := range hops {
		t := &target{Hop: h, text: h.String(), port: h.Port}
		t.MX = h.MX && !s.noDNS
		// Tables have a name as it is written, certificates and SNI have A-labels.
		t.Host = smtp.FoldKey(h.Host)
		t.name = t.Host
		switch {
		case h.Unix != "":
			t.path, t.name = h.Unix, h.Unix
			if !filepath.IsAbs(t.path) {
				t.path = filepath.Join(s.queueDir, t.path)
			}
		case h.Addr.IsValid():
			t.name = h.Addr.String()
		}
		if t.port == 0 {
			t.port = s.port
		}
		if t.policy, err = s.tls.policyFor(t); err != nil {
			return nil, err
		}
		t.client = s.auth.client(t.text, sender)
		t.rename()
		ts[i] = t
	}
	return ts, nil
}

// rename gives a target the key for its policy.
func (t *target) rename() { t.key = t.text + " " + t.policy.key(t.name) + t.client.key() }

// A finder finds the servers of targets.
type finder struct {
	o   *settings
	log *maillog.Logger
	dns *resolve.Resolver
	sts *mtasts.Cache // nil: policies of domains do not count
	// system stands in for the system's look-up in tests.
	system func(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// sites returns the servers to try, in this order. The error is a *failure, or
// one of ours.
func (f *finder) sites(ctx context.Context, t *target) ([]*site, error) {
	var policy *mtasts.Policy
	sure := true
	var asked sync.WaitGroup
	if f.subject(t) {
		asking, stop := context.WithCancel(ctx)
		defer stop()
		asked.Go(func() { policy, sure = f.sts.Policy(asking, t.Host) })
	}
	sites, err := f.servers(ctx, t)
	if err != nil {
		return nil, err
	}
	if t.policy.level == levelDane || t.policy.level == levelDaneOnly {
		if sites, err = f.secured(ctx, t, sites); err != nil {
			return nil, err
		}
	}
	asked.Wait()
	sites, err = f.strict(t, sites, policy)
	if err == nil && t.policy.required {
		sites, err = f.insist(t, sites, sure)
	}
	return sites, err
}

func (f *finder) servers(ctx context.Context, t *target) ([]*site, error) {
	switch {
	case t.path != "":
		return []*site{{endpoint: endpoint{host: f.o.hostname, path: t.Unix}, socket: t.path, nexthop: t.name, policy: t.policy, client: t.client}}, nil
	case t.Addr.IsValid():
		if f.loops(t) && f.o.own(t.Addr) {
			return nil, loop(t)
		}
		return []*site{f.site(t, t.name, t.Addr, nil)}, nil
	case t.MX:
		return f.exchangers(ctx, t)
	}
	return f.host(ctx, t)
}

// loops tells whether the servers of t might be this host: they listen where
// mail exchangers do.
func (f *finder) loops(t *target) bool { return !f.o.lmtp && t.port == f.o.port }

func loop(t *target) error {
	return fails(5, smtp.RoutingLoop, "mail for %s loops back to myself", t.name)
}

// site makes one of an address and the answer that has it.
func (f *finder) site(t *target, host string, a netip.Addr, from *resolve.Answer[netip.Addr]) *site {
	s := &site{
		endpoint: endpoint{host: host, addr: netip.AddrPortFrom(a, t.port)},
		port25:   f.loops(t), best: true, nexthop: t.name, policy: t.policy, client: t.client,
	}
	if from != nil {
		s.secure, s.vouched, s.canonical = true, from.Secure, from.Name
	}
	return s
}

// host returns the addresses of a host that is named itself.
func (f *finder) host(ctx context.Context, t *target) ([]*site, error) {
	a, err := f.addresses(ctx, t.Host)
	if err != nil {
		return nil, f.failed(err)
	}
	if f.loops(t) && slices.ContainsFunc(a.Records, f.o.own) {
		return nil, loop(t)
	}
	var sites []*site
	for _, addr := range a.Records {
		sites = append(sites, f.site(t, t.Host, addr, &a))
	}
	return f.trim(f.arrange(sites)), nil
}

func (f *finder) addresses(ctx context.Context, host string) (resolve.Answer[netip.Addr], error) {
	h := resolve.Hosts{Ways: f.o.lookup, DNS: f.dns, Network: f.network(), System: f.system}
	return h.Addresses(ctx, host)
}

func (f *finder) network() resolve.Network {
	switch {
	case !f.o.v6:
		return resolve.IP4
	case !f.o.v4:
		return resolve.IP6
	}
	return resolve.IP
}

// exchangers returns the addresses of a domain's mail exchangers (RFC 5321, 5.1).
func (f *finder) exchangers(ctx context.Context, t *target) ([]*site, error) {
	mx, err := f.dns.MX(ctx, t.Host)
	switch kind := resolve.KindOf(err); {
	case err == nil:
	case kind == resolve.NoData:
		return f.host(ctx, t) // the implicit MX
	case kind == resolve.NotFound && slices.Contains(f.o.lookup, "native"):
		return f.host(ctx, t) // as Postfix does: the system may know a host of that name
	default:
		return nil, f.failed(err)
	}
	var sites []*site
	var failed error
	for records := mx.Records; len(records) > 0; {
		n := 1
		for n < len(records) && records[n].Preference == records[0].Preference {
			n++
		}
		group, self, err := f.group(ctx, t, records[:n])
		if self {
			// RFC 5321, 5.1: those from this host on are further from the
			// destination, or as far: mail would come back.
			if len(sites) == 0 {
				return nil, f.myself(t, records[0].Preference == mx.Records[0].Preference)
			}
			break
		}
		if err != nil && (failed == nil || temporary(err)) {
			failed = err
		}
		for _, s := range group {
			s.best = records[0].Preference == mx.Records[0].Preference
			s.secure = mx.Secure
		}
		sites = append(sites, f.arrange(group)...)
		if f.o.addresses > 0 && len(sites) >= f.o.addresses {
			break
		}
		records = records[n:]
	}
	if len(sites) > 0 {
		return f.trim(sites), nil
	}
	out := f.failed(failed)
	if f.o.deferNoMX {
		out = out.temporary()
	}
	return nil, out
}

// myself is the failure for a domain whose mail ends here by the DNS, but not by
// the configuration.
func (f *finder) myself(t *target, best bool) error {
	if best {
		return loop(t)
	}
	return fails(4, noRoute, "unable to find primary relay for %s", t.name)
}

// group returns the addresses of mail exchangers of one preference; self when
// one is this host; an error of those that have none.
func (f *finder) group(ctx context.Context, t *target, mx []resolve.MX) (sites []*site, self bool, failed error) {
	answers := make([]resolve.Answer[netip.Addr], len(mx))
	errs := make([]error, len(mx))
	var wg sync.WaitGroup
	for i := range mx {
		if f.loops(t) && strings.EqualFold(mx[i].Host, f.o.hostname) {
			return nil, true, nil
		}
		wg.Go(func() { answers[i], errs[i] = f.addresses(ctx, mx[i].Host) })
	}
	wg.Wait()
	for i, a := range answers {
		if err := errs[i]; err != nil {
			if failed == nil || temporary(err) {
				failed = err
			}
			continue
		}
		if f.loops(t) && slices.ContainsFunc(a.Records, f.o.own) {
			return nil, true, nil
		}
		for _, addr := range a.Records {
			sites = append(sites, f.site(t, mx[i].Host, addr, &a))
		}
	}
	return sites, false, failed
}

func temporary(err error) bool { return resolve.KindOf(err) == resolve.Temporary }

// arrange orders the addresses of servers of one preference.
func (f *finder) arrange(sites []*site) []*site {
	if f.o.shuffle {
		rand.Shuffle(len(sites), func(i, j int) { sites[i], sites[j] = sites[j], sites[i] })
	}
	if f.o.prefer != "any" {
		first := func(s *site) bool { return s.addr.Addr().Is4() == (f.o.prefer == "ipv4") }
		slices.SortStableFunc(sites, func(a, b *site) int {
			switch {
			case first(a) == first(b):
				return 0
			case first(a):
				return -1
			}
			return 1
		})
	}
	return sites
}

// trim cuts the list to smtp_mx_address_limit. With balance half of what is left
// is of the other protocol, as far as there is any: behind a network that
// carries only one of the two the mail still finds a way.
func (f *finder) trim(sites []*site) []*site {
	limit := f.o.addresses
	if limit == 0 || len(sites) <= limit {
		return sites
	}
	if !f.o.balance || limit < 2 {
		return sites[:limit]
	}
	room := map[bool]int{}
	for _, s := range sites {
		room[s.addr.Addr().Is4()]++
	}
	four := max(min(room[true], limit/2), limit-room[false])
	room[true], room[false] = four, limit-four
	return slices.DeleteFunc(sites, func(s *site) bool {
		is4 := s.addr.Addr().Is4()
		room[is4]--
		return room[is4] < 0
	})
}

// failed is dnsFailure, and tells the log what is wrong with a name server.
func (f *finder) failed(err error) *failure {
	if temporary(err) && !errors.Is(err, context.Canceled) {
		f.log.Warn("%v", err)
	}
	return dnsFailure(err)
}

// dnsFailure says what a failed question means for mail, in Postfix's words.
func dnsFailure(err error) *failure {
	var e *resolve.Error
	name, kind := "", ""
	if errors.As(err, &e) {
		name, kind = e.Name, e.Type
		if kind == "address" {
			kind = "A"
		}
	}
	const text = "Host or domain name not found. Name service error for name=%s type=%s: %s"
	switch resolve.KindOf(err) {
	case resolve.NotFound:
		return fails(5, noRoute, text, name, kind, "Host not found")
	case resolve.NoData:
		return fails(5, noRoute, text, name, kind, "Host found but no data record of requested type")
	case resolve.NullMX:
		return fails(5, noMailHere, "Domain %s does not accept mail (nullMX)", name)
	case resolve.Invalid:
		return fails(5, noRoute, text, name, kind, "Malformed or unexpected name server reply")
	}
	return fails(4, noServerDNS, text, name, kind, "Host not found, try again")
}
