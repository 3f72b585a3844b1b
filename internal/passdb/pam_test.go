package passdb

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
)

// servePAM is pamd, which answers with the user's name where that is a result,
// and knows everybody but "stranger".
func servePAM(t *testing.T, r *rig) {
	t.Helper()
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: filepath.Join(r.dir, "q", "public", "pamd"), Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			u, err := l.AcceptUnix()
			if err != nil {
				return
			}
			go func() {
				defer u.Close()
				c := fdpass.New(u)
				var hello ipc.Hello
				if _, err := c.Recv(&hello); err != nil {
					return
				}
				for answerPAM(c, hello.Role) == nil {
				}
			}()
		}
	}()
}

func answerPAM(c *fdpass.Conn, role string) error {
	if role == ipc.RoleNSS {
		var q ipc.NSSRequest
		if _, err := c.Recv(&q); err != nil {
			return err
		}
		switch q.User {
		case "stranger":
			return c.Send(ipc.NSSReply{})
		case "lost":
			return c.Send(ipc.NSSReply{Error: "SSSD sleeps"})
		}
		return c.Send(ipc.NSSReply{User: &ipc.NSSUser{Name: q.User, UID: 1001, GID: 1002, Home: "/home/" + q.User, Groups: []uint32{1002, 10}}})
	}
	var q ipc.PAMRequest
	if _, err := c.Recv(&q); err != nil {
		return err
	}
	a := ipc.PAMReply{Result: q.User}
	switch {
	case q.Service != "imap" || q.Client != "192.0.2.1":
		a = ipc.PAMReply{Result: ipc.PAMTempFail, Error: "asked wrongly"}
	case q.User == "hangup":
		return errors.New("as asked")
	case q.User == "ann", q.User == "stranger", q.User == "lost":
		a = ipc.PAMReply{Result: ipc.PAMMismatch}
		if string(q.Password) == "secret" {
			a = ipc.PAMReply{Result: ipc.PAMOK, User: q.User}
		}
	}
	return c.Send(a)
}

// pamRig has a pamd program, or not.
func pamRig(t *testing.T, backends string, installed bool) *rig {
	t.Helper()
	dir := t.TempDir()
	if installed {
		if err := os.WriteFile(filepath.Join(dir, "pamd"), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r := newRig(t, backends, nil, "daemon_directory = "+dir, "queue_directory = DIR/q")
	if err := os.MkdirAll(filepath.Join(r.dir, "q", "public"), 0o755); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPAM(t *testing.T) {
	t.Parallel()
	r := pamRig(t, "pam:*", true)
	if err := r.verify("ann", "secret", "192.0.2.1"); err == nil || isFinal(err) {
		t.Errorf("while pamd is not there: %v", err)
	}
	servePAM(t, r)
	temporary := errors.New("temporary")
	for _, c := range []struct {
		user, password string
		want           error
	}{
		{"ann", "secret", nil},
		{"Ann", "secret", nil},
		{"ann", "wrong", ErrMismatch},
		{"ann", "", ErrMismatch},
		{"ann", strings.Repeat("x", maxSecret+1), ErrMismatch},
		{"stranger", "secret", nil}, // known to PAM alone
		{"lost", "secret", temporary},
		{"hangup", "secret", temporary},
		{"a:b", "secret", ErrUnknown},
		{ipc.PAMUnknown, "secret", ErrUnknown},
		{ipc.PAMExpired, "secret", ErrExpired},
		{ipc.PAMDisabled, "secret", ErrDisabled},
		{ipc.PAMTempFail, "secret", temporary},
		{"something-else", "secret", temporary},
	} {
		err := r.verify(c.user, c.password, "192.0.2.1")
		if c.want == temporary && (err == nil || isFinal(err)) || c.want != temporary && !errors.Is(err, c.want) {
			t.Errorf("%s, %.10q: got %v, want %v", c.user, c.password, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error has the password: %v", err)
		}
	}
	c, err := r.l.Lookup(t.Context(), "Ann")
	if err != nil || c.User != "ann" || c.Hash != "" || c.Account.UID != 1001 || c.Account.Base != "/home/ann" || len(c.Account.Groups) != 2 {
		t.Errorf("ann: %+v, %v", c, err)
	}
	if _, err := r.l.Lookup(t.Context(), "stranger"); !errors.Is(err, ErrUnknown) {
		t.Errorf("a stranger: %v", err)
	}
	if _, err := r.l.Lookup(t.Context(), "lost"); err == nil || isFinal(err) {
		t.Errorf("while SSSD sleeps: %v", err)
	}
	if c, _, err := r.l.Verify(t.Context(), r.h, "stranger", "secret", &ipc.AuthFacts{Service: "imap", Client: "192.0.2.1"}); err != nil || c.NoAccount == nil || c.Account.UID != -1 {
		t.Errorf("known to PAM alone: %+v, %v", c, err)
	}
}

// Without pamd nobody is known, and nobody is unknown.
func TestPAMNotInstalled(t *testing.T) {
	t.Parallel()
	r := pamRig(t, "pam", false)
	if err := r.verify("ann", "secret", "192.0.2.1"); err == nil || isFinal(err) || !strings.Contains(err.Error(), "is not installed") {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(r.log(), "is not installed, and nobody can log in by PAM") {
		t.Errorf("log: %s", r.log())
	}
}

func isFinal(err error) bool {
	return errors.Is(err, ErrUnknown) || errors.Is(err, ErrMismatch) || errors.Is(err, ErrExpired) || errors.Is(err, ErrDisabled)
}
