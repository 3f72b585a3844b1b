package authd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/auth"
	"yubin/internal/config"
	"yubin/internal/dovecotauth"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/passdb"
	"yubin/internal/sasl"
	"yubin/internal/sock"
)

// A desk is logins with accounts, and one conversation with them.
type desk struct {
	t       testing.TB
	l       *logins
	v       *conversation
	dir     string
	replies chan *ipc.AuthReply
	facts   ipc.AuthFacts
	last    uint64
}

// accounts of a desk: what a file has.
const accounts = `bob:{PLAIN}ginger
locked:!{PLAIN}ginger
ann@example.com:{PLAIN}tea:1000:1000::/home/ann::
off:{PLAIN}ginger::::::nologin
near:{PLAIN}ginger::::::allow_nets=198.51.100.0/24
`

// newDesk opens a desk. In main, DIR is the directory.
func newDesk(t testing.TB, users string, main ...string) *desk {
	t.Helper()
	d := &desk{t: t, dir: t.TempDir(), replies: make(chan *ipc.AuthReply, 20000)}
	d.facts = ipc.AuthFacts{Service: "smtp", Client: "192.0.2.10", Session: "s1"}
	d.write("users", users)
	main = append([]string{"myhostname = mx.example.com", "auth_backends = passwd-file:DIR/users", "virtual_mailbox_base = DIR"}, main...)
	d.write("main.cf", strings.ReplaceAll(strings.Join(main, "\n")+"\n", "DIR", d.dir))
	c, err := config.Load(d.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(slices.Concat(loginParams, passdb.Params)); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(d.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	log, err := maillog.Open(maillog.Options{Tag: "dovecot", File: f})
	if err != nil {
		t.Fatal(err)
	}
	hasher := passdb.NewHasher(make([]byte, 32), nil)
	backends, err := passdb.Open(passdb.Env{Config: c, Report: func(p config.Problem) { log.Warn("%v", p) }, Hasher: hasher})
	if err != nil {
		t.Fatal(err)
	}
	if d.l, err = newLogins(c, log, log, backends, hasher); err != nil {
		t.Fatal(err)
	}
	d.v = newConversation(t.Context(), d.l, func(r *ipc.AuthReply) error { d.replies <- r; return nil })
	t.Cleanup(func() { d.v.drain(); log.Close() })
	return d
}

func (d *desk) write(name, content string) string {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

func (d *desk) log() string {
	d.t.Helper()
	b, err := os.ReadFile(filepath.Join(d.dir, "log"))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(b)
}

// ask makes one request and waits for the answer.
func (d *desk) ask(q *ipc.AuthRequest, handles ...fdpass.Handle) *ipc.AuthReply {
	d.v.take(q, handles)
	return <-d.replies
}

// files are two descriptors to be given away.
func (d *desk) files(t *testing.T) (handles []fdpass.Handle) {
	t.Helper()
	for range 2 {
		fd, err := unix.Open(filepath.Join(d.dir, "fd"), unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		handles = append(handles, fdpass.Handle(fd))
	}
	return handles
}

// login has a client log in, and returns what it was told, after how many steps,
// and when.
func (d *desk) login(mechanism, user, secret string, ch sasl.Channel) (r *ipc.AuthReply, steps int, took []time.Duration) {
	d.t.Helper()
	start := time.Now()
	d.last++
	facts := d.facts
	if ch.Exporter != nil || ch.CertName != "" {
		facts.TLS = &ipc.TLSFacts{Exporter: ch.Exporter, CertName: ch.CertName}
	}
	q := &ipc.AuthRequest{Op: ipc.AuthBegin, Exchange: d.last, Mechanism: mechanism, Facts: &facts}
	var client sasl.Party
	if mechanism == "EXTERNAL" {
		q.Initial, q.Response = true, []byte(user)
	} else {
		c := sasl.Credentials{User: user, Secret: secret, Token: strings.Contains(mechanism, "OAUTH") || mechanism == "XOAUTH2"}
		m, err := sasl.Choose([]string{mechanism}, 0, c, ch, func(string) (bool, error) { return true, nil })
		if err != nil {
			d.t.Fatalf("%s: %v", mechanism, err)
		}
		client = m.Client(c, ch)
		first, _, err := client.Next(nil)
		if err != nil {
			d.t.Fatal(err)
		}
		q.Initial, q.Response = first != nil, first
	}
	for r = d.ask(q); ; r = d.ask(q) {
		steps++
		took = append(took, time.Since(start))
		if r.Exchange != d.last {
			d.t.Fatalf("%s: answer for %d, want %d", mechanism, r.Exchange, d.last)
		}
		if r.State != ipc.AuthGoOn {
			return r, steps, took
		}
		answer, _, err := client.Next(r.Challenge)
		if err != nil {
			d.t.Fatalf("%s: %v", mechanism, err)
		}
		q = &ipc.AuthRequest{Op: ipc.AuthContinue, Exchange: d.last, Response: answer}
	}
}

var bound = sasl.Channel{Exporter: []byte("exporter"), CertName: "bob"}

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

// What a program may not ask, or asks out of turn, harms nobody.
func TestOutOfTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, accounts)
		begin := func(n uint64) *ipc.AuthRequest {
			return &ipc.AuthRequest{Op: ipc.AuthBegin, Exchange: n, Mechanism: "LOGIN", Facts: &d.facts}
		}
		for _, q := range []*ipc.AuthRequest{
			{Op: "else"}, {Op: ipc.AuthBegin, Mechanism: "PLAIN"}, {Op: ipc.AuthMechanisms}, {Op: ipc.AuthContinue, Exchange: 7},
			{Op: ipc.AuthSession, Exchange: 7}, {Op: ipc.AuthBegin, Mechanism: "PLAIN", Facts: &d.facts, Response: make([]byte, sasl.MaxMessage+1)},
			{Op: ipc.AuthBegin, Mechanism: "PLAIN", Facts: &ipc.AuthFacts{TLS: &ipc.TLSFacts{SNI: strings.Repeat("x", maxFact+1)}}},
		} {
			if r := d.ask(q); r.State != ipc.AuthFailed || r.Code != ipc.AuthCodeMalformed || r.Exchange != q.Exchange {
				t.Errorf("%+v: got %+v", q, r)
			}
		}
		if r := d.ask(begin(1)); string(r.Challenge) != "Username:" {
			t.Fatalf("got %+v", r)
		}
		if r := d.ask(begin(1)); r.State != ipc.AuthTempFail {
			t.Errorf("a number twice: got %+v", r)
		}
		d.v.take(&ipc.AuthRequest{Op: ipc.AuthCancel, Exchange: 1}, nil)
		if r := d.ask(&ipc.AuthRequest{Op: ipc.AuthContinue, Exchange: 1}); r.Code != ipc.AuthCodeMalformed {
			t.Errorf("after cancel: got %+v", r)
		}
		d.ask(begin(2))
		time.Sleep(exchangeTime + time.Second)
		if r := d.ask(&ipc.AuthRequest{Op: ipc.AuthContinue, Exchange: 2}); r.Code != ipc.AuthCodeMalformed {
			t.Errorf("after a long pause: got %+v", r)
		}
		// A response before the answer to the last.
		d.ask(begin(3))
		d.ask(&ipc.AuthRequest{Op: ipc.AuthContinue, Exchange: 3, Response: []byte("bob")})
		d.v.take(&ipc.AuthRequest{Op: ipc.AuthContinue, Exchange: 3, Response: []byte("wrong")}, nil)
		if r := d.ask(&ipc.AuthRequest{Op: ipc.AuthContinue, Exchange: 3, Response: []byte("ginger")}); r.Code != ipc.AuthCodeMalformed {
			t.Errorf("out of turn: got %+v", r)
		}
		time.Sleep(time.Minute)
		select {
		case r := <-d.replies:
			t.Errorf("one more answer: %+v", r)
		default:
		}
		if len(d.v.xs) != 0 || len(d.l.open.clients) != 0 {
			t.Errorf("%d exchanges are left, of %v", len(d.v.xs), d.l.open.clients)
		}
	})
}

