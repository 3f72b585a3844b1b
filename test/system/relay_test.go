package system

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"yubin/test/instance"
	"yubin/test/peer"
)

// The password of the tests, and a peer that wants it, within TLS.
const relaySecret = "correct-horse-battery"

func relayPeer(t *testing.T, wrapper bool) (p *peer.Peer, ca string) {
	tlsConfig, ca := peer.Certificate(t, "127.0.0.1")
	return peer.Start(t, peer.Options{
		Ehlo: []string{"AUTH PLAIN LOGIN"}, Auth: peer.Password("ann@far.test", relaySecret), TLS: tlsConfig, Wrapper: wrapper,
	}), ca
}

// What an administrator does to send mail through a provider: set, test, reload;
// and nothing that others can see has the password.
func TestRelay(t *testing.T) {
	t.Parallel()
	p, ca := relayPeer(t, false)
	i := instance.New(t, instance.Options{Main: []string{"smtp_tls_CAfile = " + ca}})
	host := fmt.Sprintf("127.0.0.1:%d", p.Port())
	set := i.Run(relaySecret+"\n", "mailctl", "-c", i.Etc(), "relay", "set", "--user", "ann@far.test", host)
	if set.Code != 0 {
		t.Fatalf("relay set: %+v", set)
	}
	i.Stop() // a reload is done when nobody can tell
	i.Start()
	try := i.Mailctl("relay", "test", "dave@far.test")
	for _, want := range []string{"C: STARTTLS\n", "with a server that is verified\n", "C: AUTH PLAIN ***\nS: 235 ", "C: RCPT TO:<dave@far.test>\nS: 250 ", "-- all is well\n"} {
		if !strings.Contains(try.Stdout, want) {
			t.Errorf("relay test lacks %q: %+v", want, try)
		}
	}
	if n := len(p.Messages()); n != 0 {
		t.Errorf("relay test sent %d messages", n)
	}
	i.Sendmail("Subject: x\n\ny\n", "-f", "alice@example.test", "dave@far.test")
	i.WaitLog("to=<dave@far.test>, relay=127.0.0.1[127.0.0.1]:", "status=sent")
	if m := p.Messages(); len(m) != 1 || !m[0].TLS {
		t.Errorf("the peer has %+v, want one message by TLS", m)
	}
	i.KeepsSecret("ann@far.test", relaySecret, set, try)

	if r := i.Mailctl("relay", "unset"); r.Code != 0 {
		t.Fatalf("relay unset: %+v", r)
	}
	if _, err := os.Stat(i.Path("etc", "relay_passwd")); err == nil {
		t.Error("the password is still there")
	}
}

// A relay on port 465, as far as the port is concerned; the password is in a
// table of the administrator's.
func TestRelayWrapper(t *testing.T) {
	t.Parallel()
	p, ca := relayPeer(t, true)
	i := instance.New(t, instance.Options{Stopped: true, Main: []string{
		fmt.Sprintf("relayhost = [127.0.0.1]:%d", p.Port()), "smtp_tls_security_level = secure", "smtp_tls_wrappermode = yes", "smtp_tls_CAfile = " + ca,
		"smtp_sasl_auth_enable = yes", "smtp_sasl_password_maps = hash:$config_directory/sasl_passwd", "smtp_sasl_tls_security_options = noanonymous",
	}})
	i.Start()
	// Without the table nobody knows whether there is a password: mail waits.
	i.Sendmail("Subject: x\n\ny\n", "-f", "alice@example.test", "dave@far.test")
	i.WaitLog("to=<dave@far.test>", "dsn=4.3.0, status=deferred (SASL authentication failed; the password for server 127.0.0.1[127.0.0.1] cannot be had now)")
	i.WaitLog("authd[", "warning: how to log in to [127.0.0.1]:")

	write := func(password string) {
		file := i.Path("etc", "sasl_passwd")
		if err := os.WriteFile(file+".new", fmt.Appendf(nil, "[127.0.0.1]:%d ann@far.test:%s\n", p.Port(), password), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	write("wrong")
	i.Until("the server refuses the password", func() bool {
		i.Mailctl("queue", "flush")
		return strings.Contains(i.Log(), "status=deferred (SASL authentication failed; server 127.0.0.1[127.0.0.1] said: 535 5.7.8 ")
	})
	write(relaySecret)
	i.Until("the letter has left", func() bool {
		i.Mailctl("queue", "flush")
		return len(p.Messages()) == 1
	})
	i.KeepsSecret("ann@far.test", relaySecret)
}

// Killing authd costs nothing: it is started again when it is asked.
func TestAuthdKilled(t *testing.T) {
	t.Parallel()
	p, ca := relayPeer(t, false)
	i := instance.New(t, instance.Options{Main: []string{"smtp_tls_CAfile = " + ca, "smtp_connection_cache_on_demand = no"}})
	if r := i.Run(relaySecret+"\n", "mailctl", "-c", i.Etc(), "relay", "set", "--user", "ann@far.test", fmt.Sprintf("127.0.0.1:%d", p.Port())); r.Code != 0 {
		t.Fatalf("relay set: %+v", r)
	}
	i.Stop() // a reload is done when nobody can tell
	i.Start()
	for n := range 3 {
		i.Sendmail("Subject: x\n\ny\n", "-f", "alice@example.test", "dave@far.test")
		i.Until("the letter has left", func() bool {
			if len(p.Messages()) == n+1 {
				return true
			}
			i.Mailctl("queue", "flush")
			return false
		})
		for _, pid := range i.Processes("authd") {
			if proc, err := os.FindProcess(pid); err == nil {
				proc.Kill()
			}
		}
	}
}
