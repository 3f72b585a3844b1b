package system

import (
	"crypto/tls"
	"encoding/base64"
	"os"
	"strings"
	"testing"

	"yubin/internal/sasl"
	"yubin/test/instance"
)

// account is who logs in here.
const (
	account       = "ann@example.test"
	accountSecret = "correct horse battery staple"
)

// withLogins is an instance whose smtpd lets people log in.
func withLogins(t *testing.T, lines ...string) *instance.Instance {
	t.Helper()
	i := instance.New(t, instance.Options{Stopped: true})
	i.WriteFile("etc/users", []string{account + ":{PLAIN}" + accountSecret})
	if err := os.Chmod(i.Path("etc", "users"), 0o600); err != nil {
		t.Fatal(err)
	}
	i.AppendMain(append([]string{
		"smtpd_sasl_auth_enable = yes", "smtpd_tls_security_level = may", "auth_failure_delay = 0",
		"auth_backends = passwd-file:" + i.Path("etc", "users"),
	}, lines...)...)
	i.Start()
	return i
}

// exchange logs in by AUTH and returns the last reply.
func exchange(t *testing.T, s *instance.Session, mechanism, password string, ch sasl.Channel) string {
	t.Helper()
	c := sasl.Credentials{User: account, Secret: password}
	m, err := sasl.Choose([]string{mechanism}, 0, c, ch, func(string) (bool, error) { return true, nil })
	if err != nil {
		t.Fatal(err)
	}
	p := m.Client(c, ch)
	say, happy, err := p.Next(nil)
	line := "AUTH " + mechanism
	if say != nil {
		line += " " + base64.StdEncoding.EncodeToString(say)
	}
	for err == nil {
		var reply string
		if reply, err = s.Cmd(line); err != nil {
			break
		}
		challenge, more := strings.CutPrefix(reply, "334 ")
		if !more {
			if strings.HasPrefix(reply, "235 ") && !happy {
				t.Errorf("%s: the server has not proven itself", mechanism)
			}
			return reply
		}
		var hear []byte
		if hear, err = base64.StdEncoding.DecodeString(challenge); err == nil {
			say, happy, err = p.Next(hear)
			line = base64.StdEncoding.EncodeToString(say)
		}
	}
	t.Fatalf("%s: %v", mechanism, err)
	return ""
}

// Each mechanism lets in who knows the password, and nobody else, and no
// password is seen anywhere.
func TestLogins(t *testing.T) {
	t.Parallel()
	i := withLogins(t)
	for _, m := range []string{"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"} {
		for password, want := range map[string]string{accountSecret: "235 2.7.0 ", "wrong " + m: "535 5.7.8 "} {
			s := i.Dial()
			var ch sasl.Channel
			s.Want("250", "EHLO client.test")
			if strings.HasSuffix(m, "-PLUS") {
				s = s.StartTLS(&tls.Config{InsecureSkipVerify: true})
				s.Want("250", "EHLO client.test")
				state := s.TLS()
				exporter, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
				if err != nil {
					t.Fatal(err)
				}
				ch.Exporter = exporter
			}
			if got := exchange(t, s, m, password, ch); !strings.HasPrefix(got, want) {
				t.Errorf("%s with %q: got %q, want %s", m, password, got, want)
			}
			s.Close()
		}
	}
	i.WaitLog("dovecot: auth-worker(", "passwd-file("+account+",127.0.0.1,<", ">): Password mismatch")
	i.KeepsSecret(account, accountSecret)
}

// authd speaks Dovecot's protocol, and smtpd asks whoever does.
func TestDovecotProtocol(t *testing.T) {
	t.Parallel()
	i := withLogins(t, "auth_dovecot_socket = private/auth", "smtpd_sasl_type = dovecot", "smtpd_sasl_path = private/auth")
	for _, m := range []string{"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"} {
		for password, want := range map[string]string{accountSecret: "235 2.7.0 ", "wrong " + m: "535 5.7.8 "} {
			s := i.Dial()
			if ehlo := s.Want("250", "EHLO client.test"); !strings.Contains(ehlo, "AUTH SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN") {
				t.Errorf("EHLO: got %q", ehlo)
			}
			if got := exchange(t, s, m, password, sasl.Channel{}); !strings.HasPrefix(got, want) {
				t.Errorf("%s with %q: got %q, want %s", m, password, got, want)
			}
			s.Close()
		}
	}
	i.KeepsSecret(account, accountSecret)
}