// A login that succeeded is good for one session, for a few seconds.
func TestSessions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, accounts)
		d.facts.Service = "imap"
		var got *ipc.SessionStart
		refuse := errors.New("no room")
		d.l.sessions = func(_ context.Context, s *ipc.SessionStart, conn, ack fdpass.Handle) error {
			got = s
			if s.Start.Tag == "full" {
				return refuse
			}
			_, err := unix.Write(int(conn), []byte("x"))
			return errors.Join(err, unix.Fsync(int(ack)))
		}
		with := func(q *ipc.AuthRequest) *ipc.AuthReply {
			t.Helper()
			files := d.files(t)
			r := d.ask(q, files...)
			synctest.Wait()
			for _, h := range files {
				if h.Close() == nil {
					t.Error("a descriptor was left open")
				}
			}
			return r
		}
		hand := func(tag string) *ipc.AuthReply {
			return with(&ipc.AuthRequest{Op: ipc.AuthSession, Exchange: d.last, Session: &ipc.AuthSessionStart{Tag: tag}})
		}
		login := func() {
			t.Helper()
			if r, _, _ := d.login("PLAIN", "Ann@Example.com", "tea", sasl.Channel{}); r.State != ipc.AuthOK || r.User != "ann@example.com" {
				t.Fatalf("got %+v", r)
			}
		}
		login()
		if r := hand("a1"); r.State != ipc.AuthOK || got == nil {
			t.Fatalf("got %+v", r)
		}
		if got.Service != "imap" || got.Account.User != "ann@example.com" || got.Account.UID != 1000 || got.Method != "PLAIN" || got.Start.Tag != "a1" || got.Version != ipc.SessionVersion {
			t.Errorf("got %+v", got)
		}
		if r := hand("a1"); r.State != ipc.AuthFailed {
			t.Errorf("twice: got %+v", r)
		}
		login()
		if r := hand(strings.Repeat("x", maxFact+1)); r.State != ipc.AuthFailed {
			t.Errorf("too long: got %+v", r)
		}
		login()
		if r := hand("full"); r.State != ipc.AuthTempFail {
			t.Errorf("full: got %+v", r)
		}
		login()
		time.Sleep(rememberTime + time.Second)
		if r := hand("late"); r.State != ipc.AuthFailed {
			t.Errorf("late: got %+v", r)
		}
		d.login("PLAIN", "ann@example.com", "coffee", sasl.Channel{})
		if r := hand("wrong"); r.State != ipc.AuthFailed {
			t.Errorf("who has not logged in: got %+v", r)
		}
		// The connection may come with the beginning.
		begin := func(mechanism, initial, tag string) *ipc.AuthReply {
			d.last++
			return with(&ipc.AuthRequest{
				Op: ipc.AuthBegin, Exchange: d.last, Mechanism: mechanism, Facts: &d.facts, Initial: true, Response: []byte(initial),
				Session: &ipc.AuthSessionStart{Tag: tag},
			})
		}
		got = nil
		if r := begin("PLAIN", "\x00ann@example.com\x00tea", "b1"); r.State != ipc.AuthOK || !r.Seated || r.User != "ann@example.com" || got == nil || got.Start.Tag != "b1" {
			t.Errorf("with the beginning: got %+v, %+v", r, got)
		}
		if r := hand("again"); r.State != ipc.AuthFailed {
			t.Errorf("again: got %+v", r)
		}
		got = nil
		if r := begin("PLAIN", "\x00ann@example.com\x00coffee", "b2"); r.State != ipc.AuthFailed || r.Seated || got != nil {
			t.Errorf("with the beginning, wrong: got %+v, %+v", r, got)
		}
		if r := begin("LOGIN", "ann@example.com", "b3"); r.State != ipc.AuthGoOn || got != nil {
			t.Errorf("with more steps: got %+v, %+v", r, got)
		}
		if r := begin("PLAIN", "\x00ann@example.com\x00tea", "full"); r.State != ipc.AuthTempFail || r.Seated {
			t.Errorf("with the beginning, full: got %+v", r)
		}
		if r := begin("NONE", "", "b4"); r.State != ipc.AuthFailed {
			t.Errorf("no such mechanism: got %+v", r)
		}
		d.facts.Service = "smtp"
		if r := begin("PLAIN", "\x00ann@example.com\x00tea", "b5"); r.State != ipc.AuthOK || r.Seated {
			t.Errorf("no mailbox wanted: got %+v", r)
		}
		// Nobody reads mail of whom it is not known where it is.
		d.facts.Service = "pop3"
		if r, _, _ := d.login("PLAIN", "bob", "ginger", sasl.Channel{}); r.State != ipc.AuthTempFail {
			t.Errorf("no mailbox: got %+v", r)
		}
	})
}

