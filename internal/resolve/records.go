package resolve

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// An Answer is the records of one type of a name. There is at least one: no
// record is an error of kind NoData.
type Answer[T any] struct {
	Records []T
	// Name is their owner: what was asked for, or where its aliases end.
	Name string
	// Secure tells that a trusted name server vouches for the records, and for
	// every alias on the way to them, by DNSSEC (RFC 4035, 3.2.3).
	Secure bool
}

// An MX record names a host that takes mail for a domain.
type MX struct {
	Preference uint16
	Host       string // in the form of ToASCII
}

// MX returns the mail exchangers of a domain, the most preferred first; those
// of equal preference stand as the server has them, which is no order. Mail for
// a domain without any (NoData) is for the host of its name: RFC 5321, 5.1.
// Exchangers whose name cannot be one are left out; when no other is there, the
// error is of kind Invalid.
func (r *Resolver) MX(ctx context.Context, domain string) (Answer[MX], error) {
	q, err := newQuestion(domain, dns.TypeMX)
	if err != nil {
		return Answer[MX]{}, err
	}
	a, err := r.lookup(ctx, q)
	if err != nil {
		return Answer[MX]{}, err
	}
	var hosts []MX
	null := false
	bad := ""
	for _, rr := range a.records {
		mx := rr.(*dns.MX)
		host, err := ToASCII(mx.Mx)
		switch {
		case mx.Mx == ".":
			null = true
		case err != nil:
			bad = mx.Mx
		default:
			hosts = append(hosts, MX{mx.Preference, host})
		}
	}
	e := &Error{Name: q.name, Type: q.kind(), Secure: a.secure}
	switch {
	case len(hosts) > 0:
		// RFC 7505, 3: a null MX beside others is a mistake of the domain's.
		slices.SortStableFunc(hosts, func(a, b MX) int { return cmp.Compare(a.Preference, b.Preference) })
		return Answer[MX]{hosts, a.name, a.secure}, nil
	case null:
		e.Kind, e.Text = NullMX, fmt.Sprintf("%s takes no mail: it says so by a null MX record", q.name)
	default:
		e.Kind, e.Text = Invalid, fmt.Sprintf("the MX record of %s names no host: %q", q.name, bad)
	}
	return Answer[MX]{}, e
}

// A Network says which addresses are asked for.
type Network string

// The networks.
const (
	IP  Network = "ip" // both
	IP4 Network = "ip4"
	IP6 Network = "ip6"
)

// Addresses returns the addresses of a host, IPv4 first. Both kinds are asked
// for at once; what one gives counts although the other fails. Without any,
// the error is temporary if one of the two is.
func (r *Resolver) Addresses(ctx context.Context, host string, network Network) (Answer[netip.Addr], error) {
	switch network {
	case IP4:
		return r.addresses(ctx, host, dns.TypeA)
	case IP6:
		return r.addresses(ctx, host, dns.TypeAAAA)
	}
	var six Answer[netip.Addr]
	var err6 error
	done := make(chan struct{})
	go func() {
		defer close(done)
		six, err6 = r.addresses(ctx, host, dns.TypeAAAA)
	}()
	four, err4 := r.addresses(ctx, host, dns.TypeA)
	<-done
	switch {
	case err4 != nil && err6 != nil:
		return four, graver(err4, err6)
	// Secure is the word on the addresses that are there: else whoever can
	// suppress the other half would switch DANE off.
	case err4 != nil:
		return six, nil
	case err6 != nil:
		return four, nil
	}
	four.Records = append(four.Records, six.Records...)
	four.Secure = four.Secure && six.Secure
	return four, nil
}

// graver returns the error that decides: one that leaves hope.
func graver(a, b error) error {
	ka, kb := KindOf(a), KindOf(b)
	switch {
	case ka == NoData && kb == NoData:
		e := *a.(*Error)
		e.Type = "address"
		e.Text = fmt.Sprintf("%s has no address: no A and no AAAA record", e.Name)
		return &e
	case kb == Temporary && ka != Temporary, kb == NoData && ka == NotFound:
		return b
	}
	return a
}

