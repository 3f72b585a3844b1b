package table

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
)

// An oracle is authd's side of the conversation, in a queue directory of its own.
type oracle struct {
	t     *testing.T
	dir   string
	site  Option
	asked atomic.Int32
	l     *net.UnixListener
	mu    sync.Mutex // guards conns
	conns []*fdpass.Conn
}

func newOracle(t *testing.T) *oracle {
	t.Helper()
	dir, err := os.MkdirTemp("", "t") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	o := &oracle{t: t, dir: dir}
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte("queue_directory = "+dir+"\nvirtual_mailbox_base = /var/vmail/\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "public"), 0o700); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	o.site = Site(c)
	return o
}

func (o *oracle) listen() {
	o.t.Helper()
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: filepath.Join(o.dir, "public/authd"), Net: "unixpacket"})
	if err != nil {
		o.t.Fatal(err)
	}
	o.l = l
	o.t.Cleanup(o.stop)
	go func() {
		for {
			u, err := l.AcceptUnix()
			if err != nil {
				return
			}
			c := fdpass.New(u)
			o.mu.Lock()
			o.conns = append(o.conns, c)
			o.mu.Unlock()
			go o.serve(c)
		}
	}()
}

func (o *oracle) stop() {
	o.l.Close()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range o.conns {
		c.Close()
	}
	o.conns = nil
}

func (o *oracle) serve(c *fdpass.Conn) {
	var hello ipc.Hello
	if _, err := c.Recv(&hello); err != nil || hello.Role != ipc.RoleUser || hello.Version != ipc.UserVersion {
		o.t.Errorf("hello: %+v, %v", hello, err)
		return
	}
	for {
		var q ipc.UserRequest
		if _, err := c.Recv(&q); err != nil {
			return
		}
		o.asked.Add(1)
		r := ipc.UserReply{ID: q.ID}
		switch q.User {
		case "ann@v.example":
			r.Account = &ipc.Account{User: "ann@v.example", UID: 5000, GID: 5001, Base: "/var/vmail", Mailbox: "v.example/ann/Maildir", Quota: "*:storage=1G"}
		case "far@v.example":
			r.Account = &ipc.Account{User: "far@v.example", Base: "/srv", Mailbox: "far"}
		case "ben":
			r.Account = &ipc.Account{User: "ben", UID: 1000, GID: 1000, Base: "/home/ben", Mailbox: "Maildir/"}
		case "ann@bücher.example":
			r.Account = &ipc.Account{User: "ann@bücher.example", UID: 5002}
		case "@v.example":
			r.Domain = true
		case "bad@v.example":
			r.Error = "cannot tell"
		case "end@v.example":
			c.Close()
			return
		}
		c.Send(r)
	}
}

func TestUserdb(t *testing.T) {
	t.Parallel()
	o := newOracle(t)
	o.listen()
	for _, c := range []struct{ field, key, want string }{
		{"mailbox", "ann@v.example", "v.example/ann/Maildir/"},
		{"mailbox", "Ann@V.example", "v.example/ann/Maildir/"},
		{"uid", "ann@v.example", "5000"},
		{"uid", "ann@xn--bcher-kva.example", "5002"},
		{"uid", "ben@xn--bcher-kva.example", ""},
		{"gid", "ann@v.example", "5001"},
		{"quota", "ann@v.example", "*:storage=1G"},
		{"quota", "far@v.example", ""}, // none
		{"user", "ann@v.example", "ann@v.example"},
		{"user", "ben", "ben"},
		{"user", "v.example", ""},
		{"mailbox", "zoe@v.example", ""},
		{"mailbox", "@v.example", ""},
		{"mailbox", "", ""},
		{"mailbox", "v.example", "v.example"}, // virtual_mailbox_domains = $virtual_mailbox_maps
		{"mailbox", "ben", ""},
		{"domain", "V.example", "v.example"},
		{"domain", "w.example", ""},
		{"domain", "ann@v.example", ""},
	} {
		tab, err := Open("userdb:"+c.field, o.site)
		if err != nil {
			t.Fatal(err)
		}
		got, found, err := tab.Lookup(c.key)
		if err != nil || got != c.want && found || found != (c.want != "") {
			t.Errorf("userdb:%s, %q: got %q, %t, %v, want %q", c.field, c.key, got, found, err, c.want)
		}
	}
	tab, err := Open("userdb:mailbox", o.site)
	if err != nil {
		t.Fatal(err)
	}
	for key, say := range map[string]string{
		"far@v.example": "virtual_mailbox_base", "bad@v.example": "cannot tell", "end@v.example": "has ended",
	} {
		if _, found, err := tab.Lookup(key); err == nil || found || !strings.Contains(err.Error(), say) {
			t.Errorf("%s: got %t, %v, want an error with %q", key, found, err, say)
		}
	}
	if _, err := Open("userdb:password"); err == nil {
		t.Error("userdb:password can be opened")
	}
	tab, err = Open("userdb:uid")
	if err == nil {
		_, _, err = tab.Lookup("ann@v.example")
	}
	if err == nil {
		t.Error("a table that nobody answers answers")
	}
}

