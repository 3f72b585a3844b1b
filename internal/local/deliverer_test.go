package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"yubin/internal/agent"
	"yubin/internal/durable"
	"yubin/internal/ipc"
	"yubin/internal/maildir"
)

// production is the flusher that the program uses.
func production() flusher { return durable.New(durable.Options{}) }

// A delivered file is header lines and content, byte for byte.
func TestDelivery(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, _ := newTestAgent(t, map[string]transport{relayLocal: into(dir)}, production())
	c := dial(t, a)
	req, f := request(t, content, "ann@mx.example", "bob@mx.example")
	req.Recipients[1].Original = "Robert <b>@mx.example"
	req.Sender = "o hara@example.org"
	for i, r := range ask(t, c, req, f) {
		if brief(r) != "sent 2.0.0 delivered to maildir" || r.Relay != "local" || r.Transfer <= 0 {
			t.Errorf("recipient %d: %+v", i, r)
		}
	}
	for user, header := range map[string]string{
		"ann": "Return-Path: <\"o hara\"@example.org>\nX-Original-To: ann@mx.example\nDelivered-To: ann@mx.example\n",
		"bob": "Return-Path: <\"o hara\"@example.org>\nX-Original-To: \"Robert <b>\"@mx.example\nDelivered-To: bob@mx.example\n",
	} {
		box := filepath.Join(dir, user, "Maildir")
		list := files(t, box)
		if len(list) != 1 {
			t.Fatalf("%s: files %q, want one", user, list)
		}
		got, err := os.ReadFile(filepath.Join(box, "new", list[0]))
		if err != nil || string(got) != header+content {
			t.Errorf("%s: %v\n%s\nwant\n%s%s", user, err, got, header, content)
		}
		n := len(header + content)
		name := fmt.Sprintf("1700000000.Q0A1B2C3D4E5F60R%d.mx.example,S=%d,W=%d", map[string]int{"ann": 0, "bob": 1}[user], n, n+strings.Count(header+content, "\n"))
		if list[0] != name {
			t.Errorf("%s: name %s, want %s", user, list[0], name)
		}
	}
}

// Messages that are held in memory and such that are not.
func TestLengths(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, maxHeld - 1, maxHeld, maxHeld + 1, 1 << 20} {
		dir := t.TempDir()
		a, _ := newTestAgent(t, map[string]transport{relayLocal: into(dir)}, production())
		c := dial(t, a)
		text := strings.Repeat("x", n)
		req, f := request(t, text, "ann@mx.example", "bob@mx.example")
		for _, r := range ask(t, c, req, f) {
			if r.Status != ipc.Sent {
				t.Errorf("%d octets: %s", n, brief(r))
			}
		}
		for _, user := range []string{"ann", "bob"} {
			box := filepath.Join(dir, user, "Maildir")
			got, err := os.ReadFile(filepath.Join(box, "new", files(t, box)[0]))
			if err != nil || !strings.HasSuffix(string(got), "Delivered-To: "+user+"@mx.example\n"+text) {
				t.Errorf("%d octets: %s got something else (%v)", n, user, err)
			}
		}
	}
}

// Deliveries that come within the pace share a flush; the first does not wait,
// nor does a pressing one.
func TestFinisher(t *testing.T) {
	t.Parallel()
	a, _ := newTestAgent(t, map[string]transport{relayLocal: into(t.TempDir())}, nil)
	var made []*maildir.Delivery
	for i := range 5 {
		d, err := a.boxes.Deliver(&maildir.Place{Base: t.TempDir(), Path: "m"}, &maildir.Message{Name: fmt.Sprint(i), Content: strings.NewReader("")})
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, d)
	}
	synctest.Test(t, func(t *testing.T) {
		flush := &counted{calls: make(chan int, 10)}
		f := newFinisher(flush, func(*task) []ipc.Result { return nil }, func([]agent.Answered) {})
		start := time.Now()
		f.add(&task{req: new(agent.Request), delivery: made[0]})
		if n, took := <-flush.calls, time.Since(start); n != 1 || took != 0 {
			t.Errorf("the first flush: %d after %v, want 1 at once", n, took)
		}
		for _, d := range made[1:4] {
			f.add(&task{req: new(agent.Request), delivery: d})
		}
		if n, took := <-flush.calls, time.Since(start); n != 3 || took != pace {
			t.Errorf("the second flush: %d after %v, want 3 after %v", n, took, pace)
		}
		f.add(&task{req: &agent.Request{Request: ipc.Request{Pressing: true}}, delivery: made[4]})
		if n, took := <-flush.calls, time.Since(start); n != 1 || took != pace {
			t.Errorf("a pressing one: %d after %v, want 1 at once", n, took)
		}
	})
}