// What a program is for bounds what it can ask, whatever a client has made of it:
// the server of SMTP, which says what certificate its client has, gets nobody's
// mailbox so.
func TestForeignServices(t *testing.T) {
	t.Parallel()
	const smtpd, login, root = 101, 102, 0
	for _, c := range []struct {
		uid     uint32
		service string
		want    string
	}{
		{smtpd, "smtp", ipc.AuthOK}, {smtpd, "pop3", ipc.AuthFailed}, {smtpd, "imap", ipc.AuthFailed}, {smtpd, "su", ipc.AuthFailed},
		{login, "imap", ipc.AuthOK}, {login, "pop3", ipc.AuthOK}, {login, "smtp", ipc.AuthFailed}, {login, "su", ipc.AuthFailed}, {login, "", ipc.AuthFailed},
		{root, "smtp", ipc.AuthOK}, {root, "imap", ipc.AuthOK}, {root, "su", ipc.AuthFailed},
		{103, "smtp", ipc.AuthFailed}, {103, "imap", ipc.AuthFailed},
	} {
		d := newDesk(t, accounts, "auth_mechanisms = external", "auth_failure_delay = 0")
		d.l.ofSMTP, d.l.ofLogin = map[uint32]bool{root: true, smtpd: true}, map[uint32]bool{root: true, login: true}
		d.v.may = d.l.services(c.uid)
		d.facts.Service = c.service
		r, _, _ := d.login("EXTERNAL", "", "", sasl.Channel{CertName: "ann@example.com"})
		if r.State != c.want {
			t.Errorf("uid %d for %q: got %+v, want %s", c.uid, c.service, r, c.want)
		}
		r = d.ask(&ipc.AuthRequest{Op: ipc.AuthMechanisms, Exchange: 9, Facts: &d.facts})
		if r.State != c.want {
			t.Errorf("uid %d, mechanisms for %q: got %+v, want %s", c.uid, c.service, r, c.want)
		}
	}
}

