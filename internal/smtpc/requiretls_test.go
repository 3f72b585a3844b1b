package smtpc

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"

	"yubin/internal/ipc"
	"yubin/internal/queue"
	"yubin/test/dns"
	"yubin/test/peer"
)

// offer is what a server says that keeps REQUIRETLS, before and within TLS.
var offer = []string{"PIPELINING", "8BITMIME", "REQUIRETLS"}

// Where letters with REQUIRETLS, and with TLS-Required: No, may go (RFC 8689).
func TestRequireTLS(t *testing.T) {
	t.Parallel()
	good, bad := newAuthority(t), newAuthority(t)
	soon := time.Now().Add(time.Hour)
	named, foreign := good.issue(soon, "a.far.test"), bad.issue(soon, "a.far.test")
	leaf, err := x509.ParseCertificate(foreign.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	tlsa := fmt.Sprintf("_PORT._tcp.a TLSA 3 1 1 %x", sha256.Sum256(leaf.RawSubjectPublicKeyInfo))
	wrong := fmt.Sprintf("_PORT._tcp.a TLSA 3 1 1 %x", sha256.Sum256(nil))
	const (
		sent     = "sent 2.0.0 250 2.0.0 Ok: queued as 4711"
		enforce  = "version: STSv1\nmode: enforce\nmx: a.far.test\nmax_age: 86400\n"
		notKept  = "bounced 5.7.30 REQUIRETLS is wanted, but was not offered by host a.far.test[127.0.0.1]"
		nobody   = "bounced 5.7.30 REQUIRETLS is wanted, but nobody vouches for the mail exchangers of far.test*"
		unsure   = "deferred 4.7.30 REQUIRETLS is wanted, and whether far.test has an MTA-STS policy that vouches for its mail exchangers cannot be found out now"
		notThere = "deferred 4.7.4 TLS is required, but was not offered by host a.far.test[127.0.0.1]"
		untrust  = "deferred 4.7.5 Server certificate not trusted"
		no       = "TLS-Required: No\n"
	)
	for _, c := range []struct {
		name    string
		cert    *tls.Certificate
		ehlo    []string // nil: offer
		require bool
		field   string // of the letter
		zone    string // more of it
		signed  bool
		sts     string
		fault   bool   // nobody can tell whether there is a policy
		nexthop string // "": far.test
		main    []string
		want    string
		tls     bool
	}{
		{name: "DNSSEC and an authority", cert: &named, require: true, signed: true, want: sent, tls: true},
		{name: "DANE", cert: &foreign, require: true, signed: true, zone: tlsa, want: sent, tls: true},
		{name: "DANE, another key", cert: &named, require: true, signed: true, zone: wrong, want: untrust},
		{name: "MTA-STS", cert: &named, require: true, sts: enforce, want: sent, tls: true},
		{name: "MTA-STS, another authority", cert: &foreign, require: true, sts: enforce, want: untrust},
		{name: "MTA-STS, not to be had now", cert: &named, require: true, sts: "hello", want: unsure},
		{name: "perhaps MTA-STS", cert: &named, require: true, fault: true, want: unsure},
		{name: "perhaps MTA-STS, and DNSSEC", cert: &named, require: true, fault: true, signed: true, want: sent, tls: true},
		{name: "perhaps MTA-STS, for a letter that does not ask", cert: &named, fault: true, want: sent, tls: true},
		{name: "a host that is configured", cert: &named, require: true, nexthop: "[a.far.test]", want: sent, tls: true},
		{name: "a policy that looks at names", cert: &named, require: true, main: []string{"smtp_tls_policy_maps = inline:{ far.test=verify }"}, want: sent, tls: true},
		{name: "a level that looks at names", cert: &foreign, require: true, main: []string{"smtp_tls_security_level = verify"}, want: untrust},
		{name: "nobody vouches", cert: &named, require: true, want: nobody},
		{name: "nobody vouches, for all levels below", cert: &named, require: true, main: []string{"smtp_tls_policy_maps = inline:{ far.test=encrypt }"}, want: nobody},
		{name: "another authority", cert: &foreign, require: true, signed: true, want: untrust},
		{name: "no TLS", require: true, signed: true, want: notThere},
		{name: "not kept", cert: &named, ehlo: []string{"8BITMIME"}, require: true, signed: true, want: notKept},
		{name: "TLS-Required does not count beside it", cert: &named, ehlo: []string{"8BITMIME"}, require: true, signed: true, field: no, want: notKept},
		{name: "a private link", require: true, ehlo: []string{"8BITMIME"}, main: []string{"smtp_tls_policy_maps = inline:{ far.test=none }"}, want: sent},
		{name: "switched off", require: true, main: []string{"requiretls_enable = no"}, want: sent},

		{name: "TLS-Required: No, against DANE", cert: &named, field: no, signed: true, zone: wrong, main: []string{"smtp_tls_security_level = dane"}, want: sent, tls: true},
		{name: "TLS-Required: No, against MTA-STS", cert: &foreign, field: no, sts: enforce, want: sent, tls: true},
		{name: "TLS-Required: No, no TLS", field: "tls-required:\tNO\n", sts: enforce, want: sent},
		{name: "TLS-Required: No in the text", field: "\n" + no, sts: enforce, want: notThere},
		{name: "TLS-Required: Yes", field: "TLS-Required: Yes\n", sts: enforce, want: notThere},
		{name: "TLS-Required: No, against a table", field: no, main: []string{"smtp_tls_policy_maps = inline:{ far.test=encrypt }"}, want: notThere},
		{name: "TLS-Required: No, against the administrator", field: no, main: []string{"smtp_tls_security_level = encrypt"}, want: notThere},
		{name: "TLS-Required: No, switched off", field: no, sts: enforce, main: []string{"requiretls_enable = no"}, want: notThere},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := peer.Options{Name: "a.far.test", Ehlo: c.ehlo}
			if c.ehlo == nil {
				o.Ehlo = offer
			}
			if c.cert != nil {
				o.TLS = serverTLS(*c.cert)
			}
			p := peer.Start(t, o)
			server := dns.Start(t)
			zone := "@ MX 10 a\na A 127.0.0.1\n" + strings.ReplaceAll(c.zone, "PORT", fmt.Sprint(p.Port())) + "\n"
			if c.sts != "" {
				zone += `_mta-sts TXT "v=STSv1; id=1;"` + "\n"
			}
			server.Zone("far.test", zone)
			if c.fault {
				server.Fail("_mta-sts.far.test", dns.ServFail)
			}
			if c.signed {
				server.Sign("far.test")
			}
			r := newRig(t, rigOptions{dns: server, setup: policies(t, good, c.sts), main: append([]string{
				fmt.Sprintf("smtp_tcp_port = %d", p.Port()), "smtp_tls_CAfile = " + good.file(), "smtp_tls_loglevel = 1",
			}, c.main...)})
			if c.require {
				r.attrs = map[string]string{queue.AttrRequireTLS: "yes"}
			}
			nexthop := c.nexthop
			if nexthop == "" {
				nexthop = "far.test"
			}
			if got := say(r.deliver(nexthop, c.field+letterText, "bob@far.test")[0]); !matches(c.want, got) {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			messages := p.Messages()
			said := c.require && c.tls
			if c.want != sent {
				if len(messages) > 0 {
					t.Errorf("the server has %+v", messages)
				}
				return
			}
			if len(messages) != 1 || messages[0].TLS != c.tls || strings.HasSuffix(messages[0].Mail, " REQUIRETLS") != said {
				t.Errorf("the server has %+v, want TLS %t, REQUIRETLS said: %t", messages, c.tls, said)
			}
		})
	}
}

