package smtpc

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/test/peer"
)

// A trial shows what both sides say, without secrets, and sends no message.
func TestTrial(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, offer string
		script      peer.Script
		rcpt        string
		want        string // what is shown, behind the greeting
		fails       bool
	}{
		{name: "PLAIN", offer: "AUTH PLAIN", rcpt: "bob@far.test", want: `C: EHLO mx.own.test
S: 250-peer.test
S: 250 AUTH PLAIN
C: AUTH PLAIN ***
S: 235 2.7.0 Authentication successful
C: MAIL FROM:<ann@own.test>
S: 250 2.1.0 Ok
C: RCPT TO:<bob@far.test>
S: 250 2.1.5 Ok
C: QUIT
`},
		{name: "odd recipient", offer: "AUTH PLAIN", rcpt: "bob smith@far.test", want: `C: EHLO mx.own.test
S: 250-peer.test
S: 250 AUTH PLAIN
C: AUTH PLAIN ***
S: 235 2.7.0 Authentication successful
C: MAIL FROM:<ann@own.test>
S: 250 2.1.0 Ok
C: RCPT TO:<"bob smith"@far.test>
S: 250 2.1.5 Ok
C: QUIT
`},
		{name: "LOGIN", offer: "AUTH LOGIN", want: `C: EHLO mx.own.test
S: 250-peer.test
S: 250 AUTH LOGIN
C: AUTH LOGIN
S: 334 VXNlcm5hbWU6
C: ***
S: 334 UGFzc3dvcmQ6
C: ***
S: 235 2.7.0 Authentication successful
C: QUIT
`},
		{name: "refused", offer: "AUTH PLAIN", rcpt: "bob@far.test", script: peer.Script{"RCPT": "550 5.7.1 no"}, want: `C: EHLO mx.own.test
S: 250-peer.test
S: 250 AUTH PLAIN
C: AUTH PLAIN ***
S: 235 2.7.0 Authentication successful
C: MAIL FROM:<ann@own.test>
S: 250 2.1.0 Ok
C: RCPT TO:<bob@far.test>
S: 550 5.7.1 no
C: QUIT
-- host 127.0.0.1[127.0.0.1] said: 550 5.7.1 no
`, fails: true},
	} {
		p := peer.Start(t, peer.Options{Ehlo: []string{c.offer}, Auth: peer.Password("ann", secret), Script: c.script})
		r := authRig(t, knows("ann", secret), "smtp_skip_quit_response = yes")
		var out strings.Builder
		try := &trial{nexthop: fmt.Sprintf("[127.0.0.1]:%d", p.Port()), sender: "ann@own.test", recipient: c.rcpt, out: &out}
		err := try.with(t.Context(), r.d)
		head := fmt.Sprintf("-- connecting to 127.0.0.1[127.0.0.1]:%d\nS: 220 peer.test ESMTP\n", p.Port())
		if out.String() != head+c.want || (err != nil) != c.fails {
			t.Errorf("%s: got %v\n%s\nwant\n%s", c.name, err, out.String(), head+c.want)
		}
		leak(t, out.String())
		if len(p.Messages()) > 0 {
			t.Errorf("%s: a message was sent", c.name)
		}
	}
}

// A line end in an address would be a command.
func TestTrialOfABadAddress(t *testing.T) {
	t.Parallel()
	try := &trial{nexthop: "[127.0.0.1]", recipient: "bob@far.test>\r\nDATA"}
	if err := try.run(context.Background(), &cli.Env{Config: &config.Config{}}, false); err == nil {
		t.Error("it was taken")
	}
}