// slow is a backend that takes its time.
type slow struct {
	passdb.DB
	took time.Duration
	n    *int
	mu   *sync.Mutex
}

func (s slow) Verify(ctx context.Context, user, password string, f *ipc.AuthFacts) (*passdb.Credential, error) {
	s.mu.Lock()
	*s.n++
	s.mu.Unlock()
	time.Sleep(s.took)
	return s.DB.Verify(ctx, user, password, f)
}

// Ten thousand wrong logins of one address at once: all are answered, few are
// checked, no goroutine waits for a delay, and a right login from another
// address takes as long as ever.
func TestTenThousandWrong(t *testing.T) {
	// Not beside other tests, whose goroutines would count.
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, accounts)
		checks := 0
		var mu sync.Mutex
		const took = 50 * time.Millisecond
		d.l.backends = passdb.List{slow{d.l.backends[0], took, &checks, &mu}}
		before := runtime.NumGoroutine()
		for i := range 10000 {
			d.v.take(&ipc.AuthRequest{
				Op: ipc.AuthBegin, Exchange: uint64(i + 10), Mechanism: "PLAIN", Facts: &d.facts,
				Initial: true, Response: fmt.Appendf(nil, "\x00bob\x00wrong%d", i),
			}, nil)
		}
		synctest.Wait()
		if n := runtime.NumGoroutine() - before; n > mostWaiting+100 {
			t.Errorf("%d goroutines", n)
		}
		other := d.facts
		other.Client = "192.0.2.99"
		start := time.Now()
		d.v.take(&ipc.AuthRequest{Op: ipc.AuthBegin, Exchange: 1, Mechanism: "PLAIN", Facts: &other, Initial: true, Response: []byte("\x00bob\x00ginger")}, nil)
		ok, answers := time.Duration(0), 0
		states := map[string]int{}
		for answers < 10001 {
			r := <-d.replies
			if answers++; r.Exchange == 1 {
				ok = time.Since(start)
				if r.State != ipc.AuthOK {
					t.Errorf("the right one: got %+v", r)
				}
				continue
			}
			states[r.State]++
		}
		if ok != took {
			t.Errorf("the right login took %v, want %v", ok, took)
		}
		if checks > 10 || states[ipc.AuthOK] != 0 || states[ipc.AuthFailed] != checks-1 {
			t.Errorf("%d were checked, answers %v", checks, states)
		}
		synctest.Wait()
		if len(d.v.xs) != 0 || len(d.l.open.clients) != 0 {
			t.Errorf("%d exchanges are left, of %v", len(d.v.xs), d.l.open.clients)
		}
		if n := strings.Count(d.log(), "\n"); n > 20 {
			t.Errorf("%d lines in the log", n)
		}
	})
}

// down is a backend that cannot say.
type down struct{ passdb.DB }

func (down) Verify(context.Context, string, string, *ipc.AuthFacts) (*passdb.Credential, error) {
	return nil, errors.New("out of order")
}

func (down) Lookup(context.Context, string) (*passdb.Credential, error) {
	return nil, errors.New("out of order")
}

func TestBackendDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, accounts, "auth_mechanisms = plain cram-md5 scram-sha-256")
		d.l.backends = passdb.List{down{d.l.backends[0]}}
		for range 10 {
			for _, m := range []string{"PLAIN", "CRAM-MD5", "SCRAM-SHA-256"} {
				r, _, took := d.login(m, "bob", "ginger", sasl.Channel{})
				if r.State != ipc.AuthTempFail || r.Code != ipc.AuthCodeUnavailable || took[len(took)-1] > beat {
					t.Errorf("%s: got %+v after %v", m, r, took)
				}
			}
		}
		if !strings.Contains(d.log(), "login of bob from 192.0.2.10: out of order") {
			t.Errorf("got\n%s", d.log())
		}
	})
}

// One client does not take all places.
func TestPlaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, accounts)
		begin := func(n int, client string) string {
			f := d.facts
			f.Client = client
			return d.ask(&ipc.AuthRequest{Op: ipc.AuthBegin, Exchange: uint64(n), Mechanism: "LOGIN", Facts: &f}).State
		}
		n := 0
		for range mostOfClient {
			if n++; begin(n, "192.0.2.10") != ipc.AuthGoOn {
				t.Fatalf("number %d is refused", n)
			}
		}
		if got := begin(n+1, "192.0.2.10"); got != ipc.AuthTempFail {
			t.Errorf("one more of a client: %s", got)
		}
		for n < mostExchanges {
			if n++; begin(n, fmt.Sprintf("198.51.100.%d", n%250)) != ipc.AuthGoOn {
				t.Fatalf("number %d is refused", n)
			}
		}
		if got := begin(n+1, "203.0.113.1"); got != ipc.AuthTempFail {
			t.Errorf("one more: %s", got)
		}
	})
}

