//go:build interop

package interop

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yubin/internal/auth"
	"yubin/internal/dovecotauth"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/sasl"
	"yubin/test/instance"
)

// Postfix lets in whom authd knows.
func TestPostfixAsksAuthd(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(serverDir(t, "auth", nil), "auth")
	addr := freePort(t)
	host, _, _ := net.SplitHostPort(addr)
	files, ca := certificate(t, host)
	files["socket"] = socket
	s := serve(t, "submission", addr, files)
	i := instance.New(t, instance.Options{Stopped: true})
	users := i.Path("etc", "users")
	if err := os.WriteFile(users, []byte(relayPasswords()), 0o600); err != nil {
		t.Fatal(err)
	}
	i.AppendMain("smtp_tls_CAfile = "+ca, "auth_backends = passwd-file:"+users, "auth_dovecot_socket = "+socket+":root:root:0666")
	i.Start()

	relaySet(t, i, s, "wrong-"+relayPassword)
	i.Sendmail("Subject: relayed\n\nby way of Postfix and authd\n", "-f", alice, "dave@far.test")
	i.WaitLog("to=<dave@far.test>", "dsn=4.7.8, status=deferred (SASL authentication failed; server 127.0.7.1[127.0.7.1] said: 535 5.7.8 Error: authentication failed")
	i.WaitLog("dovecot: auth-worker(", "passwd-file("+relayUser+",127.0.0.1): Password mismatch")
	relaySet(t, i, s, relayPassword)
	try := i.Mailctl("relay", "test", "dave@far.test")
	if want := "C: AUTH SCRAM-SHA-256 ***\nS: 334 "; !strings.Contains(try.Stdout, want) || !strings.HasSuffix(try.Stdout, "-- all is well\n") {
		t.Errorf("relay test lacks %q: %+v", want, try)
	}
	i.Mailctl("queue", "flush")
	wantArrived(t, i, s, "by way of Postfix and authd\n")
	i.KeepsSecret(relayUser, relayPassword, try)
}

// A Dovecot auth service lets in whom it knows, for us.
func TestDovecotIsAsked(t *testing.T) {
	t.Parallel()
	s, _ := relay(t, freePort(t))
	socket := filepath.Join(s.dir, "spool", "private", "auth")
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	log, err := maillog.Open(maillog.Options{Tag: "postfix/smtpd", File: f})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	server := dovecotauth.New("unix", socket, log)
	facts := &auth.Facts{Service: "smtp", Client: "192.0.2.10", Local: "192.0.2.1", Session: "s1", TLS: &ipc.TLSFacts{Version: "TLSv1.3"}}
	offered, err := server.Mechanisms(t.Context(), facts)
	if got := strings.Join(offered, " "); err != nil || got != "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN OAUTHBEARER XOAUTH2" {
		t.Errorf("offered: %s, %v", got, err)
	}
	for _, c := range []struct{ mechanism, secret, state string }{
		{"PLAIN", relayPassword, ipc.AuthOK},
		{"PLAIN", "wrong", ipc.AuthFailed},
		{"LOGIN", relayPassword, ipc.AuthOK},
		{"LOGIN", "wrong", ipc.AuthFailed},
		{"CRAM-MD5", relayPassword, ipc.AuthOK},
		{"SCRAM-SHA-256", relayPassword, ipc.AuthOK},
		{"SCRAM-SHA-256", "wrong", ipc.AuthFailed},
		{"XOAUTH2", "rubbish", ipc.AuthFailed},
	} {
		cred := sasl.Credentials{User: relayUser, Secret: c.secret, Token: c.mechanism == "XOAUTH2"}
		m, err := sasl.Choose([]string{c.mechanism}, 0, cred, sasl.Channel{}, func(string) (bool, error) { return true, nil })
		if err != nil {
			t.Fatal(err)
		}
		client := m.Client(cred, sasl.Channel{})
		say, _, err := client.Next(nil)
		if err != nil {
			t.Fatal(err)
		}
		x, step := server.Begin(t.Context(), c.mechanism, say, facts, nil)
		for !step.Final() {
			if say, _, err = client.Next(step.Challenge); err != nil {
				t.Fatalf("%s: %v", c.mechanism, err)
			}
			step = x.Next(t.Context(), say)
		}
		if step.State != c.state || c.state == ipc.AuthOK && step.User != relayUser {
			t.Errorf("%s with %q: got %+v, want %s", c.mechanism, c.secret, step, c.state)
		}
	}
}
