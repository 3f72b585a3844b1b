package smtpc

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"yubin/internal/tlskeys"
	"yubin/test/peer"
)

// issueRSA and issueEd25519 make certificates with keys of other kinds.
func (a *authority) issueRSA(name string) tls.Certificate {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.sign(name, key.Public(), key)
}

func (a *authority) issueEd25519(name string) tls.Certificate {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.sign(name, public, key)
}

func (a *authority) sign(name string, public, key any) tls.Certificate {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, public, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key}
}

// Which certificate a server gets that asks for one, and that a key which cannot
// be used never makes a connection without it.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	server := ca.issue(time.Now().Add(time.Hour), "mx.far.test")
	ec := ca.issue(time.Now().Add(time.Hour), "ec.own.test")
	rsaCert, ed := ca.issueRSA("rsa.own.test"), ca.issueEd25519("ed.own.test")
	strangers := x509.NewCertPool()
	strangers.AddCert(newAuthority(t).cert)
	const (
		sent   = "sent 2.0.0 250 2.0.0 Ok: queued as 4711"
		cannot = "deferred 4.7.5 client TLS configuration problem: the certificate of this host cannot be used now"
	)
	for _, c := range []struct {
		name  string
		certs []tls.Certificate
		fail  string // of every request
		late  bool   // fails only when something is to be signed
		auth  tls.ClientAuthType
		max   uint16
		cas   *x509.CertPool
		want  string
		shown string // name in the certificate
	}{
		{name: "asked for", certs: []tls.Certificate{ec}, auth: tls.RequestClientCert, want: sent, shown: "ec.own.test"},
		{name: "wanted", certs: []tls.Certificate{ec}, auth: tls.RequireAnyClientCert, want: sent, shown: "ec.own.test"},
		{name: "TLS 1.2", certs: []tls.Certificate{ec}, auth: tls.RequireAnyClientCert, max: tls.VersionTLS12, want: sent, shown: "ec.own.test"},
		{name: "RSA", certs: []tls.Certificate{rsaCert}, auth: tls.RequireAnyClientCert, want: sent, shown: "rsa.own.test"},
		{name: "RSA, TLS 1.2", certs: []tls.Certificate{rsaCert}, auth: tls.RequireAnyClientCert, max: tls.VersionTLS12, want: sent, shown: "rsa.own.test"},
		{name: "Ed25519", certs: []tls.Certificate{ed, rsaCert}, auth: tls.RequireAnyClientCert, want: sent, shown: "ed.own.test"},
		{name: "Ed25519, TLS 1.2", certs: []tls.Certificate{ed, rsaCert}, auth: tls.RequireAnyClientCert, max: tls.VersionTLS12, want: sent, shown: "ed.own.test"},
		{name: "authorities of strangers", certs: []tls.Certificate{ec}, auth: tls.RequestClientCert, cas: strangers, want: sent, shown: "ec.own.test"},
		{name: "not asked for", certs: []tls.Certificate{ec}, want: sent},
		{name: "none there", auth: tls.RequestClientCert, want: sent},
		{name: "authd fails", certs: []tls.Certificate{ec}, fail: "no such file", auth: tls.RequestClientCert, want: cannot},
		{name: "authd does not sign", certs: []tls.Certificate{ec}, fail: "gone", late: true, auth: tls.RequestClientCert, want: cannot},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			shown := ""
			keeper := peer.NewKeeper(t, c.certs...)
			keys := tlskeys.New(tlskeys.Options{Set: "smtp", Program: "smtp", Dial: keeper.Dial})
			t.Cleanup(keys.Close)
			config := &tls.Config{
				Certificates: []tls.Certificate{server}, ClientAuth: c.auth, ClientCAs: c.cas, MaxVersion: c.max,
				VerifyConnection: func(s tls.ConnectionState) error {
					mu.Lock()
					defer mu.Unlock()
					if len(s.PeerCertificates) > 0 {
						shown = s.PeerCertificates[0].DNSNames[0]
					}
					return nil
				},
			}
			if c.late {
				config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
					keeper.Fail(c.fail) // the chains have been asked for
					return nil, nil
				}
			} else {
				keeper.Fail(c.fail)
			}
			p := peer.Start(t, peer.Options{TLS: config})
			r := newRig(t, rigOptions{setup: func(d *deliverer) { d.o.tls.keys = keys }})
			if got := say(r.deliver(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), letterText, "bob@far.test")[0]); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			mu.Lock()
			defer mu.Unlock()
			if shown != c.shown && !c.late { // it is shown before it is signed for
				t.Errorf("the server was shown %q, want %q", shown, c.shown)
			}
			if n := len(p.Messages()); (n > 0) != strings.HasPrefix(c.want, "sent") {
				t.Errorf("the server has %d messages", n)
			}
			if c.fail != "" && !strings.Contains(r.log(), "cannot be shown: authd: "+c.fail) {
				t.Error("the log does not say why")
			}
		})
	}
}