// What failed in the flush is deferred, the rest is sent; nothing is removed
// from new/ by the way.
func TestFailedFlush(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	flush := &counted{calls: make(chan int, 10), fail: func(it durable.Item) error {
		if strings.Contains(it.File.Name(), "bob") {
			return &os.PathError{Op: "fsync", Path: it.File.Name(), Err: syscall.EIO}
		}
		return nil
	}}
	a, log := newTestAgent(t, map[string]transport{relayLocal: into(dir)}, flush)
	c := dial(t, a)
	req, f := request(t, content, "ann@mx.example", "bob@mx.example")
	got := ask(t, c, req, f)
	if brief(got[0]) != "sent 2.0.0 delivered to maildir" || brief(got[1]) != "deferred 4.2.0 cannot write to the mailbox: input/output error" {
		t.Errorf("results: %+v", got)
	}
	if list := files(t, filepath.Join(dir, "bob", "Maildir")); len(list) != 1 {
		t.Errorf("bob's new/: %q", list)
	}
	b, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(b), "warning: "+req.ID+": to=<bob@mx.example>: ") || !strings.Contains(string(b), "fsync") {
		t.Errorf("log: %s (%v)", b, err)
	}
}

// A request marked unsure delivers what is not there, and only that.
func TestUnsureRequest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, _ := newTestAgent(t, map[string]transport{relayLocal: into(dir)}, production())
	c := dial(t, a)
	req, f := request(t, content, "ann@mx.example")
	ask(t, c, req, f)
	box := filepath.Join(dir, "ann", "Maildir")
	name := files(t, box)[0]
	if err := os.Rename(filepath.Join(box, "new", name), filepath.Join(box, "cur", name+":2,S")); err != nil {
		t.Fatal(err)
	}
	req.Unsure = true
	req.Recipients = append(req.Recipients, ipc.Recipient{Index: 1, Address: "bob@mx.example"})
	for _, r := range ask(t, c, req, f) {
		if r.Status != ipc.Sent {
			t.Errorf("%+v", r)
		}
	}
	if list := files(t, box); len(list) != 0 {
		t.Errorf("ann got a second copy: %q", list)
	}
	if list := files(t, filepath.Join(dir, "bob", "Maildir")); len(list) != 1 {
		t.Errorf("bob's new/: %q", list)
	}
}

// Requests that cannot be carried out are answered for every recipient.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	a, _ := newTestAgent(t, map[string]transport{relayLocal: into(t.TempDir())}, production())
	c := dial(t, a)
	for want, change := range map[string]func(*ipc.Request){
		`deferred 4.3.5 local(8) does not serve the transport "uucp"`: func(r *ipc.Request) { r.Transport = "uucp" },
		"deferred 4.3.0 the message could not be read from the queue": func(r *ipc.Request) { r.Length = 1000 },
		"deferred 4.3.0 delivery request without a message":           func(r *ipc.Request) { r.Offset = -1 },
	} {
		req, f := request(t, content, "ann@mx.example", "bob@mx.example")
		change(req)
		for _, r := range ask(t, c, req, f) {
			if brief(r) != want {
				t.Errorf("got %s, want %s", brief(r), want)
			}
		}
	}
	req, _ := request(t, content, "ann@mx.example")
	if err := send(c, req); err != nil {
		t.Fatal(err)
	}
	if got := brief(receive(t, c, req.N)[0]); got != "deferred 4.3.0 delivery request without a message" {
		t.Errorf("no descriptor: %s", got)
	}
}

// A mailbox that hangs does not hold back the others of its request.
func TestHang(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	release := make(chan struct{})
	a, _ := newTestAgent(t, map[string]transport{relayLocal: finder(func(r *ipc.Recipient) (*mailbox, []ipc.Result, error) {
		if r.Index == 1 {
			<-release
		}
		return into(dir)(r)
	})}, production())
	c := dial(t, a)
	req, f := request(t, content, "ann@mx.example", "hung@mx.example", "bob@mx.example")
	if err := send(c, req, f); err != nil {
		t.Fatal(err)
	}
	for early := 0; early < 2; {
		for _, r := range receive(t, c, req.N) {
			if r.Index == 1 {
				t.Fatal("the hung mailbox came first")
			}
			early++
		}
	}
	close(release)
	if r := receive(t, c, req.N); len(r) != 1 || r[0].Index != 1 || r[0].Status != ipc.Sent {
		t.Errorf("the last reply: %+v", r)
	}
}

