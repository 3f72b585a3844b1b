package smtpd

import (
	"context"
	"encoding/base64"
	"strings"
	"sync"
	"testing"

	"yubin/internal/auth"
	"yubin/internal/ipc"
)

// A fakeServer knows ann, whose password is secret, and some exchanges that go
// wrong.
type fakeServer struct {
	mechs []string
	err   error

	mu        sync.Mutex // guards what follows
	facts     *auth.Facts
	cancelled int
	open      int
}

func (f *fakeServer) Mechanisms(context.Context, *auth.Facts) ([]string, error) {
	return f.mechs, f.err
}

func (f *fakeServer) Begin(_ context.Context, mechanism string, initial []byte, facts *auth.Facts, _ *auth.Seat) (auth.Exchange, auth.Step) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.facts = facts
	f.open++
	x := &fakeExchange{f: f, mechanism: mechanism}
	step := x.step(initial, initial != nil)
	if step.Final() {
		f.open--
	}
	return x, step
}

type fakeExchange struct {
	f         *fakeServer
	mechanism string
	turn      int
	user      string
}

func (x *fakeExchange) Next(_ context.Context, response []byte) auth.Step {
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	step := x.step(response, true)
	if step.Final() {
		x.f.open--
	}
	return step
}

func (x *fakeExchange) step(response []byte, said bool) auth.Step {
	x.turn++
	goOn := func(text string) auth.Step { return auth.Step{State: ipc.AuthGoOn, Challenge: []byte(text)} }
	switch x.mechanism {
	case "PLAIN":
		if !said {
			return goOn("")
		}
		parts := strings.Split(string(response), "\x00")
		if len(parts) != 3 {
			return auth.Step{State: ipc.AuthFailed, Code: ipc.AuthCodeMalformed, Text: "malformed response"}
		}
		return verify(parts[1], parts[2])
	case "LOGIN":
		switch {
		case !said:
			return goOn("Username:")
		case x.user == "":
			x.user = string(response)
			return goOn("Password:")
		}
		return verify(x.user, string(response))
	case "SCRAM-SHA-256":
		if x.turn == 1 {
			return goOn("r=1")
		}
		return auth.Step{State: ipc.AuthOK, Challenge: []byte("v=1"), User: "ann"}
	case "CRAM-MD5":
		if x.turn < 3 {
			return goOn("more")
		}
	case "X-DOWN":
		return auth.Unavailable()
	case "X-PRIVATE":
		return auth.Step{State: ipc.AuthFailed, Code: ipc.AuthCodePrivacy}
	case "X-GONE":
		return auth.Step{State: ipc.AuthFailed, Code: ipc.AuthCodeUnknown}
	case "X-BUSY":
		return auth.Step{State: ipc.AuthTempFail, Text: "directory\r\nis down"}
	}
	return auth.Step{State: ipc.AuthFailed}
}

func verify(user, password string) auth.Step {
	if user == "ann" && password == "secret" {
		return auth.Step{State: ipc.AuthOK, User: user}
	}
	return auth.Step{State: ipc.AuthFailed, User: user, Code: ipc.AuthCodeFailed, Text: "authentication failure"}
}

func (x *fakeExchange) Cancel() {
	x.f.mu.Lock()
	defer x.f.mu.Unlock()
	x.f.cancelled++
	x.f.open--
}

func (x *fakeExchange) HandOver(context.Context, *auth.Seat) error {
	return auth.ErrUnsupported
}

var allMechs = []string{"SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN", "X-DOWN", "X-PRIVATE", "X-GONE", "X-BUSY"}

// authRig is a rig whose clients may log in.
func authRig(t testing.TB, lines ...string) (*rig, *fakeServer) {
	t.Helper()
	r := newRig(t, append([]string{"smtpd_sasl_auth_enable = yes"}, lines...)...)
	f := &fakeServer{mechs: allMechs}
	r.srv.login.server = f
	return r, f
}

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

var plainAnn = b64("\x00ann\x00secret")
