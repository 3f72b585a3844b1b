package authd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/sasl"
)

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
			if n := d.open(t); n != len(files) {
				t.Fatalf("%d descriptors are open, want %d", n, len(files))
			}
			r := d.ask(q, files...)
			synctest.Wait()
			if n := d.open(t); n > 0 {
				t.Errorf("%d descriptors were left open", n)
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