// Many requests at once on several connections, with few descriptors.
func TestManyRequests(t *testing.T) {
	t.Parallel()
	const clients, requests, users = 3, 20, 10
	dir := t.TempDir()
	a, _ := newTestAgent(t, map[string]transport{relayLocal: into(dir)}, production())
	a.open = newBudget(2 * (filesPerRequest + users*filesPerRecipient))
	var addrs []string
	for i := range users {
		addrs = append(addrs, fmt.Sprintf("u%d@mx.example", i))
	}
	var wg sync.WaitGroup
	for client := range clients {
		c := dial(t, a)
		template, f := request(t, content, addrs...)
		wg.Go(func() {
			for i := range requests {
				req := *template
				req.N, req.ID = uint64(i), fmt.Sprintf("%012X%02X", client, i)
				if err := send(c, &req, f); err != nil {
					t.Error(err)
					return
				}
			}
		})
		wg.Go(func() {
			for got := 0; got < requests*users; {
				var p ipc.ReplyPacket
				if _, err := c.Recv(&p); err != nil {
					t.Error(err)
					return
				}
				for _, reply := range p.Replies {
					for _, r := range reply.Results {
						if r.Status != ipc.Sent {
							t.Errorf("%+v", r)
						}
					}
					got += len(reply.Results)
				}
			}
		})
	}
	wg.Wait()
	for i := range users {
		if list := files(t, filepath.Join(dir, fmt.Sprintf("u%d", i), "Maildir")); len(list) != clients*requests {
			t.Errorf("u%d has %d messages, want %d", i, len(list), clients*requests)
		}
	}
	a.open.take(a.open.total) // waits for ever if a descriptor was lost
}

// A queue manager that dies leaves work that is finished, and no more.
func TestClientDies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	begun, release := make(chan struct{}), make(chan struct{})
	a, _ := newTestAgent(t, map[string]transport{relayLocal: finder(func(r *ipc.Recipient) (*mailbox, []ipc.Result, error) {
		close(begun)
		<-release
		return into(dir)(r)
	})}, production())
	t.Cleanup(func() { // after the connection's end, which dial waits for
		if list := files(t, filepath.Join(dir, "ann", "Maildir")); len(list) != 1 {
			t.Errorf("new/: %q, want the delivery finished", list)
		}
	})
	c := dial(t, a)
	req, f := request(t, content, "ann@mx.example")
	if err := send(c, req, f); err != nil {
		t.Fatal(err)
	}
	<-begun
	c.Close()
	close(release)
}

func TestBudget(t *testing.T) {
	t.Parallel()
	b := newBudget(10)
	if n := b.take(100); n != 10 {
		t.Errorf("took %d of 10", n)
	}
	done := make(chan struct{})
	go func() { b.take(4); close(done) }()
	b.give(10)
	<-done
	if b.free != 6 {
		t.Errorf("free: %d, want 6", b.free)
	}
	for limit, want := range map[uint64]int{64: filesPerRequest + filesPerRecipient, 1024: 1024 - 64 - 400 - 4*64, 1 << 60: 1<<20 - 464 - 4*256} {
		if n := descriptorBudget(limit, 100); n != want {
			t.Errorf("of %d descriptors %d, want %d", limit, n, want)
		}
	}
}

// IDs that the kernel would take for "leave as it is" are refused by everybody.
func TestIdentityRange(t *testing.T) {
	t.Parallel()
	s, err := newSwitcher(func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []identity{{-1, 0}, {0, -1}, {1<<32 - 1, 0}, {0, 1<<32 - 1}, {1 << 32, 0}} {
		if err := s.do(id, func() error { t.Errorf("worked as %v", id); return nil }); err == nil {
			t.Errorf("%v was taken", id)
		}
	}
}

// Without root, only the own user's mailboxes can be written.
func TestNotRoot(t *testing.T) {
	t.Parallel()
	s := &switcher{own: identity{1000, 1000}}
	called := 0
	work := func() error { called++; return nil }
	if err := s.do(identity{1000, 5}, work); err != nil || called != 1 {
		t.Errorf("own mailbox: %v", err)
	}
	if err := s.do(identity{1001, 1000}, work); !errors.Is(err, errNotRoot) || called != 1 {
		t.Errorf("another's mailbox: %v", err)
	}
}
