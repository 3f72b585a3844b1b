package smtpc

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/service"
	"yubin/test/dns"
)

// A rig is an agent and the qmgr that asks it.
type rig struct {
	t      testing.TB
	d      *deliverer
	qmgr   *fdpass.Conn
	file   string              // of the log
	files  map[string]*os.File // by content
	n      uint64
	lmtp   bool
	attrs  map[string]string
	sender string
	flags  uint32
}

// options of a rig.
type rigOptions struct {
	main []string
	lmtp bool
	dns  *dns.Server
	ctx  context.Context // of the process; nil: the test's
	// setup changes the agent before it is asked anything.
	setup func(*deliverer)
}

// hasty are the time-outs for a server that keeps a client waiting for one of them. The
// steps before it, too, have to be made in that time.
var hasty = []string{
	"smtp_helo_timeout = 3s", "smtp_mail_timeout = 3s", "smtp_rcpt_timeout = 3s", "smtp_data_init_timeout = 3s", "smtp_data_done_timeout = 3s",
	"smtp_quit_timeout = 3s",
}

func newRig(t testing.TB, o rigOptions) *rig {
	t.Helper()
	dir := t.TempDir()
	main := append([]string{
		"myhostname = mx.own.test", "inet_interfaces = 127.0.0.99", "queue_directory = " + dir, "data_directory = " + dir,
		"inet_protocols = ipv4",
	}, o.main...)
	if o.dns != nil {
		main = append(main, "resolver_addresses = "+o.dns.Addr(), "resolver_timeout = 10s", "resolver_cache_size = 0")
	}
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte(strings.Join(main, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(dir, nil)
	if err == nil {
		err = c.Check(Command.Params)
	}
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "log")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	log, err := maillog.Open(maillog.Options{Tag: "postfix/smtp", File: f})
	if err != nil {
		t.Fatal(err)
	}
	d, err := newDeliverer(&service.Service{Config: c, Log: log, MaxConns: 20}, o.lmtp)
	if err != nil {
		t.Fatal(err)
	}
	if o.setup != nil {
		o.setup(d)
	}
	ours, theirs, err := fdpass.Pair()
	if err != nil {
		t.Fatal(err)
	}
	if o.ctx == nil {
		o.ctx = t.Context()
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		d.serve(o.ctx, theirs.Unix())
	}()
	r := &rig{t: t, d: d, qmgr: ours, file: name, lmtp: o.lmtp, files: map[string]*os.File{}}
	t.Cleanup(func() {
		ours.Close()
		<-served
		d.pool.close()
		log.Close()
		if t.Failed() {
			t.Logf("log:\n%s", r.log())
		}
	})
	return r
}

func (r *rig) log() string {
	b, err := os.ReadFile(r.file)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

// request sends a request and does not wait.
func (r *rig) request(nexthop, content string, rcpt ...string) {
	r.t.Helper()
	var rs []ipc.Recipient
	for i, a := range rcpt {
		rs = append(rs, ipc.Recipient{Index: i, Address: a})
	}
	r.send(nexthop, content, rs)
}

func (r *rig) send(nexthop, content string, rcpt []ipc.Recipient) {
	r.t.Helper()
	f := r.files[content]
	if f == nil {
		var err error
		if f, err = os.CreateTemp(r.t.TempDir(), ""); err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(func() { f.Close() })
		if _, err := f.WriteString("HEAD" + content + "tail of an earlier message"); err != nil {
			r.t.Fatal(err)
		}
		r.files[content] = f
	}
	r.n++
	req := ipc.Request{
		N: r.n, ID: fmt.Sprintf("A%d", r.n), Transport: "smtp", Nexthop: nexthop,
		Sender: cmp.Or(r.sender, "ann@own.test"), Offset: 4, Length: int64(len(content)), Attrs: r.attrs, Flags: r.flags,
		Recipients: rcpt,
	}
	if r.lmtp {
		req.Transport = "lmtp"
	}
	r.sendRequest(req, f)
}

func (r *rig) sendRequest(req ipc.Request, f *os.File) {
	r.t.Helper()
	if err := r.qmgr.Send(&ipc.RequestPacket{Version: ipc.DeliverVersion, Requests: []ipc.Request{req}}, f); err != nil {
		r.t.Fatal(err)
	}
}

// replies collects n results, of any requests.
func (r *rig) replies(n int) []ipc.Result {
	r.t.Helper()
	var results []ipc.Result
	r.qmgr.Unix().SetDeadline(time.Now().Add(30 * time.Second))
	for len(results) < n {
		var p ipc.ReplyPacket
		if _, err := r.qmgr.Recv(&p); err != nil {
			r.t.Fatalf("after %d of %d results: %v", len(results), n, err)
		}
		for _, reply := range p.Replies {
			if len(reply.Results) == 0 {
				r.t.Fatal("a reply without results")
			}
			results = append(results, reply.Results...)
		}
	}
	slices.SortStableFunc(results, func(a, b ipc.Result) int { return cmp.Compare(a.Index, b.Index) })
	return results
}

// deliver sends a request and waits for its results.
func (r *rig) deliver(nexthop, content string, rcpt ...string) []ipc.Result {
	r.t.Helper()
	r.request(nexthop, content, rcpt...)
	return r.replies(len(rcpt))
}

// say is a result on one line: "sent 2.0.0 text".
func say(r ipc.Result) string { return r.Status + " " + r.Code + " " + r.Text }

// matches tells whether a text is as a pattern with "*" for anything has it.
func matches(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	for i, p := range parts[1:] {
		if i == len(parts)-2 && p == "" {
			return true
		}
		k := strings.Index(text, p)
		if i == len(parts)-2 {
			k = strings.LastIndex(text, p)
		}
		if k < 0 {
			return false
		}
		text = text[k+len(p):]
	}
	return text == ""
}

func mustAddr(s string) netip.Addr {
	a, err := netip.ParseAddr(s)
	if err != nil {
		panic(err)
	}
	return a
}
