package authd

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"yubin/internal/ipc"
	"yubin/internal/sasl"
)

// Each mechanism lets the right client in; a wrong password, a user that does
// not exist, one that is locked and one that may not be let in from there are
// told the same, after the same number of steps, at the same time.
func TestMechanisms(t *testing.T) {
	t.Parallel()
	for _, m := range []string{"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"} {
		t.Run(m, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, accounts)
				r, _, took := d.login(m, "bob", "ginger", bound)
				if r.State != ipc.AuthOK || r.User != "bob" {
					t.Fatalf("right: got %+v", r)
				}
				if last := took[len(took)-1]; last > 2*beat {
					t.Errorf("right: took %v", last)
				}
				var want []time.Duration
				for i, c := range [][2]string{{"bob", "pepper"}, {"nobody", "ginger"}, {"locked", "ginger"}, {"bob", ""}, {"near", "ginger"}} {
					d.facts.Client = fmt.Sprint("192.0.2.", i+20)
					r, steps, took := d.login(m, c[0], c[1], bound)
					if r.State != ipc.AuthFailed || r.Code != ipc.AuthCodeFailed || r.Text != "Authentication failed" || r.User != c[0] || r.Challenge != nil {
						t.Errorf("%s: got %+v", c, r)
					}
					if want == nil {
						want = took
					}
					if steps != len(want) || !slices.Equal(took, want) || took[steps-1] < 2*time.Second {
						t.Errorf("%s: steps at %v, want %v", c, took, want)
					}
				}
				// Who has the password may be told.
				if r, _, _ := d.login(m, "off", "ginger", bound); r.State != ipc.AuthFailed || r.Code != ipc.AuthCodeDisabled {
					t.Errorf("off: got %+v", r)
				}
				if log := d.log(); strings.Contains(log, "ginger") || strings.Contains(log, "pepper") {
					t.Errorf("the log has a password:\n%s", log)
				}
			})
		})
	}
}

// Salts of users who do not exist look like others, and stay.
func TestSaltsStay(t *testing.T) {
	t.Parallel()
	first := func(d *desk, user string) string {
		d.last++
		r := d.ask(&ipc.AuthRequest{Op: ipc.AuthBegin, Exchange: d.last, Mechanism: "SCRAM-SHA-256", Facts: &d.facts, Initial: true, Response: []byte("n,,n=" + user + ",r=x")})
		if r.State != ipc.AuthGoOn {
			t.Fatalf("%s: got %+v", user, r)
		}
		_, salt, _ := strings.Cut(string(r.Challenge), ",s=")
		return salt
	}
	d := newDesk(t, accounts)
	again := newDesk(t, accounts)
	seen := map[string]bool{}
	for _, user := range []string{"bob", "nobody", "somebody"} {
		salt := first(d, user)
		if !regexp.MustCompile(`^[A-Za-z0-9+/]{22}==,i=4096$`).MatchString(salt) || seen[salt] {
			t.Errorf("%s: got %q", user, salt)
		}
		seen[salt] = true
		if other := first(again, user); other != salt {
			t.Errorf("%s: got %q, later %q", user, salt, other)
		}
	}
}

