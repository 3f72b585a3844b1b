package qmgr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yubin/internal/config"
	"yubin/internal/durable"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/queue"
	"yubin/internal/rewrite"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

// A rig is a queue manager on a directory of its own, with an agent and a writer
// played by the test, over real sockets.
type rig struct {
	t     testing.TB
	dir   string
	s     *scheduler
	store *queue.Store
	users *users
	log   string // file

	machine *machine // of a crash test
	opts    queue.Options
	flush   durable.Options
	params  func(*params)
	resolve resolver
	rewrite *rewrite.Rewriter
	// deliver answers a delivery request; nil drops the connection.
	deliver func(r *ipc.Request, content string) *ipc.Reply
	missing map[string]bool // transports without agent

	mu        sync.Mutex // guards delivered
	delivered map[string][]string
	news      chan struct{} // something was delivered

	open   []*fdpass.Conn // the test's ends, guarded by mu
	agents []*fdpass.Conn // the ends of agents, guarded by mu
	conns  sync.WaitGroup
}

func newRig(t testing.TB) *rig {
	dir := t.TempDir()
	return &rig{
		t: t, dir: filepath.Join(dir, "queue"), log: filepath.Join(dir, "log"),
		delivered: map[string][]string{}, news: make(chan struct{}, 1),
		resolve: func(a, _ string) (destination, error) {
			return destination{transport: "local", nexthop: "here", address: a, mailbox: a}, nil
		},
		deliver: deliverAll, rewrite: rewriterOf(t, ""),
	}
}

