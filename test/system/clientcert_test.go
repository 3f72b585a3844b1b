package system

import (
	"os"
	"strings"
	"testing"

	"yubin/test/instance"
	"yubin/test/peer"
)

// A server that wants a certificate gets the one of main.cf; a key that is gone
// has mail wait, and never leave without it.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	server, _ := peer.Certificate(t, "mx.far.test")
	own, cert := peer.Certificate(t, "mx.example.test")
	key := peer.KeyFile(t, own.Certificates[0])
	for name, lines := range map[string][]string{
		"certificate and key": {"smtp_tls_cert_file = " + cert, "smtp_tls_key_file = " + key},
		"chain files":         {"smtp_tls_chain_files = " + key + ", " + cert},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i, p := outbound(t, peer.Options{Name: "mx.far.test", TLS: peer.WantCertificate(server, own.Certificates[0])},
				append(lines, "smtp_tls_security_level = encrypt")...)
			i.Sendmail("Subject: x\n\ny\n", "-f", "alice@example.test", "dave@far.test")
			i.WaitLog("to=<dave@far.test>", "status=sent")
			if m := p.Messages(); len(m) != 1 || !m[0].TLS {
				t.Errorf("the server has %+v", m)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		i, _ := outbound(t, peer.Options{Name: "mx.far.test", TLS: peer.WantCertificate(server, own.Certificates[0])}, "smtp_tls_security_level = encrypt")
		i.Sendmail("Subject: x\n\ny\n", "-f", "alice@example.test", "dave@far.test")
		i.WaitLog("to=<dave@far.test>", "status=deferred")
	})
	t.Run("missing", func(t *testing.T) {
		t.Parallel()
		i, p := outbound(t, peer.Options{Name: "mx.far.test", TLS: server}, "smtp_tls_cert_file = "+cert, "smtp_tls_key_file = "+key+".gone")
		wantCheck(t, i, "smtp_tls_key_file: stat "+key+".gone: no such file")
		i.Sendmail("Subject: x\n\ny\n", "-f", "alice@example.test", "dave@far.test")
		i.WaitLog("to=<dave@far.test>", "dsn=4.7.5, status=deferred (client TLS configuration problem: the certificate of this host cannot be used now)")
		b, err := os.ReadFile(key)
		if err == nil {
			err = os.WriteFile(key+".gone", b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		i.Until("the mail has left", func() bool {
			i.Mailctl("queue", "flush")
			return len(p.Messages()) > 0
		})
	})
}

// wantCheck fails the test unless mailctl check says so.
func wantCheck(t *testing.T, i *instance.Instance, text string) {
	t.Helper()
	if r := i.Mailctl("check"); r.Code == 0 || !strings.Contains(r.Stdout, text) {
		t.Errorf("mailctl check lacks %q: %+v", text, r)
	}
}
