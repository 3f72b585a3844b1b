package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"yubin/internal/durable"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maildir"
	"yubin/internal/maillog"
)

// pairs is a lookup table; nil is one that cannot be read.
type pairs map[string]string

func (p pairs) Lookup(key string) (string, bool, error) {
	if p == nil {
		return "", false, errors.New("open /etc/secret: permission denied")
	}
	v, ok := p[key]
	return v, ok, nil
}

// names is a list of domains.
type names []string

func (n names) Domain(d string) (bool, error) { return slices.Contains(n, strings.ToLower(d)), nil }

// finder is a transport made of a function.
type finder func(r *ipc.Recipient) (*mailbox, []ipc.Result, error)

func (f finder) find(_ *letter, r *ipc.Recipient) (*action, error) {
	box, results, err := f(r)
	if err != nil {
		return nil, err
	}
	if box == nil {
		return &action{results: results}, nil
	}
	return &action{to: box}, nil
}

// into is the transport whose mailboxes are the local parts, below dir.
func into(dir string) finder {
	return func(r *ipc.Recipient) (*mailbox, []ipc.Result, error) {
		user, _, _ := strings.Cut(r.Address, "@")
		return &mailbox{place: maildir.Place{Base: dir, Path: user + "/Maildir/"}, as: self()}, nil, nil
	}
}

func self() identity { return identity{os.Geteuid(), os.Getegid()} }

// counted counts the calls of a flusher, and may fail some items.
type counted struct {
	calls chan int // gets the number of items of each call
	fail  func(durable.Item) error
}

func (c *counted) FlushAll(items []durable.Item) []error {
	errs := make([]error, len(items))
	for i := range items {
		if c.fail != nil {
			errs[i] = c.fail(items[i])
		}
	}
	c.calls <- len(items)
	return errs
}

// newTestAgent returns an agent and the file that its log goes to.
func newTestAgent(t testing.TB, transports map[string]transport, flush flusher) (*deliverer, string) {
	t.Helper()
	ids, err := newSwitcher(func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	log, err := maillog.Open(maillog.Options{Tag: "postfix/local", File: f})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	boxes := maildir.NewBoxes(64)
	t.Cleanup(boxes.Close)
	return newDeliverer(&deliverer{
		log: log, host: "mx.example", transports: transports, ids: ids, boxes: boxes, open: newBudget(1000),
		delivered: map[string]bool{"file": true, "command": true}, sync: func(*os.File) error { return nil }, ending: t.Context(),
		crew: newCrew(runtime.GOMAXPROCS(0), maxWorkers, nil),
	}, flush), file
}

// dial connects a fake queue manager to a.
func dial(t testing.TB, a *deliverer) *fdpass.Conn {
	t.Helper()
	ours, theirs, err := fdpass.Pair()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		defer theirs.Close()
		a.server(map[uint32]bool{uint32(os.Geteuid()): true}).Serve(t.Context(), theirs.Unix())
	}()
	t.Cleanup(func() {
		ours.Close()
		<-served
	})
	return ours
}

const content = "Received: by x\nDelivered-To: ann@mx.example\nSubject: x\n\nbody\n"

// queued returns a queue file that holds text behind some envelope.
func queued(t testing.TB, text string) (f *os.File, offset int64) {
	t.Helper()
	const before = "header and envelope"
	name := filepath.Join(t.TempDir(), "queued")
	if err := os.WriteFile(name, []byte(before+text+"earlier message"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, int64(len(before))
}

// request is for the users of addrs, with a message of text.
func request(t testing.TB, text string, addrs ...string) (*ipc.Request, *os.File) {
	t.Helper()
	f, offset := queued(t, text)
	req := &ipc.Request{
		N: 7, ID: "0A1B2C3D4E5F60", Transport: relayLocal, Sender: "o'hara@example.org",
		Arrival: 1700000000_000000, Offset: offset, Length: int64(len(text)),
	}
	for i, a := range addrs {
		req.Recipients = append(req.Recipients, ipc.Recipient{Index: i, Address: a})
	}
	return req, f
}

// send sends one request in a packet.
func send(c *fdpass.Conn, req *ipc.Request, files ...*os.File) error {
	return c.Send(&ipc.RequestPacket{Version: ipc.DeliverVersion, Requests: []ipc.Request{*req}}, files...)
}

// ask sends req and waits for the results of all its recipients, by index.
func ask(t testing.TB, c *fdpass.Conn, req *ipc.Request, f *os.File) map[int]ipc.Result {
	t.Helper()
	if err := send(c, req, f); err != nil {
		t.Fatal(err)
	}
	results := map[int]ipc.Result{}
	for len(results) < len(req.Recipients) {
		for _, r := range receive(t, c, req.N) {
			results[r.Index] = r
		}
	}
	return results
}

// receive waits for one packet about request n.
func receive(t testing.TB, c *fdpass.Conn, n uint64) []ipc.Result {
	t.Helper()
	var p ipc.ReplyPacket
	if _, err := c.Recv(&p); err != nil {
		t.Fatal(err)
	}
	var results []ipc.Result
	for _, r := range p.Replies {
		if r.N != n {
			t.Fatalf("reply to request %d, want %d", r.N, n)
		}
		results = append(results, r.Results...)
	}
	return results
}

// brief is what tests compare of a result.
func brief(r ipc.Result) string {
	return fmt.Sprintf("%s %s %s", r.Status, r.Code, r.Text)
}

// files lists dir/new as "NAME", and reads nothing.
func files(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "new"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}
