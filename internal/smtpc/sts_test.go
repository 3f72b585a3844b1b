package smtpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"yubin/internal/mtasts"
	"yubin/test/dns"
	"yubin/test/peer"
)

// What a domain says by MTA-STS (RFC 8461), and what becomes of its mail.
func TestMTASTS(t *testing.T) {
	t.Parallel()
	good, bad := newAuthority(t), newAuthority(t)
	soon := time.Now().Add(time.Hour)
	named := good.issue(soon, "a.far.test")
	other := good.issue(soon, "far.test")
	foreign := bad.issue(soon, "a.far.test")
	const (
		sent     = "sent 2.0.0 250 2.0.0 Ok: queued as 4711"
		enforce  = "version: STSv1\nmode: enforce\nmx: *.far.test\nmax_age: 86400\n"
		noneOf   = "deferred 4.7.5 none of the mail exchangers of far.test is one that its MTA-STS policy has"
		untrust  = "deferred 4.7.5 Server certificate not trusted"
		unverify = "deferred 4.7.5 Server certificate not verified"
	)
	for _, c := range []struct {
		name   string
		cert   *tls.Certificate // nil: no TLS
		policy string           // "": no record
		script peer.Script
		main   []string
		want   string
		log    string
	}{
		{name: "no policy", cert: &foreign, want: sent},
		{name: "as it should be", cert: &named, policy: enforce, want: sent, log: "Verified TLS connection"},
		{name: "an authority that nobody trusts", cert: &foreign, policy: enforce, want: untrust},
		{name: "another name", cert: &other, policy: enforce, want: unverify},
		{name: "no TLS", policy: enforce, want: "deferred 4.7.4 TLS is required, but was not offered by host a.far.test[127.0.0.1]"},
		{name: "a broken handshake", cert: &named, policy: enforce, script: peer.Script{"TLS": peer.Drop}, want: "deferred 4.7.5 Cannot start TLS: handshake failure"},
		{name: "another host", cert: &named, policy: strings.Replace(enforce, "*.far", "*.near", 1), want: noneOf, log: "does not have its mail exchanger a.far.test"},
		{name: "testing", policy: strings.Replace(enforce, "enforce", "testing", 1), want: sent},
		{name: "none", policy: strings.Replace(enforce, "enforce", "none", 1), want: sent},
		{name: "a policy that is none", policy: "hello", want: sent, log: "MTA-STS policy of far.test: "},
		{name: "switched off", policy: enforce, main: []string{"smtp_tls_mta_sts = no"}, want: sent},
		{name: "no TLS at all", policy: enforce, main: []string{"smtp_tls_security_level = none"}, want: sent},
		{name: "encrypt", cert: &other, policy: enforce, main: []string{"smtp_tls_security_level = encrypt"}, want: unverify},
		{name: "a table knows better", policy: enforce, main: []string{"smtp_tls_policy_maps = inline:{ far.test=may }"}, want: sent},
		{name: "dane, without records", cert: &other, policy: enforce, main: []string{"smtp_tls_security_level = dane"}, want: unverify},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := peer.Options{Script: c.script, Name: "a.far.test"}
			if c.cert != nil {
				o.TLS = serverTLS(*c.cert)
			}
			p := peer.Start(t, o)
			server := dns.Start(t)
			zone := "@ MX 10 a\na A 127.0.0.1\n"
			if c.policy != "" {
				zone += `_mta-sts TXT "v=STSv1; id=1;"` + "\n"
			}
			server.Zone("far.test", zone)
			r := newRig(t, rigOptions{dns: server, setup: policies(t, good, c.policy), main: append([]string{
				fmt.Sprintf("smtp_tcp_port = %d", p.Port()), "smtp_tls_CAfile = " + good.file(), "smtp_tls_loglevel = 1",
			}, c.main...)})
			if got := say(r.deliver("far.test", letterText, "bob@far.test")[0]); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if !strings.Contains(r.log(), c.log) {
				t.Errorf("log lacks %q", c.log)
			}
		})
	}
}

// policies has the server of far.test's policy, which the agent takes for the
// one that the DNS names.
func policies(t *testing.T, ca *authority, policy string) func(*deliverer) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, policy)
	}))
	s.TLS = serverTLS(ca.issue(time.Now().Add(time.Hour), "mta-sts.far.test"))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return func(d *deliverer) {
		f := d.finder
		if f.sts == nil {
			return
		}
		f.sts = mtasts.New(mtasts.Options{
			TXT: f.texts, Report: d.log.Warn, Roots: func() (*x509.CertPool, error) { return f.o.tls.public.Get() },
			Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, s.Listener.Addr().String())
			},
		})
	}
}

// serverTLS shows one certificate.
func serverTLS(cert tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}
