package smtpc

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"yubin/test/dns"
	"yubin/test/peer"
)

// nextPort numbers the ports of samePort: no two tests have the same, and none is one
// that the system gives to others (ip_local_port_range) between a look and a use.
var (
	firstPort = rand.Uint32N(1 << 16)
	nextPort  atomic.Uint32
)

// samePort starts peers on several addresses at one port, which smtp_tcp_port
// then is.
func samePort(t *testing.T, script map[string]peer.Options) (port string, peers map[string]*peer.Peer) {
	t.Helper()
	for range 50 {
		port = fmt.Sprint(10_000 + (firstPort+nextPort.Add(1))%20_000)
		free := true
		for ip := range script {
			l, err := net.Listen("tcp", net.JoinHostPort(ip, port))
			if free = err == nil; !free {
				break
			}
			l.Close()
		}
		if !free {
			continue
		}
		peers = map[string]*peer.Peer{}
		for ip, o := range script {
			o.Addr = net.JoinHostPort(ip, port)
			peers[ip] = peer.Start(t, o)
		}
		return port, peers
	}
	t.Fatal("no port that is free on all addresses")
	return "", nil
}

// Which server gets a message, and what is said when none does.
func TestRouting(t *testing.T) {
	t.Parallel()
	const queued = "sent 2.0.0 250 2.0.0 Ok: queued as 4711"
	tests := []struct {
		name    string
		zone    string
		fault   string // name that fails
		nexthop string // "": far.test
		peers   map[string]peer.Script
		main    []string
		want    string // the outcome of bob
		by      string // the address that has it, "" nobody
		asked   string // those that got connections, in order of address
		log     string
	}{
		{name: "preference", zone: "@ MX 20 b\n@ MX 10 a\na A 127.0.1.1\nb A 127.0.1.2",
			peers: map[string]peer.Script{"127.0.1.1": nil, "127.0.1.2": nil}, want: queued, by: "127.0.1.1", asked: "127.0.1.1"},
		{name: "second when the first refuses to talk", zone: "@ MX 10 a\n@ MX 20 b\na A 127.0.1.1\nb A 127.0.1.2",
			peers: map[string]peer.Script{"127.0.1.1": {"CONNECT": "421 4.3.2 busy"}, "127.0.1.2": nil}, want: queued, by: "127.0.1.2",
			asked: "127.0.1.1 127.0.1.2", log: ": A1: host a.far.test[127.0.1.1] refused to talk to me: 421 4.3.2 busy"},
		{name: "second when the first is not there", zone: "@ MX 10 a\n@ MX 20 b\na A 127.0.1.9\nb A 127.0.1.2",
			peers: map[string]peer.Script{"127.0.1.2": nil}, want: queued, by: "127.0.1.2", asked: "127.0.1.2",
			log: ": connect to a.far.test[127.0.1.9]:PORT: Connection refused"},
		{name: "second when the first drops", zone: "@ MX 10 a\n@ MX 20 b\na A 127.0.1.1\nb A 127.0.1.2",
			peers: map[string]peer.Script{"127.0.1.1": {"DATA": peer.Drop}, "127.0.1.2": nil}, want: queued, by: "127.0.1.2",
			asked: "127.0.1.1 127.0.1.2", log: ": A1: lost connection with a.far.test[127.0.1.1] while sending DATA command"},
		{name: "second for a recipient put off", zone: "@ MX 10 a\n@ MX 20 b\na A 127.0.1.1\nb A 127.0.1.2",
			peers: map[string]peer.Script{"127.0.1.1": {"RCPT": "450 4.2.0 later"}, "127.0.1.2": nil}, want: queued, by: "127.0.1.2",
			asked: "127.0.1.1 127.0.1.2", log: ": A1: host a.far.test[127.0.1.1] said: 450 4.2.0 later (in reply to RCPT TO command)"},
		{name: "not the second when the first may have it", zone: "@ MX 10 a\n@ MX 20 b\na A 127.0.1.1\nb A 127.0.1.2",
			peers: map[string]peer.Script{"127.0.1.1": {"END": peer.Drop}, "127.0.1.2": nil},
			want:  "deferred 4.4.2 lost connection with a.far.test[127.0.1.1] while sending end of data -- message may be sent more than once",
			asked: "127.0.1.1"},
		{name: "not the second when the first refuses for good", zone: "@ MX 10 a\n@ MX 20 b\na A 127.0.1.1\nb A 127.0.1.2",
			peers: map[string]peer.Script{"127.0.1.1": {"RCPT": "550 5.1.1 no"}, "127.0.1.2": nil},
			want:  "bounced 5.1.1 host a.far.test[127.0.1.1] said: 550 5.1.1 no (in reply to RCPT TO command)", asked: "127.0.1.1"},
		{name: "the last word counts", zone: "@ MX 10 a\n@ MX 20 b\na A 127.0.1.1\nb A 127.0.1.2",
			peers: map[string]peer.Script{"127.0.1.1": {"RCPT": "450 4.2.0 later"}, "127.0.1.2": {"RCPT": "451 4.3.0 me too"}},
			want:  "deferred 4.3.0 host b.far.test[127.0.1.2] said: 451 4.3.0 me too (in reply to RCPT TO command)", asked: "127.0.1.1 127.0.1.2"},
		{name: "two sessions, and no third", zone: "@ MX 10 a\n@ MX 20 b\n@ MX 30 c\na A 127.0.1.1\nb A 127.0.1.2\nc A 127.0.1.3",
			peers: map[string]peer.Script{"127.0.1.1": {"MAIL": "450 4.2.0 later"}, "127.0.1.2": {"MAIL": "450 4.2.1 later"}, "127.0.1.3": nil},
			want:  "deferred 4.2.1 *", asked: "127.0.1.1 127.0.1.2"},
		{name: "address limit", zone: "@ MX 10 a\n@ MX 20 b\na A 127.0.1.9\nb A 127.0.1.2", main: []string{"smtp_mx_address_limit = 1"},
			peers: map[string]peer.Script{"127.0.1.2": nil}, want: "deferred 4.4.1 connect to a.far.test[127.0.1.9]:PORT: Connection refused"},
		{name: "no MX", zone: "@ A 127.0.1.1", peers: map[string]peer.Script{"127.0.1.1": nil}, want: queued, by: "127.0.1.1", asked: "127.0.1.1"},
		{name: "host alone", zone: "@ MX 10 a\na A 127.0.1.1\nh A 127.0.1.2", nexthop: "[h.far.test]",
			peers: map[string]peer.Script{"127.0.1.1": nil, "127.0.1.2": nil}, want: queued, by: "127.0.1.2", asked: "127.0.1.2"},
		{name: "host that the system knows", nexthop: "[localhost]", main: []string{"smtp_host_lookup = native", "inet_interfaces = 127.0.0.99"},
			want: "deferred 4.4.1 connect to localhost[127.0.0.1]:PORT: Connection refused"},
		{name: "host that the system knows, later", nexthop: "[localhost]", zone: "x TXT x", main: []string{"smtp_host_lookup = dns, native"},
			want: "deferred 4.4.1 connect to localhost[127.0.0.1]:PORT: Connection refused"},
		{name: "several next hops", zone: "h A 127.0.1.9\ni A 127.0.1.2", nexthop: "[gone.far.test], [h.far.test] [i.far.test]",
			peers: map[string]peer.Script{"127.0.1.2": nil}, want: queued, by: "127.0.1.2", asked: "127.0.1.2"},
		{name: "fallback relay", zone: "@ MX 10 a\na A 127.0.1.9\nf A 127.0.1.2", main: []string{"smtp_fallback_relay = [f.far.test]"},
			peers: map[string]peer.Script{"127.0.1.2": nil}, want: queued, by: "127.0.1.2", asked: "127.0.1.2"},
		{name: "fallback relay of a domain that is not there", zone: "f A 127.0.1.2", nexthop: "gone.far.test",
			main: []string{"smtp_fallback_relay = [f.far.test]"}, peers: map[string]peer.Script{"127.0.1.2": nil}, want: queued, by: "127.0.1.2", asked: "127.0.1.2"},
		{name: "fallback relay that is not there does not bounce", zone: "@ MX 10 a\na A 127.0.1.9", main: []string{"smtp_fallback_relay = [gone.far.test]"},
			want: "deferred 4.4.1 connect to a.far.test[127.0.1.9]:PORT: Connection refused"},

		{name: "no such domain", nexthop: "gone.far.test",
			want: "bounced 5.4.4 Host or domain name not found. Name service error for name=gone.far.test type=MX: Host not found"},
		{name: "domain without addresses", zone: "@ TXT x",
			want: "bounced 5.4.4 Host or domain name not found. Name service error for name=far.test type=A: Host found but no data record of requested type"},
		{name: "MX without addresses", zone: "@ MX 10 a",
			want: "bounced 5.4.4 Host or domain name not found. Name service error for name=a.far.test type=A: Host not found"},
		{name: "MX without addresses, careful", zone: "@ MX 10 a", main: []string{"smtp_defer_if_no_mx_address_found = yes"},
			want: "deferred 4.4.4 Host or domain name not found. Name service error for name=a.far.test type=A: Host not found"},
		{name: "one MX without address", zone: "@ MX 10 a\n@ MX 10 b\nb A 127.0.1.2",
			peers: map[string]peer.Script{"127.0.1.2": nil}, want: queued, by: "127.0.1.2", asked: "127.0.1.2"},
		{name: "name server fails", zone: "@ MX 10 a", fault: "far.test",
			want: "deferred 4.4.3 Host or domain name not found. Name service error for name=far.test type=MX: Host not found, try again", log: "warning: cannot look up the MX record of far.test"},
		{name: "name server fails for the host", zone: "@ MX 10 a", fault: "a.far.test",
			want: "deferred 4.4.3 Host or domain name not found. Name service error for name=a.far.test type=A: Host not found, try again"},
		{name: "null MX", zone: "@ MX 0 .", want: "bounced 5.1.10 Domain far.test does not accept mail (nullMX)"},

		{name: "own address is the best", zone: "@ MX 10 a\n@ MX 20 b\na A 127.0.0.99\nb A 127.0.1.2",
			peers: map[string]peer.Script{"127.0.1.2": nil}, want: "bounced 5.4.6 mail for far.test loops back to myself"},
		{name: "own name cuts the list", zone: "@ MX 10 a\n@ MX 20 mx.own.test.\n@ MX 30 c\na A 127.0.1.9\nc A 127.0.1.3",
			peers: map[string]peer.Script{"127.0.1.3": nil}, want: "deferred 4.4.1 connect to a.far.test[127.0.1.9]:PORT: Connection refused"},
		{name: "own address at equal preference", zone: "@ MX 10 a\n@ MX 20 b\n@ MX 20 c\na A 127.0.1.9\nb A 127.0.1.2\nc A 127.0.0.99",
			peers: map[string]peer.Script{"127.0.1.2": nil}, want: "deferred 4.4.1 connect to a.far.test[127.0.1.9]:PORT: Connection refused"},
		{name: "primary without address", zone: "@ MX 10 a\n@ MX 20 b\nb A 127.0.0.99",
			want: "deferred 4.4.4 unable to find primary relay for far.test"},
		{name: "own address as host", zone: "h A 127.0.0.99", nexthop: "[h.far.test]", want: "bounced 5.4.6 mail for h.far.test loops back to myself"},
		{name: "no address at all is this host", zone: "h A 0.0.0.0", nexthop: "[h.far.test]", main: []string{"inet_interfaces = loopback-only"},
			want: "bounced 5.4.6 mail for h.far.test loops back to myself"},
		{name: "no address at all is this host, IPv6", zone: "@ MX 10 a\na AAAA ::", main: []string{"inet_interfaces = all", "inet_protocols = all"},
			want: "bounced 5.4.6 mail for far.test loops back to myself"},
		{name: "own address behind a translator", zone: "h A 127.0.1.7", nexthop: "[h.far.test]", main: []string{"proxy_interfaces = 127.0.1.7"},
			want: "bounced 5.4.6 mail for h.far.test loops back to myself"},
		{name: "own address at another port", nexthop: "[127.0.0.99]:1", want: "deferred 4.4.1 connect to 127.0.0.99[127.0.0.99]:1: Connection refused"},
		{name: "nonsense", nexthop: "[far.test", want: "deferred 4.3.5 next hop *"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			options := map[string]peer.Options{}
			for ip, s := range c.peers {
				options[ip] = peer.Options{Script: s, Name: "name-of-" + ip}
			}
			port, peers := samePort(t, options)
			server := dns.Start(t)
			server.Zone("far.test", c.zone)
			if c.fault != "" {
				server.Fail(c.fault, dns.ServFail)
			}
			r := newRig(t, rigOptions{dns: server, main: append([]string{"smtp_tcp_port = " + port}, c.main...)})
			nexthop := c.nexthop
			if nexthop == "" {
				nexthop = "far.test"
			}
			got := say(r.deliver(nexthop, letterText, "bob@far.test")[0])
			if want := strings.ReplaceAll(c.want, "PORT", port); !matches(want, got) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			var asked []string
			by := ""
			for _, ip := range []string{"127.0.1.1", "127.0.1.2", "127.0.1.3"} {
				if p := peers[ip]; p != nil && p.Conns() > 0 {
					asked = append(asked, ip)
					if len(p.Messages()) > 0 {
						by += ip
					}
				}
			}
			if strings.Join(asked, " ") != c.asked || by != c.by {
				t.Errorf("asked %q, delivered by %q, want %q and %q", asked, by, c.asked, c.by)
			}
			if l := strings.ReplaceAll(c.log, "PORT", port); !strings.Contains(r.log(), l) {
				t.Errorf("log lacks %q", l)
			}
		})
	}
}

