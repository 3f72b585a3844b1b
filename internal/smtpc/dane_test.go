package smtpc

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"

	"yubin/test/dns"
	"yubin/test/peer"
)

// What TLSA records do (RFC 7672), with certificates right and wrong.
func TestDANE(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t), newAuthority(t)
	soon := time.Now().Add(time.Hour)
	cert := ours.issue(soon, "mx.far.test")
	domain := ours.issue(soon, "far.test")
	stranger := ours.issue(soon, "other.test")
	old := ours.issue(time.Now().Add(-time.Hour), "mx.far.test")
	wrong := theirs.issue(soon, "mx.far.test")
	alone := cert
	alone.Certificate = cert.Certificate[:1]
	key := func(c tls.Certificate) []byte {
		leaf, err := x509.ParseCertificate(c.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return leaf.RawSubjectPublicKeyInfo
	}
	sum := func(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }
	sum512 := func(b []byte) string { return fmt.Sprintf("%x", sha512.Sum512(b)) }

	const (
		sent       = "sent 2.0.0 *"
		notTrusted = "deferred 4.7.5 Server certificate not trusted"
		notOffered = "deferred 4.7.4 TLS is required, but was not offered by host *"
		noRecords  = "deferred 4.7.5 no TLSA records found for mx.far.test:PORT"
		base       = "@ MX 10 mx\nmx A 127.0.0.1\n"
		at         = "_PORT._tcp.mx TLSA "
	)
	tests := []struct {
		name   string
		zone   string
		signed string // zones
		fault  bool   // for the TLSA question
		alias  bool   // fault for the question where the host's alias leads
		cert   *tls.Certificate
		level  string // "": dane
		want   string
		tls    bool
		sni    string
		log    string
	}{
		{name: "3 1 1", zone: base + at + "3 1 1 " + sum(key(cert)), cert: &cert, want: sent, tls: true, sni: "mx.far.test", log: "Verified TLS connection established to mx.far.test"},
		{name: "3 0 2", zone: base + at + "3 0 2 " + sum512(cert.Certificate[0]), cert: &cert, want: sent, tls: true},
		{name: "3 0 0", zone: base + at + fmt.Sprintf("3 0 0 %x", cert.Certificate[0]), cert: &cert, want: sent, tls: true},
		{name: "3 1 1, expired and for another name", zone: base + at + "3 1 1 " + sum(key(old)), cert: &old, want: sent, tls: true},
		{name: "3 1 1 of another key", zone: base + at + "3 1 1 " + sum(key(wrong)), cert: &cert, want: notTrusted},
		{name: "one of two", zone: base + at + "3 1 1 " + sum(key(wrong)) + "\n" + at + "3 1 1 " + sum(key(cert)), cert: &cert, want: sent, tls: true},
		{name: "2 0 1", zone: base + at + "2 0 1 " + sum(ours.cert.Raw), cert: &cert, want: sent, tls: true},
		{name: "2 1 1", zone: base + at + "2 1 1 " + sum(ours.cert.RawSubjectPublicKeyInfo), cert: &cert, want: sent, tls: true},
		{name: "2 0 0, not in the chain", zone: base + at + fmt.Sprintf("2 0 0 %x", ours.cert.Raw), cert: &alone, want: sent, tls: true},
		{name: "2 0 1, not in the chain", zone: base + at + "2 0 1 " + sum(ours.cert.Raw), cert: &alone, want: notTrusted},
		{name: "2 0 1, for the domain", zone: base + at + "2 0 1 " + sum(ours.cert.Raw), cert: &domain, want: sent, tls: true},
		{name: "2 0 1, for another name", zone: base + at + "2 0 1 " + sum(ours.cert.Raw), cert: &stranger, want: notTrusted},
		{name: "2 0 1, expired", zone: base + at + "2 0 1 " + sum(ours.cert.Raw), cert: &old, want: notTrusted},
		{name: "2 0 1, of another authority", zone: base + at + "2 0 1 " + sum(ours.cert.Raw), cert: &wrong, want: notTrusted},
		{name: "only usage 1: TLS, whatever certificate", zone: base + at + "1 1 1 " + sum(key(wrong)), cert: &cert, want: sent, tls: true, log: "Untrusted TLS"},
		{name: "only a short digest: TLS", zone: base + at + "3 1 1 abcd", want: notOffered},
		{name: "records, and no TLS", zone: base + at + "3 1 1 " + sum(key(cert)), want: notOffered},
		{name: "no records", zone: base, cert: &cert, want: sent, tls: true, log: "Untrusted TLS"},
		{name: "no records, no TLS", zone: base, want: sent},
		{name: "no records, dane-only", zone: base, cert: &cert, level: "dane-only", want: noRecords},
		{name: "records, dane-only", zone: base + at + "3 1 1 " + sum(key(cert)), cert: &cert, level: "dane-only", want: sent, tls: true},
		{name: "zone that nobody vouches for", zone: base + at + "3 1 1 " + sum(key(wrong)), signed: "-", cert: &cert, want: sent, tls: true, log: "Untrusted TLS"},
		{name: "zone that nobody vouches for, dane-only", zone: base + at + "3 1 1 " + sum(key(cert)), signed: "-", cert: &cert, level: "dane-only", want: noRecords},
		{name: "host in an insecure zone", zone: "@ MX 10 mx.near.test.", cert: &cert, want: sent, tls: true, log: "Untrusted TLS"},
		{name: "records that cannot be had", zone: base, fault: true, cert: &cert, want: "deferred 4.7.5 TLSA lookup error for mx.far.test:PORT"},
		{name: "alias", zone: "@ MX 10 mx\nmx CNAME real\nreal A 127.0.0.1\n_PORT._tcp.real TLSA 3 1 1 " + sum(key(cert)), cert: &cert, want: sent, tls: true, sni: "real.far.test"},
		{name: "alias, records where it begins", zone: "@ MX 10 mx\nmx CNAME real\nreal A 127.0.0.1\n" + at + "3 1 1 " + sum(key(wrong)), cert: &cert, want: notTrusted},
		{name: "alias that leads out", zone: "@ MX 10 mx\nmx CNAME mx.near.test.\n" + at + "3 1 1 " + sum(key(cert)), cert: &cert, level: "dane-only", want: sent, tls: true, sni: "mx.far.test"},
		{name: "alias that leads out, and nobody says whether it is signed", zone: "@ MX 10 mx\nmx CNAME mx.near.test.\n" + at + "3 1 1 " + sum(key(wrong)), alias: true, cert: &cert,
			want: "deferred 4.7.5 TLSA lookup error for mx.far.test:PORT"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := peer.Options{Name: "mx.far.test"}
			sni := make(chan string, 10)
			if c.cert != nil {
				o.TLS = &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
					sni <- h.ServerName
					return c.cert, nil
				}}
			}
			p := peer.Start(t, o)
			port := fmt.Sprint(p.Port())
			server := dns.Start(t)
			server.Zone("far.test", strings.ReplaceAll(c.zone, "PORT", port))
			server.Zone("near.test", "mx A 127.0.0.1\n_"+port+"._tcp.mx TLSA 3 1 1 "+sum(key(wrong)))
			if c.signed == "" {
				server.Sign("far.test")
			}
			if c.fault {
				server.Fail("_"+port+"._tcp.mx.far.test", dns.ServFail)
			}
			if c.alias {
				server.Fail("mx.far.test", dns.ServFail, "CNAME")
			}
			level := c.level
			if level == "" {
				level = "dane"
			}
			r := newRig(t, rigOptions{dns: server, main: []string{
				"smtp_tcp_port = " + port, "smtp_tls_security_level = " + level, "smtp_tls_loglevel = 1",
			}})
			want := strings.ReplaceAll(c.want, "PORT", port)
			if got := say(r.deliver("far.test", letterText, "bob@far.test")[0]); !matches(want, got) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			messages := p.Messages()
			if want := strings.HasPrefix(c.want, "sent"); want != (len(messages) == 1) || want && messages[0].TLS != c.tls {
				t.Errorf("the server has %+v, want TLS %t", messages, c.tls)
			}
			if c.sni != "" {
				if got := <-sni; got != c.sni {
					t.Errorf("SNI %q, want %q", got, c.sni)
				}
			}
			if !strings.Contains(r.log(), c.log) {
				t.Errorf("log lacks %q", c.log)
			}
		})
	}
}

