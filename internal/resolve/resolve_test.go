package resolve

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"yubin/test/dns"
)

// start returns a server with zones, and a resolver that asks it alone.
func start(t *testing.T) (*dns.Server, *Resolver) {
	t.Helper()
	s := dns.Start(t)
	s.Zone("example.test", `
		@       MX 20 mx2
		@       MX 10 MX1.Example.Test.
		@       MX 10 mx3.other.test.
		mx1     A 127.0.0.2
		mx1     A 127.0.0.3
		mx1     AAAA 2001:db8::1
		mx2     A 127.0.0.4
		six     AAAA ::1
		six     AAAA ::ffff:127.0.0.1
		alias   CNAME six
		aliased CNAME alias
		away    CNAME host.other.test.
		ghost   CNAME gone
		null    MX 0 .
		half    MX 0 .
		half    MX 10 mx1
		number  MX 10 192.0.2.1.
		odd     MX 10 a\032b.test.
		text    TXT "v=" "spf1 \"q\" \195\164" 
		text    TXT "second"
		_25._tcp.mx1 TLSA 3 1 1 0102ff
		loop    CNAME pool
		pool    CNAME loop
		self    CNAME self
		bare    TXT "no mail"`)
	s.Zone("other.test", "host A 127.0.0.9")
	s.Zone("2.0.192.in-addr.arpa", "7 PTR mail.example.test.\n8 CNAME 8.0/25\n8.0/25 PTR Classless.example.test.")
	return s, resolver(t, s.AddrPort())
}

