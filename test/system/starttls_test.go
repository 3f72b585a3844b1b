package system

import (
	"testing"

	"yubin/test/peer"
)

// A server whose STARTTLS is broken, refused or gone gets mail in plain text
// where TLS is a matter of opportunity, and none where it is not.
func TestStartTLSBroken(t *testing.T) {
	t.Parallel()
	cert, _ := peer.Certificate(t, "mx.far.test")
	refused := peer.Script{"STARTTLS": "454 4.7.0 TLS not available due to local problem"}
	dropped := peer.Script{"STARTTLS": peer.Drop}
	broken := peer.Script{"TLS": peer.Drop}
	stripped := peer.Script{"EHLO": "250-mx.far.test\n250 XXXXXXXX"}
	const (
		may     = "smtp_tls_security_level = may"
		encrypt = "smtp_tls_security_level = encrypt"
		policy  = "smtp_tls_policy_maps = inline:{ far.test=encrypt }"
	)
	for _, c := range []struct {
		name   string
		script peer.Script
		main   string
		want   string
		byTLS  bool
		plain  bool
	}{
		{"whole", nil, may, "status=sent", true, false},
		{"refused", refused, may, "status=sent", false, true},
		{"dropped", dropped, may, "status=sent", false, true},
		{"handshake broken", broken, may, "status=sent", false, true},
		{"stripped", stripped, may, "status=sent", false, true},
		{"refused, encrypt", refused, encrypt, "dsn=4.7.0, status=deferred (TLS is required, but host mx.far.test[127.0.0.1] refused to start TLS: 454 4.7.0", false, false},
		{"dropped, encrypt", dropped, encrypt, "status=deferred (lost connection with mx.far.test[127.0.0.1] while performing the STARTTLS handshake", false, false},
		{"handshake broken, encrypt", broken, encrypt, "dsn=4.7.5, status=deferred (Cannot start TLS: handshake failure", false, false},
		{"stripped, encrypt", stripped, encrypt, "dsn=4.7.4, status=deferred (TLS is required, but was not offered by host mx.far.test[127.0.0.1]", false, false},
		{"handshake broken, encrypt by policy", broken, policy, "dsn=4.7.5, status=deferred (Cannot start TLS: handshake failure", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := peer.Options{Name: "mx.far.test", Script: c.script, TLS: cert}
			i, p := outbound(t, o, c.main)
			i.Sendmail("Subject: x\n\ny\n", "-f", "alice@example.test", "dave@far.test")
			i.WaitLog("to=<dave@far.test>", c.want)
			m := p.Messages()
			if sent := c.byTLS || c.plain; len(m) > 0 != sent || sent && m[0].TLS != c.byTLS {
				t.Errorf("the server has %+v, want mail by TLS: %t, in plain text: %t", m, c.byTLS, c.plain)
			}
		})
	}
}
