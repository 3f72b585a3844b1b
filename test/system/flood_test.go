package system

import (
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/test/instance"
)

// wrongAtOnce is how many wrong logins come at once, of one address.
const wrongAtOnce = 10000

// flood has authd asked for as many logins, as smtpd asks, and counts answers:
// those to passwords that were looked at, and all.
func flood(d *desk, client string) (checked, answered *atomic.Int64) {
	d.T.Helper()
	c, err := fdpass.Dial(d.Path("queue", "public", "authd"))
	if err != nil {
		d.T.Fatal(err)
	}
	d.T.Cleanup(func() { c.Close() })
	if err := c.Send(ipc.Hello{Version: ipc.AuthVersion, Role: ipc.RoleAuth, Program: "smtpd"}); err != nil {
		d.T.Fatal(err)
	}
	checked, answered = new(atomic.Int64), new(atomic.Int64)
	go func() {
		for {
			r := new(ipc.AuthReply)
			if _, err := c.Recv(r); err != nil {
				return
			}
			if r.State == ipc.AuthFailed {
				checked.Add(1)
			}
			answered.Add(1)
		}
	}()
	facts := &ipc.AuthFacts{Service: "smtp", Client: client}
	for i := range wrongAtOnce {
		if err := c.Send(ipc.AuthRequest{
			Op: ipc.AuthBegin, Exchange: uint64(i + 1), Mechanism: "PLAIN", Facts: facts,
			Initial: true, Response: fmt.Appendf(nil, "\x00%s\x00wrong %d", annMail, i),
		}); err != nil {
			d.T.Fatal(err)
		}
	}
	return checked, answered
}

// Ten thousand wrong logins of one address at once, and as many sessions of
// another that try wrong ones as smtpd lets it have, do not hold up who knows the
// password: hundreds of them still wait for their answer when the right login has
// its own. All limits are as shipped.
func TestFloodOfLogins(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "auth_failure_delay = 2s")
	const sessions = 50 // smtpd_client_connection_count_limit
	var waiting []*instance.Session
	for range sessions {
		waiting = append(waiting, d.door("submissions", "127.0.0.66"))
	}
	// The first login starts authd.
	s := d.door("submissions", "127.0.0.67")
	if got := d.login(s, "PLAIN", annMail, annSecret); !strings.HasPrefix(got, "235 ") {
		t.Fatal(got)
	}
	s.Close()
	var replies atomic.Int64
	for i, s := range waiting {
		if err := s.Send("AUTH PLAIN " + base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "\x00%s\x00wrong %d", annMail, i)) + "\r\n"); err != nil {
			t.Fatal(err)
		}
		go func() {
			if _, err := s.Reply(); err == nil {
				replies.Add(1)
			}
		}()
	}
	checked, answered := flood(d, "203.0.113.9")
	for _, from := range []string{"127.0.0.67", "127.0.0.68"} { // known here, and not
		s := d.door("submissions", from)
		if got := d.login(s, "PLAIN", annMail, annSecret); !strings.HasPrefix(got, "235 ") {
			t.Errorf("the right login from %s: %s", from, got)
		}
		s.Close()
	}
	if n := wrongAtOnce - answered.Load(); n < 200 {
		t.Errorf("only %d of %d wrong logins wait still", n, wrongAtOnce)
	}
	if n := checked.Load(); n > 20 {
		t.Errorf("%d wrong passwords were looked at before the right one", n)
	}
	if n := replies.Load(); n > sessions/2 {
		t.Errorf("%d of %d sessions with wrong logins were answered before the right one", n, sessions)
	}
	// All but those that wait their turn are told to come later.
	d.Until("the others are answered", func() bool { return answered.Load() >= wrongAtOnce-300 })
	if n := checked.Load(); n > 40 {
		t.Errorf("%d wrong passwords were looked at", n)
	}
	for _, s := range waiting {
		s.Close()
	}
}