func (r *Resolver) addresses(ctx context.Context, host string, kind uint16) (Answer[netip.Addr], error) {
	return collect(ctx, r, host, kind, func(rr dns.RR) (netip.Addr, bool) {
		switch rr := rr.(type) {
		case *dns.A:
			a, ok := netip.AddrFromSlice(rr.A)
			return a.Unmap(), ok
		case *dns.AAAA:
			// An IPv4 address in IPv6's clothes is none that IPv6 reaches.
			a, ok := netip.AddrFromSlice(rr.AAAA)
			return a, ok && !a.Is4In6()
		}
		return netip.Addr{}, false
	})
}

// A TLSA record says which certificate a server may show (RFC 6698, 2.1).
type TLSA struct {
	Usage, Selector, Matching uint8
	Data                      []byte // of the certificate association
}

// TLSA returns the records for a TCP port of a host.
func (r *Resolver) TLSA(ctx context.Context, port uint16, host string) (Answer[TLSA], error) {
	return collect(ctx, r, fmt.Sprintf("_%d._tcp.%s", port, host), dns.TypeTLSA, func(rr dns.RR) (TLSA, bool) {
		t, ok := rr.(*dns.TLSA)
		if !ok {
			return TLSA{}, false
		}
		data, err := hex.DecodeString(t.Certificate)
		return TLSA{t.Usage, t.Selector, t.MatchingType, data}, err == nil
	})
}

// TXT returns the texts of a name, each with its strings joined.
func (r *Resolver) TXT(ctx context.Context, name string) (Answer[string], error) {
	return collect(ctx, r, name, dns.TypeTXT, func(rr dns.RR) (string, bool) {
		t, ok := rr.(*dns.TXT)
		if !ok {
			return "", false
		}
		var b strings.Builder
		for _, s := range t.Txt {
			b.WriteString(unescape(s))
		}
		return b.String(), true
	})
}

// PTR returns the names of an address. Nothing says that they are true: the
// addresses of a name do.
func (r *Resolver) PTR(ctx context.Context, addr netip.Addr) (Answer[string], error) {
	name, err := dns.ReverseAddr(addr.Unmap().WithZone("").String())
	if err != nil {
		return Answer[string]{}, invalid(addr.String(), err, "it is no address")
	}
	return collect(ctx, r, name, dns.TypePTR, func(rr dns.RR) (string, bool) {
		p, ok := rr.(*dns.PTR)
		if !ok {
			return "", false
		}
		name, err := ToASCII(p.Ptr)
		return name, err == nil
	})
}

// CNAME returns what a name stands for, in one step. DANE asks it of an alias
// in a signed zone that leads out of it (RFC 7672, 2.2.2).
func (r *Resolver) CNAME(ctx context.Context, name string) (Answer[string], error) {
	return collect(ctx, r, name, dns.TypeCNAME, func(rr dns.RR) (string, bool) {
		c, ok := rr.(*dns.CNAME)
		if !ok {
			return "", false
		}
		return plainName(c.Target), true
	})
}

// newQuestion makes a question of what a caller asks.
func newQuestion(name string, kind uint16) (question, error) {
	plain, err := ToASCII(name)
	return question{plain, kind}, err
}

// collect looks records up and converts them. Those that cannot be are left
// out; when no other is there, the error is of kind Invalid.
func collect[T any](ctx context.Context, r *Resolver, name string, kind uint16, convert func(dns.RR) (T, bool)) (Answer[T], error) {
	q, err := newQuestion(name, kind)
	if err != nil {
		return Answer[T]{}, err
	}
	a, err := r.lookup(ctx, q)
	if err != nil {
		return Answer[T]{}, err
	}
	answer := Answer[T]{Name: a.name, Secure: a.secure}
	for _, rr := range a.records {
		if v, ok := convert(rr); ok {
			answer.Records = append(answer.Records, v)
		}
	}
	if len(answer.Records) == 0 {
		return answer, &Error{Kind: Invalid, Name: q.name, Type: q.kind(), Secure: a.secure,
			Text: fmt.Sprintf("the %s record of %s makes no sense", q.kind(), q.name)}
	}
	return answer, nil
}

// unescape undoes what the library does to octets that are not plain ASCII:
// \DDD and \c (RFC 1035, 5.1).
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+1 < len(s) {
			i++
			c = s[i]
			if i+2 < len(s) && digit(s[i]) && digit(s[i+1]) && digit(s[i+2]) {
				c = (s[i]-'0')*100 + (s[i+1]-'0')*10 + s[i+2] - '0'
				i += 2
			}
		}
		b = append(b, c)
	}
	return string(b)
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