// An address that does not answer is given up, and the next one tried.
func TestConnectTimeout(t *testing.T) {
	t.Parallel()
	port, peers := samePort(t, map[string]peer.Options{"127.0.1.2": {}})
	deaf(t, "127.0.1.1:"+port)
	server := dns.Start(t)
	server.Zone("far.test", "@ MX 10 a\n@ MX 20 b\na A 127.0.1.1\nb A 127.0.1.2")
	r := newRig(t, rigOptions{dns: server, main: []string{"smtp_tcp_port = " + port, "smtp_connect_timeout = 1s"}})
	if got := say(r.deliver("far.test", letterText, "bob@far.test")[0]); !strings.HasPrefix(got, "sent") || len(peers["127.0.1.2"].Messages()) != 1 {
		t.Error(got)
	}
	if want := "connect to a.far.test[127.0.1.1]:" + port + ": Connection timed out\n"; !strings.Contains(r.log(), want) {
		t.Errorf("log lacks %q", want)
	}
}

// deaf listens at addr with a backlog that is full: the system drops what more
// comes.
func deaf(t *testing.T, addr string) {
	t.Helper()
	a := netip.MustParseAddrPort(addr)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())})
	}
	if err == nil {
		err = unix.Listen(fd, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	for range 10 {
		c, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
		if err != nil {
			return
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the backlog has no end")
}

// Equals share the mail; the order is not always the same.
func TestRandomAmongEquals(t *testing.T) {
	t.Parallel()
	port, peers := samePort(t, map[string]peer.Options{"127.0.1.1": {}, "127.0.1.2": {}})
	server := dns.Start(t)
	server.Zone("far.test", "@ MX 10 a\n@ MX 10 b\na A 127.0.1.1\nb A 127.0.1.2")
	r := newRig(t, rigOptions{dns: server, main: []string{"smtp_tcp_port = " + port, "smtp_connection_cache_on_demand = no"}})
	for range 40 {
		r.deliver("far.test", letterText, "bob@far.test")
	}
	for ip, p := range peers {
		if n := len(p.Messages()); n == 0 || n == 40 {
			t.Errorf("%s got %d of 40 messages", ip, n)
		}
	}
}

func TestTrim(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in      string
		limit   int
		balance bool
		want    string
	}{
		{"4444466", 5, true, "44466"},
		{"4444466", 5, false, "44444"},
		{"6666644", 5, true, "66644"},
		{"444444", 5, true, "44444"},
		{"446", 5, true, "446"},
		{"4444466", 0, true, "4444466"},
		{"666664444", 4, true, "6644"},
		{"46", 1, true, "4"},
	} {
		r := newRig(t, rigOptions{main: []string{fmt.Sprintf("smtp_mx_address_limit = %d", c.limit),
			"smtp_balance_inet_protocols = " + map[bool]string{true: "yes", false: "no"}[c.balance]}})
		var sites []*site
		for i, b := range c.in {
			ip := fmt.Sprintf("192.0.2.%d", i)
			if b == '6' {
				ip = fmt.Sprintf("2001:db8::%d", i)
			}
			sites = append(sites, r.d.finder.site(&target{}, "h", mustAddr(ip), nil))
		}
		got := ""
		for _, s := range r.d.finder.trim(sites) {
			got += map[bool]string{true: "4", false: "6"}[s.addr.Addr().Is4()]
		}
		if got != c.want {
			t.Errorf("trim %s to %d: %s, want %s", c.in, c.limit, got, c.want)
		}
	}
}

// A domain that the DNS does not have may be a host that the system knows: it is
// asked before the mail goes back, where it may be.
func TestDomainOfTheSystem(t *testing.T) {
	t.Parallel()
	for lookup, want := range map[string]string{
		"dns, native": "deferred 4.4.1 connect to localhost[127.0.0.1]:PORT: Connection refused",
		"native":      "deferred 4.4.1 connect to localhost[127.0.0.1]:PORT: Connection refused",
		"dns":         "bounced 5.4.4 Host or domain name not found. Name service error for name=localhost type=MX: Host not found",
	} {
		port, _ := samePort(t, nil)
		server := dns.Start(t)
		server.Zone(".", "@ SOA ns. hostmaster. 1 1 1 1 0")
		r := newRig(t, rigOptions{dns: server, main: []string{
			"smtp_tcp_port = " + port, "smtp_host_lookup = " + lookup, "inet_interfaces = 127.0.0.99", "inet_protocols = ipv4",
		}})
		if got, want := say(r.deliver("localhost", letterText, "bob@localhost")[0]), strings.ReplaceAll(want, "PORT", port); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", lookup, got, want)
		}
	}
}

// Without DNS the next hop is a host of the system's: no mail exchanger is looked
// for, and no name server asked. smtp_dns_support_level, where it says something,
// counts and disable_dns_lookups does not.
func TestDNSDisabled(t *testing.T) {
	t.Parallel()
	const native, dnsHost, exchanger = "127.0.0.1", "127.0.1.2", "127.0.1.3"
	for _, c := range []struct {
		name string
		lmtp bool
		main string
		want string // whom the mail goes to
	}{
		{"default", false, "", exchanger},
		{"default", true, "", dnsHost},
		{"disabled", false, "disable_dns_lookups = yes", native},
		{"disabled", true, "disable_dns_lookups = yes", native},
		{"disabled, DANE and MTA-STS", false, "disable_dns_lookups = yes\nsmtp_tls_security_level = dane", native},
		{"level disabled", false, "smtp_dns_support_level = disabled", native},
		{"level disabled", true, "lmtp_dns_support_level = disabled", native},
		{"level of the other protocol", true, "smtp_dns_support_level = disabled", dnsHost},
		{"level enabled", false, "disable_dns_lookups = yes\nsmtp_dns_support_level = enabled", exchanger},
		{"level dnssec", true, "disable_dns_lookups = yes\nlmtp_dns_support_level = dnssec", dnsHost},
	} {
		t.Run(fmt.Sprintf("%s, LMTP %t", c.name, c.lmtp), func(t *testing.T) {
			t.Parallel()
			port, peers := samePort(t, map[string]peer.Options{native: {LMTP: c.lmtp}, dnsHost: {LMTP: c.lmtp}, exchanger: {LMTP: c.lmtp}})
			server := dns.Start(t)
			server.Zone(".", "@ SOA ns. hostmaster. 1 1 1 1 0\nlocalhost MX 10 mx\nlocalhost A 127.0.1.2\nmx A 127.0.1.3")
			r := newRig(t, rigOptions{dns: server, lmtp: c.lmtp, main: []string{"smtp_tcp_port = " + port, "lmtp_tcp_port = " + port, c.main}})
			if got := say(r.deliver("localhost", letterText, "bob@localhost")[0]); !strings.HasPrefix(got, "sent ") {
				t.Error(got)
			}
			for ip, p := range peers {
				if n := len(p.Messages()); n > 0 != (ip == c.want) {
					t.Errorf("%s has %d messages; want it at %s", ip, n, c.want)
				}
			}
			if asked := server.Asked(); c.want == native && len(asked) > 0 {
				t.Errorf("a name server was asked: %v", asked)
			}
		})
	}
}

// What needs the DNS does not go out without it.
func TestDNSDisabledDaneOnly(t *testing.T) {
	t.Parallel()
	port, _ := samePort(t, map[string]peer.Options{"127.0.0.1": {}})
	r := newRig(t, rigOptions{main: []string{"smtp_tcp_port = " + port, "disable_dns_lookups = yes", "smtp_tls_security_level = dane-only"}})
	if got, want := say(r.deliver("localhost", letterText, "bob@localhost")[0]), "deferred 4.7.5 no TLSA records found for localhost:"+port; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// That the system does not know a host is no proof while the DNS cannot be asked,
// in whichever order they are.
func TestHostLookupLater(t *testing.T) {
	t.Parallel()
	for _, lookup := range []string{"dns, native", "native, dns"} {
		for _, temporary := range []bool{false, true} {
			server := dns.Start(t)
			server.Zone("far.test", "@ MX 10 a")
			if lookup == "dns, native" {
				server.Fail("a.far.test", dns.ServFail)
			}
			r := newRig(t, rigOptions{dns: server, main: []string{"smtp_host_lookup = " + lookup}, setup: func(d *deliverer) {
				d.finder.system = func(context.Context, string, string) ([]netip.Addr, error) {
					return nil, &net.DNSError{Err: "x", Name: "a.far.test", IsNotFound: !temporary, IsTemporary: temporary}
				}
			}})
			want := "deferred 4.4.3 Host or domain name not found. Name service error for name=a.far.test type=A: Host not found, try again"
			if lookup == "native, dns" && !temporary {
				want = "bounced 5.4.4 Host or domain name not found. Name service error for name=a.far.test type=A: Host not found"
			}
			if got := say(r.deliver("far.test", letterText, "bob@far.test")[0]); got != want {
				t.Errorf("%s, %t: got\n%s\nwant\n%s", lookup, temporary, got, want)
			}
		}
	}
}
