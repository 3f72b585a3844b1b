package authd

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"yubin/internal/auth"
	"yubin/internal/config"
	"yubin/internal/dovecotauth"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/sock"
)

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
	d.patience = 3 * time.Second // enough to say so, on a busy machine
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