// What a table says of versions counts whatever the TLSA records say.
func TestDANEVersions(t *testing.T) {
	t.Parallel()
	cert := newAuthority(t).issue(time.Now().Add(time.Hour), "mx.far.test")
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, record := range map[string]string{
		"records": fmt.Sprintf("3 1 1 %x", sha256.Sum256(leaf.RawSubjectPublicKeyInfo)), "useless records": "3 1 1 abcd", "none": "",
	} {
		p := peer.Start(t, peer.Options{Name: "mx.far.test", TLS: &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: tls.VersionTLS12}})
		port := fmt.Sprint(p.Port())
		server := dns.Start(t)
		zone := "@ MX 10 mx\nmx A 127.0.0.1\n"
		if record != "" {
			zone += "_" + port + "._tcp.mx TLSA " + record
		}
		server.Zone("far.test", zone)
		server.Sign("far.test")
		r := newRig(t, rigOptions{dns: server, main: []string{
			"smtp_tcp_port = " + port, "smtp_tls_policy_maps = inline:{ {far.test = dane protocols=>=TLSv1.3} }",
		}})
		r.deliver("far.test", letterText, "bob@far.test")
		for _, m := range p.Messages() {
			if m.TLS {
				t.Errorf("%s: TLSv1.2 was taken", name)
			}
		}
	}
}