// rewriterOf is what the lines of a main.cf do to addresses.
func rewriterOf(t testing.TB, main string) *rewrite.Rewriter {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte("myhostname = mx.test\nmydestination = mx.test\n"+main), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(dir, nil)
	if err == nil {
		err = c.Check(rewrite.Params())
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := rewrite.New(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func deliverAll(r *ipc.Request, _ string) *ipc.Reply {
	p := &ipc.Reply{N: r.N}
	for _, rc := range r.Recipients {
		p.Results = append(p.Results, ipc.Result{Index: rc.Index, Status: ipc.Sent, Code: "2.0.0", Text: "delivered to maildir", Relay: "local"})
	}
	return p
}

// answer changes how agents answer from now on.
func (r *rig) answer(deliver func(*ipc.Request, string) *ipc.Reply) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deliver = deliver
}

// outcomes answers each recipient by its address.
func outcomes(by map[string]ipc.Result) func(*ipc.Request, string) *ipc.Reply {
	return func(r *ipc.Request, content string) *ipc.Reply {
		p := deliverAll(r, content)
		for i, rc := range r.Recipients {
			if res, ok := by[rc.Address]; ok {
				res.Index = rc.Index
				p.Results[i] = res
			}
		}
		return p
	}
}

func testParams(dir string) *params {
	return &params{
		hostname: "mx.example", mailName: "Yubin", incoming: 20000, active: 20000, recipients: 20000, shelf: 1 << 20, window: 64, slow: 500,
		limits: map[string]limits{}, limitsOf: testLimits, minimal: time.Hour, maximal: 2 * time.Hour,
		lifetime: 24 * time.Hour, bounceLifetime: 24 * time.Hour, transportRetry: time.Minute, queueRun: time.Minute,
		deferred: map[string]bool{}, bounceSize: 50000, dir: dir,
	}
}

// testLimits are the defaults.
func testLimits(string) limits {
	one := config.FeedbackRule{Number: 1}
	return limits{concurrency: 20, initial: 5, perRequest: 50, positive: one, negative: one, cohorts: 1}
}

// start starts the queue manager; it can be started again after stop.
func (r *rig) start() {
	r.t.Helper()
	if err := queue.Prepare(r.dir, queue.PrepareOptions{UID: os.Geteuid(), GID: os.Getegid()}); err != nil {
		r.t.Fatal(err)
	}
	r.opts.Changed = func(id string) { r.s.shelf.forget(id) }
	store, err := queue.Open(r.dir, r.opts)
	if err != nil {
		r.t.Fatal(err)
	}
	f, err := os.OpenFile(r.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	log, err := maillog.Open(maillog.Options{Tag: "postfix/qmgr", File: f})
	if err != nil {
		r.t.Fatal(err)
	}
	p := testParams(r.dir)
	if r.params != nil {
		r.params(p)
	}
	r.store, r.s = store, newScheduler(p, store, log, 0)
	r.s.flusher = durable.New(r.flush)
	r.s.resolve, r.s.rewrite, r.s.dial = r.resolve, r.rewrite, r.dial
	r.users = &users{owner: map[int]bool{os.Geteuid(): true}, smtpd: -1}
	if err := r.s.recover(); err != nil {
		r.t.Fatal(err)
	}
	go r.s.run()
}

func (r *rig) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r.s.stop(ctx)
	r.conns.Wait()
	r.store.Close()
}

func (r *rig) dial(transport string) (link, error) {
	r.mu.Lock()
	missing := r.missing[transport]
	r.mu.Unlock()
	if missing {
		return nil, &fs.PathError{Op: "dial", Path: transport, Err: fs.ErrNotExist}
	}
	a, b, err := fdpass.Pair()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.agents = append(r.agents, b)
	r.mu.Unlock()
	r.conns.Go(func() { r.agent(b) })
	return a, nil
}

// agent plays a delivery agent on one connection.
func (r *rig) agent(c *fdpass.Conn) {
	defer c.Close()
	for {
		var p ipc.RequestPacket
		files, err := c.Recv(&p)
		if err != nil {
			return
		}
		for i := range p.Requests {
			if !r.play(c, &p.Requests[i], files[i]) {
				fdpass.CloseAll(files[i+1:])
				return
			}
		}
	}
}

// play answers one request; it is false when the agent dies of it.
func (r *rig) play(c *fdpass.Conn, q *ipc.Request, f *os.File) bool {
	content, err := io.ReadAll(io.NewSectionReader(f, q.Offset, q.Length))
	f.Close()
	if err != nil {
		r.t.Errorf("%s: read content: %v", q.ID, err)
		return false
	}
	r.mu.Lock()
	deliver := r.deliver
	r.mu.Unlock()
	p := deliver(q, string(content))
	if p == nil {
		return false
	}
	r.note(q, p)
	return c.Send(&ipc.ReplyPacket{Replies: []ipc.Reply{*p}}) == nil
}

func (r *rig) note(q *ipc.Request, p *ipc.Reply) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, res := range p.Results {
		for _, rc := range q.Recipients {
			if rc.Index == res.Index && res.Status == ipc.Sent {
				r.delivered[rc.Address] = append(r.delivered[rc.Address], q.ID)
			}
		}
	}
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// A client is a writer's end of a lending conversation.
type client struct {
	r       *rig
	c       *fdpass.Conn
	blanks  []blank
	done    map[string]ipc.Done
	retired bool // it was told to leave
	full    string
}

type blank struct {
	ipc.Blank
	f *os.File
}

// connect begins a conversation with the queue manager as role.
func (r *rig) connect(role string) *fdpass.Conn {
	r.t.Helper()
	a, b, err := fdpass.Pair()
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	r.open = append(r.open, a)
	r.mu.Unlock()
	s, u := r.s, r.users
	r.conns.Go(func() { converse(context.Background(), s, u, b.Unix()) })
	if err := a.Send(&ipc.Hello{Version: 1, Role: role, Program: "test"}); err != nil {
		r.t.Fatal(err)
	}
	return a
}

func (r *rig) writer() *client {
	return &client{r: r, c: r.connect(ipc.RoleLend), done: map[string]ipc.Done{}}
}

func (c *client) send(p *ipc.WriterPacket) {
	c.r.t.Helper()
	if err := c.c.Send(p); err != nil {
		c.r.t.Fatal(err)
	}
}

// recv takes one packet.
func (c *client) recv() error {
	c.c.Unix().SetReadDeadline(time.Now().Add(patience))
	var p ipc.LendPacket
	files, err := c.c.Recv(&p)
	if err != nil {
		return err
	}
	for i, b := range p.Lend {
		c.blanks = append(c.blanks, blank{b, files[i]})
	}
	for _, d := range p.Done {
		c.done[d.Blank] = d
	}
	if p.Full != nil {
		c.full = *p.Full
	}
	c.retired = c.retired || p.Retire
	return nil
}

// blank returns a blank, nil when the conversation ends before there is one.
func (c *client) blank() *blank {
	c.r.t.Helper()
	if len(c.blanks) == 0 {
		c.send(&ipc.WriterPacket{Want: 1})
	}
	for len(c.blanks) == 0 {
		if c.recv() != nil {
			return nil
		}
	}
	b := c.blanks[0]
	c.blanks = c.blanks[1:]
	return &b
}

func envelope(sender string, recipients ...string) *queue.Envelope {
	e := &queue.Envelope{Sender: sender}
	for _, a := range recipients {
		e.Recipients = append(e.Recipients, queue.Recipient{Address: a})
	}
	return e
}

// write fills a blank under an ID, which may be its own.
func (b *blank) write(t testing.TB, id string, env *queue.Envelope, content string) {
	t.Helper()
	w, err := queue.NewWriter(b.f, id, b.Size, env)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, content)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// commit writes and commits one message, and waits for the answer.
func (c *client) commit(env *queue.Envelope, content string) ipc.Done {
	c.r.t.Helper()
	b := c.blank()
	if b == nil {
		return ipc.Done{Error: "no blank"}
	}
	b.write(c.r.t, b.ID, env, content)
	return c.finish(ipc.Commit{Blank: b.ID})
}

func (c *client) finish(com ipc.Commit) ipc.Done {
	c.r.t.Helper()
	c.send(&ipc.WriterPacket{Commit: []ipc.Commit{com}})
	for {
		if d, ok := c.done[com.Blank]; ok {
			return d
		}
		if err := c.recv(); err != nil {
			return ipc.Done{Error: err.Error()}
		}
	}
}

// wait waits until ok holds of the scheduler, which it is called in.
func (r *rig) wait(what string, ok func(s *scheduler) bool) {
	r.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		yes := false
		r.s.ask(func() {
			r.s.endBurst() // what has come in the same burst is not done before that
			yes = ok(r.s)
		})
		if yes {
			return
		}
		select {
		case <-deadline:
			r.t.Fatalf("%s: not within %v; the log says\n%s", what, patience, r.lines())
		case <-tick.C:
		}
	}
}

// settled waits until nothing is being tried.
func (r *rig) settled() {
	r.t.Helper()
	r.wait("nothing under way", func(s *scheduler) bool {
		return s.atRest()
	})
}

// atRest tells whether nothing is under way and nothing is due.
func (s *scheduler) atRest() bool {
	next, ok := s.waiting.next()
	due := ok && !next.After(s.now()) || s.more && !s.rescan.After(s.now())
	return len(s.messages)+len(s.loading)+len(s.backlog) == 0 && !due && s.quiet()
}

func (r *rig) lines() string {
	b, _ := os.ReadFile(r.log)
	return string(b)
}

// names lists a directory of the queue.
func (r *rig) names(dir string) []string {
	r.t.Helper()
	entries, err := os.ReadDir(filepath.Join(r.dir, dir))
	if err != nil {
		r.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// got returns the IDs under which an address was delivered to.
func (r *rig) got(address string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.delivered[address]
}

// logged checks that the log has a line with all the words, once stop has
// written it.
func (r *rig) logged(words ...string) {
	r.t.Helper()
	for line := range strings.Lines(r.lines()) {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			return
		}
	}
	r.t.Errorf("no line with %q in the log:\n%s", words, r.lines())
}

var errTest = errors.New("injected")

func addresses(n int) []string {
	a := make([]string, n)
	for i := range a {
		a[i] = fmt.Sprintf("user%d@example.org", i)
	}
	return a
}

// closeAll ends the test's connections with the queue manager.
func (r *rig) closeAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.open {
		c.Close()
	}
	r.open = nil
}

// hangUp ends what the test says on its connections; it still hears.
func (r *rig) hangUp() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.open {
		c.Unix().CloseWrite()
	}
}

func (r *rig) stopAll() {
	r.t.Helper()
	r.closeAll()
	r.stop()
}

// refuses has a system call on what is in a directory of the queue, "" for all, fail
// while the flag that it returns is set, as it is.
func (r *rig) refuses(call, dir string, why error) *atomic.Bool {
	fail := new(atomic.Bool)
	fail.Store(true)
	r.opts.Before = func(c, name string) error {
		if c == call && strings.HasPrefix(name, dir) && fail.Load() {
			return why
		}
		return nil
	}
	return fail
}
