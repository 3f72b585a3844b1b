//go:build interop

package interop

import (
	"fmt"
	"strings"
	"testing"

	"yubin/test/instance"
)

// Letters go into the servers that the world has, whole, over connections that
// carry several; who is not known there comes back.
func TestDeliverInto(t *testing.T) {
	t.Parallel()
	const tls = "TLS connection established to "
	for _, c := range []struct {
		server       string
		cert         bool
		log, refusal string
	}{
		{"exim", false, tls, "dsn=5.0.0, status=bounced (host "},
		{"opensmtpd", false, "", "dsn=5.0.0, status=bounced (host "},
		{"opensmtpd", true, tls, "dsn=5.0.0, status=bounced (host "},
		{"postfix", false, "", "dsn=5.1.1, status=bounced (host "},
		{"dovecot", false, "", "dsn=5.1.1, status=bounced (host "},
	} {
		name := c.server
		if c.cert {
			name += " by TLS"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var files map[string]string
			main := []string{"smtp_tls_loglevel = 1"}
			if c.cert {
				var ca string
				files, ca = certificate(t, serverHost)
				main = append(main, "smtp_tls_security_level = secure", "smtp_tls_CAfile = "+ca)
			}
			s := serve(t, c.server, freePort(t), files)
			if s.network == "unix" {
				main = append(main, "default_transport = lmtp:unix:"+s.addr)
			} else {
				main = append(main, "relayhost = ["+s.host()+"]:"+s.port())
			}
			i := instance.New(t, instance.Options{Main: main, Master: []string{"lmtp unix - - n - - lmtp"}})
			bodies := letters()
			for subject, body := range bodies {
				i.Sendmail("Subject: "+subject+"\n\n"+body, "-i", "-f", alice, "dave@far.test")
			}
			i.Sendmail("Subject: lost\n\nx\n", "-f", bob, "nobody@far.test")
			i.Until("all letters are in the Maildir", func() bool { return len(s.mail(t)) >= len(bodies) })
			wantLetters(t, s.mail(t), bodies)
			i.WaitLog("to=<nobody@far.test>", c.refusal)
			i.WaitMail("bob", 1)
			i.Until("the queue is empty", i.Drained)
			for _, text := range []string{c.log, ", conn_use="} {
				if !strings.Contains(i.Log(), text) {
					t.Errorf("the log has no %q", text)
				}
			}
		})
	}
}

// letters are bodies by subject: small ones, a large one, one that is neither
// ASCII nor free of dots.
func letters() map[string]string {
	bodies := map[string]string{
		"eight": "Gr\xc3\xbc\xc3\x9fe\n.\n..\n.dot\n",
		"large": strings.Repeat(strings.Repeat("x", 70)+"\n", 20_000),
	}
	for n := range 40 {
		bodies[fmt.Sprint("small", n)] = fmt.Sprintf("letter %d\n", n)
	}
	return bodies
}

// wantLetters compares what has arrived with what was sent.
func wantLetters(t *testing.T, mail, bodies map[string]string) {
	t.Helper()
	for _, m := range mail {
		_, rest, _ := strings.Cut(m, "\nSubject: ")
		subject, _, _ := strings.Cut(rest, "\n")
		_, body, _ := strings.Cut(rest, "\n\n")
		if want, ok := bodies[subject]; !ok || body != want {
			t.Errorf("letter %q has a body of %d octets, want %d", subject, len(body), len(want))
		}
		delete(bodies, subject)
	}
	for subject := range bodies {
		t.Errorf("letter %q did not arrive", subject)
	}
}