// The conversation as programs have it, and its end: what is under way is
// answered.
func TestAuthConversation(t *testing.T) {
	t.Parallel()
	r := newRig(t, "auth_backends = passwd-file:DIR/users", "auth_failure_delay = 1s")
	r.file("users", accounts)
	c := r.connect(ipc.Hello{Version: ipc.AuthVersion, Role: ipc.RoleAuth})
	c.Unix().SetDeadline(time.Now().Add(30 * time.Second))
	facts := &ipc.AuthFacts{Service: "smtp", Client: "192.0.2.1"}
	for i, response := range []string{"\x00bob\x00wrong", "\x00bob\x00ginger"} {
		if err := c.Send(ipc.AuthRequest{Op: ipc.AuthBegin, Exchange: uint64(i), Mechanism: "PLAIN", Facts: facts, Initial: true, Response: []byte(response)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Unix().CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got := map[uint64]string{}
	for {
		var a ipc.AuthReply
		files, err := c.Recv(&a)
		fdpass.CloseAll(files)
		if err != nil {
			break
		}
		got[a.Exchange] = a.State
	}
	if got[0] != ipc.AuthFailed || got[1] != ipc.AuthOK {
		t.Errorf("got %v", got)
	}
}

// A program that has said who it is may be silent for as long as it likes, and ask
// then.
func TestQuietClient(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := *r.d
	d.patience = time.Second
	r.d = &d
	c := r.connect(ipc.Hello{Version: ipc.AuthVersion, Role: ipc.RoleAuth})
	time.Sleep(d.patience + 200*time.Millisecond)
	c.Unix().SetDeadline(time.Now().Add(30 * time.Second))
	if err := c.Send(ipc.AuthRequest{Op: ipc.AuthMechanisms, Facts: &ipc.AuthFacts{Service: "smtp", Client: "192.0.2.1"}}); err != nil {
		t.Fatal(err)
	}
	var a ipc.AuthReply
	files, err := c.Recv(&a)
	fdpass.CloseAll(files)
	if err != nil || a.State != ipc.AuthOK {
		t.Errorf("got %+v, %v", a, err)
	}
}

// The key outlives the process, and is nobody else's.
func TestLastingKey(t *testing.T) {
	t.Parallel()
	r := newRig(t, "data_directory = DIR/data")
	dir := filepath.Join(r.dir, "data")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(r.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	key := lastingKey(c, r.d.log)
	if again := lastingKey(c, r.d.log); len(key) != keySize || !slices.Equal(key, again) {
		t.Errorf("got %x, then %x", key, again)
	}
	path := filepath.Join(dir, keyFile)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if other := lastingKey(c, r.d.log); slices.Equal(key, other) || len(other) != keySize {
		t.Error("a key that others can read was taken")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", path); err != nil {
		t.Fatal(err)
	}
	if other := lastingKey(c, r.d.log); slices.Equal(other, make([]byte, keySize)) {
		t.Error("a link was followed")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v: want one file", entries, err)
	}
	if log := r.log(); strings.Count(log, "until it can be written") != 2 {
		t.Errorf("got\n%s", log)
	}
}

// FuzzAuthRequests: a program that has been taken over may say anything. It gets
// nobody in, keeps nothing open, and breaks nothing.
func FuzzAuthRequests(f *testing.F) {
	f.Add("begin", "PLAIN", []byte("\x00bob\x00wrong"), "continue", []byte("x"))
	f.Add("begin", "LOGIN", []byte("bob"), "continue", []byte("wrong"))
	f.Add("begin", "SCRAM-SHA-256", []byte("n,,n=bob,r=x"), "session", []byte("x"))
	f.Fuzz(func(t *testing.T, op, mechanism string, one []byte, op2 string, two []byte) {
		d := newDesk(t, accounts, "auth_failure_delay = 0")
		d.facts.Service = mechanism
		d.v.take(&ipc.AuthRequest{Op: op, Exchange: 1, Mechanism: mechanism, Facts: &d.facts, Initial: true, Response: one}, nil)
		d.v.take(&ipc.AuthRequest{Op: op2, Exchange: 1, Mechanism: mechanism, Response: two, Session: &ipc.AuthSessionStart{}}, nil)
		d.v.drain()
		close(d.replies)
		for r := range d.replies {
			if r.State == ipc.AuthOK && len(r.Mechanisms) == 0 && r.User != "" && !strings.Contains(string(one), "ginger") && !strings.Contains(string(two), "ginger") && !strings.Contains(string(one), "tea") {
				t.Fatalf("got %+v", r)
			}
		}
		if len(d.v.xs) != 0 || len(d.l.open.clients) != 0 {
			t.Fatalf("%d exchanges are left", len(d.v.xs))
		}
	})
}

// Other programs ask in Dovecot's protocol.
func TestDovecotProtocol(t *testing.T) {
	t.Parallel()
	r := newRig(t, "auth_backends = passwd-file:DIR/users", "auth_failure_delay = 0", "auth_mechanisms = plain login scram-sha-256 scram-sha-256-plus external")
	r.file("users", accounts)
	path := filepath.Join(r.dir, "socket")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() { defer c.Close(); r.d.converse(ctx, sock.Wrap(c)) })
		}
	})
	t.Cleanup(func() { cancel(); l.Close(); served.Wait() })
	server := dovecotauth.New("unix", path, r.d.log)
	facts := &auth.Facts{Service: "smtp", Client: "192.0.2.10", TLS: &ipc.TLSFacts{Exporter: []byte("x"), CertName: "bob"}}
	if m, err := server.Mechanisms(ctx, facts); err != nil || !slices.Equal(m, []string{"SCRAM-SHA-256", "EXTERNAL", "PLAIN", "LOGIN"}) {
		t.Errorf("got %q, %v", m, err)
	}
	for _, c := range []struct{ mechanism, initial, state string }{
		{"PLAIN", "\x00bob\x00ginger", ipc.AuthOK},
		{"PLAIN", "\x00bob\x00wrong", ipc.AuthFailed},
		{"PLAIN", "\x00off\x00ginger", ipc.AuthFailed},
		{"PLAIN", "rubbish", ipc.AuthFailed},
		{"EXTERNAL", "", ipc.AuthOK},
		{"CRAM-MD5", "", ipc.AuthFailed},
	} {
		if _, s := server.Begin(ctx, c.mechanism, []byte(c.initial), facts, nil); s.State != c.state {
			t.Errorf("%s %q: got %+v, want %s", c.mechanism, c.initial, s, c.state)
		}
	}
	x, s := server.Begin(ctx, "LOGIN", nil, facts, nil)
	for _, say := range []string{"bob", "ginger"} {
		if s.State != ipc.AuthGoOn {
			t.Fatalf("LOGIN: got %+v", s)
		}
		s = x.Next(ctx, []byte(say))
	}
	if s.State != ipc.AuthOK || s.User != "bob" {
		t.Errorf("LOGIN: got %+v", s)
	}
	if strings.Contains(r.log(), "ginger") {
		t.Errorf("the log has a password:\n%s", r.log())
	}
}
