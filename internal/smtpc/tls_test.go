package smtpc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yubin/internal/ipc"
	"yubin/test/dns"
	"yubin/test/peer"
)

// An authority makes certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	a.key = newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err == nil {
		a.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// issue makes a certificate for names; until is when it ends.
func (a *authority) issue(until time.Time, names ...string) tls.Certificate {
	key := newKey(a.t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key}
}

// file writes the authority's certificate for smtp_tls_CAfile.
func (a *authority) file() string {
	name := filepath.Join(a.t.TempDir(), "ca.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return name
}

// How far TLS is insisted on, and what servers do about it.
func TestTLS(t *testing.T) {
	t.Parallel()
	good, bad := newAuthority(t), newAuthority(t)
	soon := time.Now().Add(time.Hour)
	named := good.issue(soon, "a.far.test")
	domain := good.issue(soon, "far.test", "*.far.test")
	other := good.issue(soon, "other.test")
	old := good.issue(time.Now().Add(-time.Hour), "a.far.test")
	foreign := bad.issue(soon, "a.far.test")
	certPrint := fmt.Sprintf("%X", sha256.Sum256(foreign.Certificate[0]))
	leaf, err := x509.ParseCertificate(foreign.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	keyPrint := fmt.Sprintf("% X", sha256.Sum256(leaf.RawSubjectPublicKeyInfo))
	keyPrint = strings.ReplaceAll(keyPrint, " ", ":")

	const (
		sent        = "sent 2.0.0 250 2.0.0 Ok: queued as 4711"
		notTrusted  = "deferred 4.7.5 Server certificate not trusted"
		notVerified = "deferred 4.7.5 Server certificate not verified"
		failed      = "deferred 4.7.5 Cannot start TLS: handshake failure"
		notOffered  = "deferred 4.7.4 TLS is required, but was not offered by host a.far.test[127.0.0.1]"
	)
	tests := []struct {
		name    string
		cert    *tls.Certificate // nil: the server has no TLS
		max     uint16           // newest version that it speaks
		script  peer.Script
		behind  string
		wrapper bool
		insists bool   // on a certificate of the client's
		level   string // "": the default
		main    []string
		policy  string // of far.test
		want    string
		tls     bool // the message came by TLS
		log     string
	}{
		{name: "opportunistic", cert: &foreign, want: sent, tls: true, log: "Untrusted TLS connection established to a.far.test[127.0.0.1]:PORT: TLSv1.3 with cipher TLS_*_SHA*/* bits)\n"},
		{name: "opportunistic, trusted", cert: &other, want: sent, tls: true, log: "Trusted TLS connection established to a.far.test"},
		{name: "opportunistic, not offered", want: sent},
		{name: "opportunistic, refused", cert: &named, script: peer.Script{"STARTTLS": "454 4.7.0 not now"}, want: sent},
		{name: "opportunistic, dropped", cert: &named, script: peer.Script{"STARTTLS": peer.Drop}, want: sent},
		{name: "opportunistic, handshake dropped", cert: &named, script: peer.Script{"TLS": peer.Drop}, want: sent, log: "SSL_connect error to a.far.test[127.0.0.1]:PORT: "},
		{name: "opportunistic, handshake stalled", cert: &named, script: peer.Script{"TLS": peer.Stall}, main: []string{"smtp_starttls_timeout = 1s"}, want: sent},
		{name: "opportunistic, ended behind the handshake", cert: &named, script: peer.Script{"EHLO": "||" + peer.Drop + "||"}, want: sent},
		{name: "opportunistic, a certificate is insisted on", cert: &named, insists: true, want: sent},
		{name: "opportunistic, a certificate is insisted on, TLS 1.2", cert: &named, insists: true, max: tls.VersionTLS12, want: sent},
		{name: "old names, not offered", main: []string{"smtp_enforce_tls = yes", "smtp_tls_enforce_peername = no"}, want: notOffered},
		{name: "old names, encrypt", cert: &foreign, main: []string{"smtp_enforce_tls = yes", "smtp_tls_enforce_peername = no"}, want: sent, tls: true},
		{name: "old names, verify", cert: &foreign, main: []string{"smtp_tls_security_level =", "smtp_enforce_tls = yes"}, want: notTrusted},
		{name: "old names, may", cert: &foreign, main: []string{"smtp_tls_security_level =", "smtp_use_tls = yes"}, want: sent, tls: true},
		{name: "old names beside a level", level: "may", main: []string{"smtp_enforce_tls = yes"}, want: sent},
		{name: "encrypt, ended behind the handshake", cert: &named, level: "encrypt", script: peer.Script{"EHLO": "||" + peer.Drop + "||"},
			want: "deferred 4.4.2 lost connection with a.far.test[127.0.0.1] while performing the EHLO handshake"},
		{name: "encrypt, a certificate is insisted on", cert: &named, insists: true, level: "encrypt",
			want: "deferred 4.4.2 lost connection with a.far.test[127.0.0.1] while performing the EHLO handshake"},
		{name: "opportunistic, old TLS", cert: &named, max: tls.VersionTLS11, want: sent},
		{name: "TLS 1.2", cert: &named, max: tls.VersionTLS12, want: sent, tls: true, log: ": TLSv1.2 with cipher ECDHE-ECDSA-AES"},
		{name: "words behind STARTTLS", cert: &named, behind: "250-a.far.test\r\n250 AUTH PLAIN\r\n", want: "deferred 4.7.5 host a.far.test[127.0.0.1] sent plain text behind its reply to STARTTLS"},
		{name: "none", cert: &named, level: "none", main: []string{"smtp_tls_note_starttls_offer = yes"}, want: sent, log: "Host offered STARTTLS: [a.far.test]"},
		{name: "EHLO after TLS counts", cert: &named, script: peer.Script{"EHLO": "250 x\n250 STARTTLS||250 x\n250 SIZE 20"}, want: "bounced 5.3.4 message size 35 exceeds size limit 20 of server a.far.test[127.0.0.1]"},

		{name: "encrypt", cert: &foreign, level: "encrypt", want: sent, tls: true},
		{name: "encrypt, not offered", level: "encrypt", want: notOffered},
		{name: "encrypt, stripped", cert: &named, script: peer.Script{"EHLO": "250 a.far.test\n250 XXXXXXXX"}, level: "encrypt", want: notOffered},
		{name: "encrypt, refused", cert: &named, script: peer.Script{"STARTTLS": "502 5.5.1 no"}, level: "encrypt",
			want: "deferred 4.5.1 TLS is required, but host a.far.test[127.0.0.1] refused to start TLS: 502 5.5.1 no"},
		{name: "encrypt, HELO alone", cert: &named, script: peer.Script{"EHLO": "502 5.5.1 no"}, level: "encrypt", want: notOffered},
		{name: "encrypt, handshake dropped", cert: &named, script: peer.Script{"TLS": peer.Drop}, level: "encrypt", want: failed},
		{name: "encrypt, old TLS", cert: &named, max: tls.VersionTLS11, level: "encrypt", want: failed},
		{name: "encrypt, too old for the policy", cert: &named, max: tls.VersionTLS12, policy: "encrypt protocols=>=TLSv1.3", want: failed},

		{name: "verify", cert: &named, level: "verify", want: sent, tls: true, log: "Verified TLS connection established to a.far.test"},
		{name: "verify, another name", cert: &other, level: "verify", want: notVerified, log: "certificate verification failed for a.far.test[127.0.0.1]:PORT: it is for other.test"},
		{name: "verify, another authority", cert: &foreign, level: "verify", want: notTrusted, log: "Untrusted TLS connection established"},
		{name: "verify, expired", cert: &old, level: "verify", want: notTrusted},
		{name: "verify, no authority", cert: &named, level: "verify", main: []string{"smtp_tls_CAfile ="}, want: notTrusted, log: "no certificate authority is trusted"},
		{name: "verify, authority that cannot be read", cert: &named, level: "verify", main: []string{"smtp_tls_CAfile = /nowhere"}, want: notTrusted, log: "/nowhere"},
		{name: "secure", cert: &domain, level: "secure", want: sent, tls: true},
		{name: "secure, the host's name is not enough", cert: &other, level: "secure", want: notVerified},
		{name: "secure, name in the policy", cert: &other, policy: "secure match=nexthop:other.test", want: sent, tls: true},
		{name: "secure, domain in the policy", cert: &named, policy: "secure match=.far.test", want: sent, tls: true},
		{name: "policy over the level", level: "secure", policy: "none", want: sent},
		{name: "policy that makes no sense", policy: "paranoid", want: "deferred 4.7.5 client TLS configuration problem: smtp_tls_policy_maps has for far.test: unknown level \"paranoid\""},
		{name: "policy with an unknown attribute", policy: "may colour=blue", want: "deferred 4.7.5 client TLS configuration problem: *"},

		{name: "fingerprint", cert: &foreign, level: "fingerprint", main: []string{"smtp_tls_fingerprint_cert_match = AA:BB " + certPrint}, want: sent, tls: true, log: "Verified TLS"},
		{name: "fingerprint of the key", cert: &foreign, policy: "fingerprint match=aa:bb|" + keyPrint, want: sent, tls: true},
		{name: "another fingerprint", cert: &named, policy: "fingerprint match=" + keyPrint, want: notVerified},
		{name: "no fingerprint", cert: &named, level: "fingerprint", want: notVerified},

		{name: "wrapper", cert: &named, wrapper: true, level: "verify", main: []string{"smtp_tls_wrappermode = yes"}, want: sent, tls: true},
		{name: "wrapper without TLS", level: "may", main: []string{"smtp_tls_wrappermode = yes"}, want: "deferred 4.7.5 client TLS configuration problem: TLS wrapper mode needs *"},
		{name: "wrapper, another name", cert: &other, wrapper: true, level: "verify", main: []string{"smtp_tls_wrappermode = yes"}, want: notVerified},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := peer.Options{Script: c.script, Behind: c.behind, Wrapper: c.wrapper, Name: "a.far.test"}
			if c.cert != nil {
				o.TLS = &tls.Config{Certificates: []tls.Certificate{*c.cert}, MinVersion: tls.VersionTLS10, MaxVersion: c.max}
				if c.insists {
					o.TLS.ClientAuth = tls.RequireAnyClientCert
				}
			}
			p := peer.Start(t, o)
			port := fmt.Sprint(p.Port())
			server := dns.Start(t)
			server.Zone("far.test", "@ MX 10 a\na A 127.0.0.1")
			main := []string{"smtp_tcp_port = " + port, "smtp_tls_CAfile = " + good.file(), "smtp_tls_loglevel = 1"}
			if c.level != "" {
				main = append(main, "smtp_tls_security_level = "+c.level)
			}
			if c.policy != "" {
				main = append(main, "smtp_tls_policy_maps = inline:{ { far.test = "+c.policy+" } }")
			}
			r := newRig(t, rigOptions{dns: server, main: append(main, c.main...)})
			if got := say(r.deliver("far.test", letterText, "bob@far.test")[0]); !matches(c.want, got) {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			messages := p.Messages()
			if want := strings.HasPrefix(c.want, "sent"); want != (len(messages) == 1) || want && messages[0].TLS != c.tls {
				t.Errorf("the server has %+v, want TLS %t", messages, c.tls)
			}
			if l := strings.ReplaceAll(c.log, "PORT", port); l != "" && !matches("*"+l+"*", r.log()) {
				t.Errorf("log lacks %q", l)
			}
		})
	}
}

// A session is taken up again, and judged again.
func TestTLSResumption(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	resumed := make(chan bool, 10)
	cert := a.issue(time.Now().Add(time.Hour), "far.test")
	p := peer.Start(t, peer.Options{TLS: &tls.Config{
		Certificates:     []tls.Certificate{cert},
		VerifyConnection: func(cs tls.ConnectionState) error { resumed <- cs.DidResume; return nil },
	}})
	server := dns.Start(t)
	server.Zone("far.test", "@ A 127.0.0.1")
	r := newRig(t, rigOptions{dns: server, main: []string{
		fmt.Sprintf("smtp_tcp_port = %d", p.Port()), "smtp_tls_security_level = secure", "smtp_tls_CAfile = " + a.file(),
		"smtp_connection_cache_on_demand = no", "smtp_tls_loglevel = 1",
	}})
	for _, want := range []bool{false, true} {
		if got := r.deliver("far.test", letterText, "bob@far.test")[0]; got.Status != ipc.Sent {
			t.Fatal(say(got))
		}
		if got := <-resumed; got != want {
			t.Errorf("resumed: %t, want %t", got, want)
		}
	}
	if n := strings.Count(r.log(), "Verified TLS connection"); n != 2 {
		t.Errorf("%d verified connections in the log, want 2", n)
	}
}

// A next hop with letters beyond ASCII is the host that certificates call by its
// A-labels; tables may have it as it is written.
func TestInternationalNexthop(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	p := peer.Start(t, peer.Options{TLS: &tls.Config{Certificates: []tls.Certificate{a.issue(time.Now().Add(time.Hour), "xn--bcher-kva.test")}}})
	server := dns.Start(t)
	server.Zone("xn--bcher-kva.test", "@ A 127.0.0.1")
	port := fmt.Sprint(p.Port())
	r := newRig(t, rigOptions{dns: server, main: []string{
		"smtp_tls_CAfile = " + a.file(), "smtp_tls_policy_maps = inline:{ { [bücher.test]:" + port + " = verify } { bücher.test:" + port + " = secure } }",
	}})
	for _, nexthop := range []string{"[bücher.test]:" + port, "Bücher.test:" + port} {
		if got := r.deliver(nexthop, letterText, "bob@far.test")[0]; got.Status != ipc.Sent {
			t.Errorf("%s: %s", nexthop, say(got))
		}
	}
	for _, m := range p.Messages() {
		if !m.TLS {
			t.Error("sent without TLS")
		}
	}
}

// Where a policy is looked for.
func TestPolicyLookup(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{main: []string{
		"smtp_tls_policy_maps = inline:{ { far.test = none } { .far.test = encrypt } { [mail.far.test]:587 = verify } { .test = secure } }",
	}})
	for nexthop, want := range map[string]level{
		"far.test": levelNone, "FAR.test": levelNone, "x.far.test": levelEncrypt, "y.x.far.test": levelEncrypt, "other.test": levelSecure,
		"[mail.far.test]:587": levelVerify, "[mail.far.test]": levelMay, "[mail.far.test]:submission": levelVerify, "far.test:26": levelMay, "elsewhere.example": levelMay,
	} {
		targets, err := r.d.o.targets(nexthop, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := targets[0].policy.level; got != want {
			t.Errorf("%s: level %d, want %d", nexthop, got, want)
		}
	}
}