func resolver(t *testing.T, servers ...netip.AddrPort) *Resolver {
	t.Helper()
	r, err := New(Options{Servers: servers, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// want compares what was found, or the kind and text of the error.
func want(t *testing.T, what string, got any, err error, want any) {
	t.Helper()
	if text, ok := want.(string); ok && err != nil {
		kind, part, _ := strings.Cut(text, ": ")
		if KindOf(err).String() != kind || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: got %v: %v; want %s", what, KindOf(err), err, text)
		}
		return
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %+v, %v; want %+v", what, got, err, want)
	}
}

func TestMX(t *testing.T) {
	t.Parallel()
	_, r := start(t)
	tests := []struct {
		domain string
		want   any
	}{
		{"Example.TEST.", Answer[MX]{Name: "example.test", Records: []MX{{10, "mx1.example.test"}, {10, "mx3.other.test"}, {20, "mx2.example.test"}}}},
		{"half.example.test", Answer[MX]{Name: "half.example.test", Records: []MX{{10, "mx1.example.test"}}}},
		{"null.example.test", "null MX: null.example.test takes no mail"},
		{"bare.example.test", "no data: bare.example.test has no MX record"},
		{"none.example.test", "not found: none.example.test does not exist"},
		{"ghost.example.test", "not found: ghost.example.test stands for gone.example.test, which does not exist"},
		{"number.example.test", `invalid: the MX record of number.example.test names no host: "192.0.2.1."`},
		{"odd.example.test", `invalid: names no host`},
		{"loop.example.test", "temporary: it stands for loop.example.test, which stands for itself"},
		{"self.example.test", "temporary: which stands for itself"},
		{"elsewhere.invalid", "temporary: says REFUSED"},
		{"192.0.2.1", "invalid: it is an address"},
		{"[IPv6:2001:db8::1]", "invalid: it is an address"},
		{"", "invalid: empty label"},
	}
	for _, test := range tests {
		got, err := r.MX(t.Context(), test.domain)
		want(t, test.domain, got, err, test.want)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	_, r := start(t)
	addrs := func(name string, texts ...string) Answer[netip.Addr] {
		a := Answer[netip.Addr]{Name: name}
		for _, s := range texts {
			a.Records = append(a.Records, netip.MustParseAddr(s))
		}
		return a
	}
	tests := []struct {
		host    string
		network Network
		want    any
	}{
		{"mx1.example.test", IP, addrs("mx1.example.test", "127.0.0.2", "127.0.0.3", "2001:db8::1")},
		{"mx1.example.test", IP4, addrs("mx1.example.test", "127.0.0.2", "127.0.0.3")},
		{"mx1.example.test", IP6, addrs("mx1.example.test", "2001:db8::1")},
		{"mx2.example.test", IP, addrs("mx2.example.test", "127.0.0.4")},
		{"mx2.example.test", IP6, "no data: mx2.example.test has no AAAA record"},
		{"aliased.example.test", IP, addrs("six.example.test", "::1")},
		{"away.example.test", IP4, addrs("host.other.test", "127.0.0.9")},
		{"bare.example.test", IP, "no data: bare.example.test has no address"},
		{"none.example.test", IP, "not found: none.example.test does not exist"},
	}
	for _, test := range tests {
		got, err := r.Addresses(t.Context(), test.host, test.network)
		want(t, test.host, got, err, test.want)
	}
}

// One kind of address is enough. Without any, hope counts: a failure lets mail
// wait whatever the other kind says.
func TestHalfAddresses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		host  string
		fault dns.Fault
		kind  string // that fails
		want  string // addresses, or the error
	}{
		{"mx1.example.test", dns.ServFail, "AAAA", "[127.0.0.2 127.0.0.3]"},
		{"mx1.example.test", dns.Refused, "A", "[2001:db8::1]"},
		{"mx2.example.test", dns.ServFail, "A", "temporary: the A record of mx2.example.test: "},
		{"six.example.test", dns.ServFail, "AAAA", "temporary: the AAAA record of six.example.test: "},
		{"none.example.test", dns.ServFail, "AAAA", "temporary: the AAAA record"},
		{"bare.example.test", dns.ServFail, "A", "temporary: the A record"},
	}
	for _, test := range tests {
		s, r := start(t)
		s.Sign("example.test")
		s.Fail(test.host, test.fault, test.kind)
		got, err := r.Addresses(t.Context(), test.host, IP)
		if err == nil && fmt.Sprint(got.Records) == test.want && got.Secure {
			continue // suppressing one half does not switch DANE off
		}
		want(t, test.host+" without "+test.kind, got, err, test.want)
	}
}

func TestOtherTypes(t *testing.T) {
	t.Parallel()
	_, r := start(t)
	tlsa, err := r.TLSA(t.Context(), 25, "mx1.example.test")
	want(t, "TLSA", tlsa, err, Answer[TLSA]{Name: "_25._tcp.mx1.example.test", Records: []TLSA{{3, 1, 1, []byte{1, 2, 255}}}})
	_, err = r.TLSA(t.Context(), 26, "mx1.example.test")
	want(t, "TLSA", nil, err, "not found: _26._tcp.mx1.example.test does not exist")
	txt, err := r.TXT(t.Context(), "text.example.test")
	want(t, "TXT", txt, err, Answer[string]{Name: "text.example.test", Records: []string{`v=spf1 "q" ä`, "second"}})
	ptr, err := r.PTR(t.Context(), netip.MustParseAddr("::ffff:192.0.2.7"))
	want(t, "PTR", ptr, err, Answer[string]{Name: "7.2.0.192.in-addr.arpa", Records: []string{"mail.example.test"}})
	ptr, err = r.PTR(t.Context(), netip.MustParseAddr("192.0.2.8"))
	want(t, "PTR by RFC 2317", ptr, err, Answer[string]{Name: "8.0/25.2.0.192.in-addr.arpa", Records: []string{"classless.example.test"}})
	cname, err := r.CNAME(t.Context(), "aliased.example.test")
	want(t, "CNAME", cname, err, Answer[string]{Name: "aliased.example.test", Records: []string{"alias.example.test"}})
}

// What servers do wrong, one at a time, and what the resolver makes of it.
func TestFaults(t *testing.T) {
	t.Parallel()
	good := Answer[netip.Addr]{Name: "mx1.example.test", Records: []netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")}}
	tests := []struct {
		name  string
		fault dns.Fault
		want  any
	}{
		{"SERVFAIL", dns.ServFail, "temporary: says SERVFAIL"},
		{"SERVFAIL with a reason", dns.Bogus, "temporary: says SERVFAIL (DNSSEC Bogus)"},
		{"REFUSED", dns.Refused, "temporary: says REFUSED"},
		{"silence", dns.Silence, "temporary: does not answer within 200ms"},
		{"TC, then TCP", dns.Truncate, good},
		{"TC, and no TCP", dns.TruncateOnly, "temporary: cannot be asked: over TCP: EOF"},
		{"wrong ID", dns.WrongID, "temporary: does not answer within"},
		{"wrong question", dns.WrongQuestion, "temporary: does not answer within"},
		{"lies before the truth", dns.LiesFirst, good},
		{"garbage", dns.Garbage, "temporary: sends a reply that cannot be read"},
		{"no EDNS", dns.NoEDNS, good},
		{"lame", dns.Lame, "temporary: does not look up names for us"},
		{"records of another name", dns.OtherName, "temporary: sends the records of another name"},
		{"no question in the reply", dns.EmptyHeader, "temporary: does not answer within"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, r := start(t)
			if text, ok := test.want.(string); ok && strings.Contains(text, "within") {
				r.options.Timeout = 200 * time.Millisecond
			}
			s.Fail("", test.fault)
			got, err := r.Addresses(t.Context(), "mx1.example.test", IP4)
			want(t, test.name, got, err, test.want)
		})
	}
}

// A chain of aliases of which the server gives one a time is followed, but not
// for ever.
func TestChains(t *testing.T) {
	t.Parallel()
	s, r := start(t)
	var long strings.Builder
	for _, c := range "abcdefghijklm" {
		long.WriteString(string(c) + " CNAME " + string(c+1) + "\n")
	}
	s.Zone("long.test", long.String()+"n A 127.0.0.1\n")
	for _, fault := range []dns.Fault{dns.Well, dns.OneStep} {
		s.Fail("", fault)
		got, err := r.Addresses(t.Context(), "aliased.example.test", IP6)
		want(t, "short", got, err, Answer[netip.Addr]{Name: "six.example.test", Records: []netip.Addr{netip.IPv6Loopback()}})
		got, err = r.Addresses(t.Context(), "a.long.test", IP4)
		want(t, "long", got, err, "temporary: more than 10 names stand for each other")
		got, err = r.Addresses(t.Context(), "f.long.test", IP4)
		want(t, "bearable", got, err, Answer[netip.Addr]{Name: "n.long.test", Records: []netip.Addr{netip.MustParseAddr("127.0.0.1")}})
		got, err = r.Addresses(t.Context(), "loop.example.test", IP4)
		want(t, "loop", got, err, "temporary: which stands for itself")
		r = resolver(t, s.AddrPort())
	}
}

// The next server is asked when one fails, and one that was silent is asked
// last from then on.
func TestFailover(t *testing.T) {
	t.Parallel()
	s, _ := start(t)
	for _, fault := range []dns.Fault{dns.ServFail, dns.Refused, dns.Silence, dns.Garbage, dns.Lame} {
		bad := dns.Start(t)
		bad.Fail("", fault)
		r := resolver(t, bad.AddrPort(), s.AddrPort())
		if fault == dns.Silence {
			r.options.Timeout = 3 * time.Second // the other server's, too
		}
		for _, host := range []string{"mx1.example.test", "mx2.example.test"} {
			if _, err := r.Addresses(t.Context(), host, IP4); err != nil {
				t.Errorf("fault %d: %s: %v", fault, host, err)
			}
		}
		asked, silent := len(bad.Asked()), fault == dns.Silence || fault == dns.Garbage
		if silent != (asked == 1) {
			t.Errorf("fault %d: the bad server was asked %d times", fault, asked)
		}
	}
}

// A server that is not there is told apart from one that is silent.
func TestNoServer(t *testing.T) {
	t.Parallel()
	s := dns.Start(t)
	gone := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.77"), s.AddrPort().Port())
	_, err := resolver(t, gone).MX(t.Context(), "example.test")
	want(t, "MX", nil, err, "temporary: name server "+gone.String()+" is not running")
	if e := err.(*Error); e.Name != "example.test" || e.Type != "MX" || e.Server != "" || e.Text != "cannot look up the MX record of example.test: "+e.Reason {
		t.Errorf("got %+v", e)
	}
}

// The word of a server that it has validated counts if it is on this host, or
// if the administrator says so; for a chain, all of it must be secure.
func TestSecure(t *testing.T) {
	t.Parallel()
	s, r := start(t)
	s.Sign("example.test")
	secure := func(host string) bool {
		t.Helper()
		a, err := r.Addresses(t.Context(), host, IP)
		if err != nil {
			t.Error(err)
		}
		return a.Secure
	}
	for host, want := range map[string]bool{"mx1.example.test": true, "mx2.example.test": true, "aliased.example.test": true, "away.example.test": false, "host.other.test": false} {
		if got := secure(host); got != want {
			t.Errorf("%s: got %t", host, got)
		}
	}
	var e *Error
	if _, err := r.MX(t.Context(), "none.example.test"); !errors.As(err, &e) || !e.Secure {
		t.Errorf("a secure denial is %+v", err)
	}
	r = resolver(t, s.AddrPort())
	if r.options.TrustAD = TrustNone; secure("mx1.example.test") {
		t.Error("secure although nobody is trusted")
	}
	for trust, want := range map[Trust]bool{TrustLoopback: false, TrustAll: true, TrustNone: false} {
		r.options.TrustAD = trust
		if got := r.trusts(netip.MustParseAddr("192.0.2.1")); got != want {
			t.Errorf("%s: another host is trusted: %t", trust, got)
		}
	}
}

// Equal questions at once are one question, and nobody's impatience ends it
// for the others.
func TestSingleFlight(t *testing.T) {
	t.Parallel()
	s, r := start(t)
	s.Hold()
	impatient, leave := context.WithCancel(t.Context())
	first := make(chan error)
	go func() {
		_, err := r.MX(impatient, "example.test")
		first <- err
	}()
	s.WaitAsked(t, "example.test", "MX", 1)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if _, err := r.MX(t.Context(), "example.test"); err != nil {
				t.Error(err)
			}
		})
	}
	for waiting := 0; waiting < 11; {
		r.mu.Lock()
		waiting = r.flights[question{"example.test", 15}].waiting
		r.mu.Unlock()
	}
	leave()
	if err := <-first; !errors.Is(err, context.Canceled) || KindOf(err) != Temporary {
		t.Errorf("the one who left got %v", err)
	}
	s.Release()
	wg.Wait()
	if n := s.Count("example.test", "MX"); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// When the last one leaves, the question is given up.
func TestLeave(t *testing.T) {
	t.Parallel()
	s, r := start(t)
	s.Fail("", dns.Silence)
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		s.WaitAsked(t, "example.test", "MX", 1)
		cancel(errors.New("enough"))
	}()
	_, err := r.MX(ctx, "example.test")
	want(t, "MX", nil, err, "temporary: enough")
	s.Fail("", dns.Well)
	if _, err := r.MX(t.Context(), "example.test"); err != nil {
		t.Error(err)
	}
}