func TestWhichMechanisms(t *testing.T) {
	t.Parallel()
	const sha512 = "bob:{SSHA512}Kvl6sUHvxJcE6Hw0Zpok1l4kDgVJJCo3YfFXbHJ2EnKDMMVkKDFNeDpjNLPlKbVoYhhYZbHeTWXOkwbGWbVrqGFiY2Q=\n"
	for _, c := range []struct {
		name, users, main string
		ch                sasl.Channel
		want              string
	}{
		{"in the clear", "bob:{PLAIN}x\n", "", sasl.Channel{}, "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN"},
		{"bound", "bob:{PLAIN}x\n", "", bound, "SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN"},
		{"one has a hash", "ann:{PLAIN}x\n" + sha512, "", sasl.Channel{}, "PLAIN LOGIN"},
		{"a locked one does not count", "ann:{PLAIN}x\nbob:!x\n", "", sasl.Channel{}, "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN"},
		{"nobody", "", "", sasl.Channel{}, "PLAIN LOGIN"},
		{"as told", sha512, "auth_mechanisms = plain, scram-sha-256, external", bound, "SCRAM-SHA-256 EXTERNAL PLAIN"},
		{"no certificate", sha512, "auth_mechanisms = plain external", sasl.Channel{}, "PLAIN"},
	} {
		d := newDesk(t, c.users, c.main)
		facts := d.facts
		facts.TLS = &ipc.TLSFacts{Exporter: c.ch.Exporter, CertName: c.ch.CertName}
		r := d.ask(&ipc.AuthRequest{Op: ipc.AuthMechanisms, Exchange: 1, Facts: &facts})
		if got := strings.Join(r.Mechanisms, " "); got != c.want || r.State != ipc.AuthOK {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
		r = d.ask(&ipc.AuthRequest{Op: ipc.AuthBegin, Exchange: 1, Mechanism: "GSSAPI", Facts: &facts})
		if r.State != ipc.AuthFailed || r.Code != ipc.AuthCodeUnknown {
			t.Errorf("%s: GSSAPI: got %+v", c.name, r)
		}
	}
}

// "y" is a client that could bind and has not been offered it. Where we do not
// offer it that is the truth; where we do, somebody has hidden it.
func TestDowngrade(t *testing.T) {
	t.Parallel()
	for main, want := range map[string]string{
		"": ipc.AuthFailed, "auth_mechanisms = scram-sha-256": ipc.AuthGoOn, "auth_mechanisms = scram-sha-256 scram-sha-1-plus": ipc.AuthFailed,
	} {
		d := newDesk(t, accounts, main, "auth_failure_delay = 0")
		facts := d.facts
		facts.TLS = &ipc.TLSFacts{Exporter: bound.Exporter}
		r := d.ask(&ipc.AuthRequest{Op: ipc.AuthBegin, Exchange: 1, Mechanism: "SCRAM-SHA-256", Facts: &facts, Initial: true, Response: []byte("y,,n=bob,r=x")})
		if r.State != want {
			t.Errorf("%q: got %+v, want %s", main, r, want)
		}
	}
}

func TestExternal(t *testing.T) {
	t.Parallel()
	d := newDesk(t, accounts, "auth_mechanisms = external", "auth_failure_delay = 0")
	for _, c := range []struct {
		cert, authz, user, code string
	}{
		{"bob", "", "bob", ""},
		{"Bob", "bob", "bob", ""},
		{"bob", "ann@example.com", "bob", ipc.AuthCodeAuthz},
		{"nobody", "", "nobody", ipc.AuthCodeFailed},
		{"off", "", "off", ipc.AuthCodeDisabled},
	} {
		r, _, _ := d.login("EXTERNAL", c.authz, "", sasl.Channel{CertName: c.cert})
		if r.User != c.user || r.Code != c.code || (r.State == ipc.AuthOK) != (c.code == "") {
			t.Errorf("%s as %q: got %+v", c.cert, c.authz, r)
		}
	}
}

// The lines that fail2ban's dovecot filter takes: its two expressions for the
// service "auth", with an address for <HOST>.
func TestFail2ban(t *testing.T) {
	t.Parallel()
	d := newDesk(t, accounts, "auth_failure_delay = 0")
	line := regexp.MustCompile(`^\S+ +\d+ [\d:]+ \S+ (?:dovecot|auth)\S*: (?:(?:dovecot: )?auth(?:-worker)?(?:\([^\)]+\))?: )?(.+)$`)
	failure := regexp.MustCompile(`^[a-z\-]{3,15}\(\S*,([0-9a-f.:]+)(?:,\S*)?\): (?:[Uu]nknown user|[Ii]nvalid credentials|[Pp]assword mismatch)\s*$`)
	for _, c := range []struct{ mechanism, client, user, want string }{
		{"PLAIN", "192.0.2.10", "bob", "passwd-file(bob,192.0.2.10,<s1>): Password mismatch"},
		{"PLAIN", "192.0.2.11", "nobody", "passwd-file(nobody,192.0.2.11,<s1>): unknown user"},
		{"SCRAM-SHA-256", "192.0.2.12", "bob", "passwd-file(bob,192.0.2.12,<s1>): Password mismatch"},
		{"SCRAM-SHA-256", "2001:db8::1", "nobody", "passwd-file(nobody,2001:db8::1,<s1>): unknown user"},
		{"CRAM-MD5", "192.0.2.13", "bob", "passwd-file(bob,192.0.2.13,<s1>): Password mismatch"},
		{"LOGIN", "192.0.2.14", "x,198.51.100.1): unknown user", "passwd-file(x?198.51.100.1?:?unknown?user,192.0.2.14,<s1>): unknown user"},
		{"LOGIN", "", "x,198.51.100.1,", "passwd-file(x?198.51.100.1?,,<s1>): unknown user"},
	} {
		before := len(d.log())
		d.facts.Client = c.client
		d.login(c.mechanism, c.user, "wrong", sasl.Channel{})
		got := strings.TrimSuffix(d.log()[before:], "\n")
		m := line.FindStringSubmatch(got)
		if m == nil || m[1] != c.want {
			t.Errorf("got %q, want %q", got, c.want)
			continue
		}
		host := ""
		if m := failure.FindStringSubmatch(m[1]); m != nil {
			host = m[1]
		}
		if host != c.client {
			t.Errorf("%q: fail2ban takes %q for the client, want %q", got, host, c.client)
		}
	}
}