// A server that does not keep what is asked for settles nothing while another one,
// which might, cannot be reached.
func TestRequireTLSLater(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	named := a.issue(time.Now().Add(time.Hour), "a.far.test")
	for zone, want := range map[string]string{
		"@ MX 10 a":            "bounced 5.7.30 REQUIRETLS is wanted, but was not offered by host a.far.test[127.0.1.1]",
		"@ MX 10 a\n@ MX 20 b": "deferred 4.4.1 connect to b.far.test[127.0.1.9]:*",
		"@ MX 20 a\n@ MX 10 b": "deferred 4.4.1 connect to b.far.test[127.0.1.9]:*",
	} {
		port, _ := samePort(t, map[string]peer.Options{"127.0.1.1": {Name: "a.far.test", Ehlo: []string{"8BITMIME"}, TLS: serverTLS(named)}})
		server := dns.Start(t)
		server.Zone("far.test", zone+"\na A 127.0.1.1\nb A 127.0.1.9")
		server.Sign("far.test")
		r := newRig(t, rigOptions{dns: server, main: []string{"smtp_tcp_port = " + port, "smtp_tls_CAfile = " + a.file()}})
		r.attrs = map[string]string{queue.AttrRequireTLS: "yes"}
		if got := say(r.deliver("far.test", letterText, "bob@far.test")[0]); !matches(want, got) {
			t.Errorf("%q: got\n%s\nwant\n%s", zone, got, want)
		}
	}
}

// A connection that was made for other mail is not used for a letter that wants
// more, nor the other way round.
func TestRequireTLSApart(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	cert := a.issue(time.Now().Add(time.Hour), "a.far.test")
	p := peer.Start(t, peer.Options{Name: "a.far.test", Ehlo: offer, TLS: serverTLS(cert)})
	server := dns.Start(t)
	server.Zone("far.test", "@ MX 10 a\na A 127.0.0.1")
	server.Sign("far.test")
	r := newRig(t, rigOptions{dns: server, main: []string{
		fmt.Sprintf("smtp_tcp_port = %d", p.Port()), "smtp_tls_CAfile = " + a.file(), "smtp_connection_cache_destinations = far.test",
	}})
	for _, want := range []bool{false, true, false} {
		r.attrs = nil
		if want {
			r.attrs = map[string]string{queue.AttrRequireTLS: "yes"}
		}
		if got := r.deliver("far.test", letterText, "bob@far.test")[0]; got.Status != ipc.Sent {
			t.Fatal(say(got))
		}
	}
	m := p.Messages()
	if len(m) != 3 || m[0].Conn == m[1].Conn || m[1].Conn == m[2].Conn {
		t.Errorf("the server has %+v, want the second by a connection of its own", m)
	}
}
