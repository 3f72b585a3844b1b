package authd

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/passdb"
	"yubin/internal/sasl"
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

// open is how many of the descriptors that files has made are open. Their numbers
// may be another test's by now.
func (d *desk) open(t *testing.T) (n int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && to == filepath.Join(d.dir, "fd") {
			n++
		}
	}
	return n
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