// No authd is a temporary error; one that comes, or comes again, answers at
// once: that there is none of a name is never remembered.
func TestUserdbWithoutAuthd(t *testing.T) {
	t.Parallel()
	o := newOracle(t)
	tab, err := Open("userdb:uid", o.site)
	if err != nil {
		t.Fatal(err)
	}
	if _, found, err := tab.Lookup("ann@v.example"); err == nil || found {
		t.Errorf("without authd: got %t, %v", found, err)
	}
	for range 3 {
		o.listen()
		if _, found, err := tab.Lookup("ann@v.example"); err != nil || !found {
			t.Errorf("with authd: got %t, %v", found, err)
		}
		if _, found, err := tab.Lookup("zoe@v.example"); err != nil || found {
			t.Errorf("with authd: got %t, %v", found, err)
		}
		o.stop()
		if _, _, err := tab.Lookup("zoe@v.example"); err == nil {
			t.Error("an unknown user is remembered")
		}
	}
}

// Many ask at once on one connection, and each gets her own answer.
func TestUserdbTogether(t *testing.T) {
	t.Parallel()
	o := newOracle(t)
	o.listen()
	var wg sync.WaitGroup
	var wrong error
	var mu sync.Mutex
	for i := range 200 {
		key, want := "ann@v.example", true
		if i%2 == 1 {
			key, want = "zoe@v.example", false
		}
		wg.Go(func() {
			tab, err := Open("userdb:uid", o.site)
			found := false
			if err == nil {
				_, found, err = tab.Lookup(key)
			}
			if err != nil || found != want {
				mu.Lock()
				wrong = errors.Join(err, errors.New(key))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if wrong != nil {
		t.Error(wrong)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.conns) != 1 {
		t.Errorf("%d connections, want 1", len(o.conns))
	}
}

// An authd that does not answer holds up one question, not each one after it.
func TestUserdbSilent(t *testing.T) {
	t.Parallel()
	a := &authd{}
	if got := a.patience(); got != answerTime {
		t.Errorf("at first: %v, want %v", got, answerTime)
	}
	a.note(errSilent)
	if _, err := a.user("ann@v.example"); !errors.Is(err, errSilent) {
		t.Errorf("got %v, want %v at once", err, errSilent)
	}
	a.silent = time.Now().Add(-2 * silentTime)
	if got := a.patience(); got != shorterTime {
		t.Errorf("later: %v, want %v", got, shorterTime)
	}
	a.note(nil)
	if got := a.patience(); got != answerTime {
		t.Errorf("after an answer: %v, want %v", got, answerTime)
	}
}

// An authd that does not even read keeps nobody for longer.
func TestUserdbStopped(t *testing.T) {
	t.Parallel()
	ours, theirs, err := fdpass.Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	c := &talk{conn: ours, waiting: map[uint64]chan ipc.UserReply{}}
	c.quiet = time.AfterFunc(time.Hour, func() {})
	go c.receive()
	var wg sync.WaitGroup
	for range 2000 { // more than the socket holds
		wg.Go(func() {
			if _, err := c.ask("ann@v.example", 100*time.Millisecond); err == nil {
				t.Error("an answer of nobody's")
			}
		})
	}
	wg.Wait()
}
