package auth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
)

// A keeper is an authd of this test: each connection is served by play.
type keeper struct {
	t     *testing.T
	play  func(c *fdpass.Conn, generation int)
	dials atomic.Int32
	ended sync.WaitGroup
	fail  atomic.Bool
	log   string
}

func newKeeper(t *testing.T, play func(c *fdpass.Conn, generation int)) (*keeper, *Client) {
	t.Helper()
	k := &keeper{t: t, play: play, log: filepath.Join(t.TempDir(), "log")}
	f, err := os.Create(k.log)
	if err != nil {
		t.Fatal(err)
	}
	log, err := maillog.Open(maillog.Options{Tag: "postfix/smtpd", File: f})
	if err != nil {
		t.Fatal(err)
	}
	c := New(k.dial, "smtpd", log)
	t.Cleanup(func() {
		if c.link != nil {
			c.link.mu.Lock()
			c.link.end(errors.New("the test is over"))
			c.link.mu.Unlock()
		}
		k.ended.Wait()
		log.Close()
	})
	return k, c
}

func (k *keeper) dial() (*fdpass.Conn, error) {
	if k.fail.Load() {
		return nil, errors.New("nobody there")
	}
	ours, theirs, err := fdpass.Pair()
	if err != nil {
		return nil, err
	}
	generation := int(k.dials.Add(1))
	k.ended.Go(func() {
		defer theirs.Close()
		var h ipc.Hello
		if _, err := theirs.Recv(&h); err != nil || h != (ipc.Hello{Version: ipc.AuthVersion, Role: ipc.RoleAuth, Program: "smtpd"}) {
			k.t.Errorf("hello: got %+v, %v", h, err)
		}
		k.play(theirs, generation)
	})
	return ours, nil
}

func (k *keeper) logged() string {
	b, err := os.ReadFile(k.log)
	if err != nil {
		k.t.Fatal(err)
	}
	return string(b)
}

// requests calls f for each request until the end.
func requests(c *fdpass.Conn, f func(q *ipc.AuthRequest, files []*os.File)) {
	for {
		q := new(ipc.AuthRequest)
		files, err := c.Recv(q)
		if err != nil {
			return
		}
		f(q, files)
		fdpass.CloseAll(files)
	}
}

var facts = &Facts{Service: "smtp", Client: "192.0.2.10"}

func TestExchange(t *testing.T) {
	t.Parallel()
	var seen []ipc.AuthRequest
	_, c := newKeeper(t, func(c *fdpass.Conn, _ int) {
		requests(c, func(q *ipc.AuthRequest, _ []*os.File) {
			seen = append(seen, *q)
			r := ipc.AuthReply{Exchange: q.Exchange}
			switch {
			case q.Op == ipc.AuthMechanisms:
				r.State, r.Mechanisms = ipc.AuthOK, []string{"SCRAM-SHA-256", "PLAIN"}
			case q.Op == ipc.AuthBegin && q.Mechanism == "PLAIN":
				r.State, r.User, r.Code, r.Text = ipc.AuthFailed, "bob", ipc.AuthCodeFailed, "no"
			case q.Op == ipc.AuthBegin:
				r.State, r.Challenge = ipc.AuthGoOn, []byte("Username:")
			case q.Op == ipc.AuthContinue:
				r.State, r.User = ipc.AuthOK, "bob"
			default:
				return
			}
			c.Send(r)
		})
	})
	ctx := t.Context()
	if m, err := c.Mechanisms(ctx, facts); err != nil || !slices.Equal(m, []string{"SCRAM-SHA-256", "PLAIN"}) {
		t.Errorf("got %q, %v", m, err)
	}
	if _, s := c.Begin(ctx, "PLAIN", []byte{}, facts, nil); s.State != ipc.AuthFailed || s.User != "bob" || s.Code != ipc.AuthCodeFailed || s.Text != "no" || !s.Final() {
		t.Errorf("got %+v", s)
	}
	x, s := c.Begin(ctx, "LOGIN", nil, facts, nil)
	if s.State != ipc.AuthGoOn || string(s.Challenge) != "Username:" || s.Final() {
		t.Errorf("got %+v", s)
	}
	if s := x.Next(ctx, []byte("bob")); s.State != ipc.AuthOK || s.User != "bob" {
		t.Errorf("got %+v", s)
	}
	if s := x.Next(ctx, nil); s.State != ipc.AuthTempFail {
		t.Errorf("after the end: got %+v", s)
	}
	x.Cancel() // is over: nothing is said
	x, _ = c.Begin(ctx, "LOGIN", nil, facts, nil)
	x.Cancel()
	x.Cancel()
	c.now = func() time.Time { return time.Now().Add(offerTime) }
	if _, err := c.Mechanisms(ctx, facts); err != nil {
		t.Fatal(err)
	}
	var ops []string
	for _, q := range seen {
		ops = append(ops, q.Op)
	}
	if got, want := strings.Join(ops, " "), "mechanisms begin begin continue begin cancel mechanisms"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if !seen[1].Initial || seen[2].Initial || *seen[1].Facts != *facts || seen[2].Exchange != seen[3].Exchange {
		t.Errorf("got %+v", seen)
	}
	if c.link.held != 0 || len(c.link.waiting) != 0 {
		t.Errorf("%d hold the link, %d wait: want none", c.link.held, len(c.link.waiting))
	}
}

// The list of mechanisms is asked for once a second, for each kind of channel.
func TestMechanismsKept(t *testing.T) {
	t.Parallel()
	_, c := newKeeper(t, func(c *fdpass.Conn, _ int) {
		asked := 0
		requests(c, func(q *ipc.AuthRequest, _ []*os.File) {
			asked++
			c.Send(&ipc.AuthReply{Exchange: q.Exchange, State: ipc.AuthOK, Mechanisms: []string{fmt.Sprint(asked)}})
		})
	})
	now := time.Now()
	c.now = func() time.Time { return now }
	secure := &Facts{Service: "smtp", TLS: &ipc.TLSFacts{Exporter: []byte("x")}}
	named := &Facts{Service: "smtp", TLS: &ipc.TLSFacts{Exporter: []byte("x"), CertName: "ann"}}
	for _, s := range []struct {
		facts *Facts
		after time.Duration
		want  string // which request was answered so
	}{
		{facts, 0, "1"}, {facts, 0, "1"}, {secure, 0, "2"}, {named, 0, "3"}, {secure, 999 * time.Millisecond, "2"},
		{facts, time.Millisecond, "4"}, {named, 0, "5"}, {facts, 0, "4"},
	} {
		now = now.Add(s.after)
		if got, err := c.Mechanisms(t.Context(), s.facts); err != nil || len(got) != 1 || got[0] != s.want {
			t.Errorf("after %v, with TLS %+v: %q, %v; want %q", s.after, s.facts.TLS, got, err, s.want)
		}
	}
}

// Answers come in any order, and each reaches who waits for it.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	const n = 50
	_, c := newKeeper(t, func(c *fdpass.Conn, _ int) {
		var kept []*ipc.AuthRequest
		requests(c, func(q *ipc.AuthRequest, _ []*os.File) {
			if kept = append(kept, q); len(kept) < n {
				return
			}
			for _, q := range slices.Backward(kept) {
				c.Send(ipc.AuthReply{Exchange: q.Exchange, State: ipc.AuthOK, User: string(q.Response)})
			}
		})
	})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			user := strings.Repeat("x", i+1)
			if _, s := c.Begin(t.Context(), "PLAIN", []byte(user), facts, nil); s.User != user {
				t.Errorf("got %q, want %q", s.User, user)
			}
		})
	}
	all.Wait()
}

// authd dies: what is under way fails for now, what comes next asks the next
// generation.
func TestDeath(t *testing.T) {
	t.Parallel()
	k, c := newKeeper(t, func(c *fdpass.Conn, generation int) {
		requests(c, func(q *ipc.AuthRequest, _ []*os.File) {
			switch {
			case q.Op == ipc.AuthContinue:
				c.Close()
			case generation == 1:
				c.Send(ipc.AuthReply{Exchange: q.Exchange, State: ipc.AuthGoOn})
			default:
				c.Send(ipc.AuthReply{Exchange: q.Exchange, State: ipc.AuthOK, User: "bob"})
			}
		})
	})
	x, _ := c.Begin(t.Context(), "LOGIN", nil, facts, nil)
	y, _ := c.Begin(t.Context(), "LOGIN", nil, facts, nil)
	for _, e := range []Exchange{x, y} {
		if s := e.Next(t.Context(), []byte("secret")); s.State != ipc.AuthTempFail || s.Code != ipc.AuthCodeUnavailable {
			t.Errorf("got %+v", s)
		}
	}
	if _, s := c.Begin(t.Context(), "PLAIN", []byte("secret"), facts, nil); s.State != ipc.AuthOK {
		t.Errorf("the next generation: got %+v", s)
	}
	if log := k.logged(); strings.Contains(log, "secret") || strings.Count(log, "warning: authentication: ") != 2 {
		t.Errorf("got\n%s", log)
	}
}

// A daemon that drains reads no more, but still answers what it has got.
func TestDrain(t *testing.T) {
	t.Parallel()
	drained, goOn := make(chan struct{}), make(chan struct{})
	k, c := newKeeper(t, func(c *fdpass.Conn, generation int) {
		requests(c, func(q *ipc.AuthRequest, _ []*os.File) {
			if generation == 1 {
				c.Unix().CloseRead()
				close(drained)
				<-goOn
			}
			c.Send(ipc.AuthReply{Exchange: q.Exchange, State: ipc.AuthOK, User: string(q.Response)})
		})
	})
	var first sync.WaitGroup
	first.Go(func() {
		if _, s := c.Begin(t.Context(), "PLAIN", []byte("old"), facts, nil); s.User != "old" {
			t.Errorf("the first: got %+v", s)
		}
	})
	<-drained
	if _, s := c.Begin(t.Context(), "PLAIN", []byte("new"), facts, nil); s.User != "new" {
		t.Errorf("the second: got %+v", s)
	}
	close(goOn)
	first.Wait()
	if n := k.dials.Load(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	k, c := newKeeper(t, func(c *fdpass.Conn, _ int) {}) // hangs up after Hello
	if _, s := c.Begin(t.Context(), "PLAIN", nil, facts, nil); s.State != ipc.AuthTempFail {
		t.Errorf("hung up: got %+v", s)
	}
	k.fail.Store(true)
	x, s := c.Begin(t.Context(), "PLAIN", nil, facts, nil)
	if s.State != ipc.AuthTempFail {
		t.Errorf("nobody there: got %+v", s)
	}
	x.Cancel()
	if s := x.Next(t.Context(), nil); s.State != ipc.AuthTempFail {
		t.Errorf("got %+v", s)
	}
	if err := x.HandOver(t.Context(), new(Seat)); err == nil {
		t.Error("handed over")
	}
	if _, err := c.Mechanisms(t.Context(), facts); err == nil {
		t.Error("mechanisms of nobody")
	}
}

// A caller that waits no longer says so.
func TestPatience(t *testing.T) {
	t.Parallel()
	asked, canceled := make(chan struct{}), make(chan struct{})
	_, c := newKeeper(t, func(c *fdpass.Conn, _ int) {
		requests(c, func(q *ipc.AuthRequest, _ []*os.File) {
			if q.Op == ipc.AuthCancel {
				close(canceled)
				c.Send(ipc.AuthReply{Exchange: q.Exchange, State: ipc.AuthOK}) // too late
				return
			}
			close(asked)
		})
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, s := c.Begin(ctx, "PLAIN", nil, facts, nil); s.State != ipc.AuthTempFail {
		t.Errorf("got %+v", s)
	}
	<-canceled
}

func TestHandOver(t *testing.T) {
	t.Parallel()
	_, c := newKeeper(t, func(c *fdpass.Conn, _ int) {
		requests(c, func(q *ipc.AuthRequest, files []*os.File) {
			r := ipc.AuthReply{Exchange: q.Exchange, State: ipc.AuthOK}
			if q.Op == ipc.AuthSession {
				if len(files) != 2 || q.Session == nil || q.Session.Tag != "a1" {
					t.Errorf("got %+v with %d files", q.Session, len(files))
				} else if _, err := files[0].WriteString("hello"); err != nil {
					t.Error(err)
				}
				if string(q.Session.Unread) == "no" {
					r.State, r.Text = ipc.AuthTempFail, "no session"
				}
			}
			c.Send(r)
		})
	})
	for _, unread := range []string{"yes", "no"} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		x, _ := c.Begin(t.Context(), "PLAIN", nil, facts, nil)
		out := fdpass.Handle(w.Fd())
		seat := &Seat{Start: ipc.AuthSessionStart{Tag: "a1", Unread: []byte(unread)}, Conn: out, Ack: out}
		err = x.HandOver(t.Context(), seat)
		if (err == nil) != (unread == "yes") || err != nil && err.Error() != "the authentication server refuses: no session" {
			t.Errorf("%s: %v", unread, err)
		}
		if err := x.HandOver(t.Context(), seat); err == nil {
			t.Error("handed over twice")
		}
		w.Close()
		b := make([]byte, 10)
		if n, _ := r.Read(b); string(b[:n]) != "hello" {
			t.Errorf("got %q", b[:n])
		}
		r.Close()
	}
}

// A connection without work is closed, so that authd can end; one whose client
// thinks is kept.
func TestRest(t *testing.T) {
	t.Parallel()
	k, c := newKeeper(t, func(c *fdpass.Conn, _ int) {
		requests(c, func(q *ipc.AuthRequest, _ []*os.File) {
			if q.Op != ipc.AuthCancel {
				c.Send(ipc.AuthReply{Exchange: q.Exchange, State: ipc.AuthGoOn})
			}
		})
	})
	x, _ := c.Begin(t.Context(), "LOGIN", nil, facts, nil)
	c.link.rest()
	if s := x.Next(t.Context(), nil); s.State != ipc.AuthGoOn {
		t.Errorf("under way: got %+v", s)
	}
	x.Cancel()
	c.link.rest()
	k.ended.Wait() // the connection has ended
	if x, s := c.Begin(t.Context(), "LOGIN", nil, facts, nil); s.State != ipc.AuthGoOn || k.dials.Load() != 2 {
		t.Errorf("got %+v after %d connections", s, k.dials.Load())
	} else {
		x.Cancel()
	}
}

// A connection that goes along with the beginning is passed on at once, or
// nobody knows where it is, which is said.
func TestSeat(t *testing.T) {
	t.Parallel()
	_, c := newKeeper(t, func(c *fdpass.Conn, _ int) {
		requests(c, func(q *ipc.AuthRequest, files []*os.File) {
			if q.Op == ipc.AuthCancel {
				return
			}
			if q.Op != ipc.AuthBegin || len(files) != 2 || q.Session == nil || q.Session.Tag != "a1" {
				t.Errorf("got %+v with %d files", q, len(files))
			}
			switch q.Mechanism {
			case "GONE":
				c.Close()
			case "HEARD": // the session process says it
			case "REFUSED":
				c.Send(ipc.AuthReply{Exchange: q.Exchange, State: ipc.AuthFailed})
			default:
				c.Send(ipc.AuthReply{Exchange: q.Exchange, State: ipc.AuthOK, User: "ann", Seated: q.Mechanism == "PLAIN"})
			}
		})
	})
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	out := fdpass.Handle(w.Fd())
	seat := &Seat{Start: ipc.AuthSessionStart{Tag: "a1"}, Conn: out, Ack: out}
	for _, want := range []struct {
		mechanism, state string
		seated           bool
	}{{"PLAIN", ipc.AuthOK, true}, {"OLD", ipc.AuthOK, false}, {"GONE", ipc.AuthTempFail, true}} {
		if _, s := c.Begin(t.Context(), want.mechanism, nil, facts, seat); s.State != want.state || s.Seated != want.seated {
			t.Errorf("%s: got %+v", want.mechanism, s)
		}
	}
	// Who hears of success by the acknowledgement waits for no answer; who hears
	// nothing there does.
	seat.Start.Heard = true
	for _, want := range []struct {
		mechanism, state    string
		heard, seated, late bool
	}{{"HEARD", ipc.AuthOK, true, true, false}, {"REFUSED", ipc.AuthFailed, false, false, false}, {"GONE", ipc.AuthTempFail, false, true, false}, {"HEARD", ipc.AuthTempFail, false, true, true}} {
		ctx, cancel := context.WithCancel(t.Context())
		seat.Await = func() bool {
			if want.late {
				cancel()
			}
			return want.heard
		}
		if _, s := c.Begin(ctx, want.mechanism, nil, facts, seat); s.State != want.state || s.Seated != want.seated {
			t.Errorf("%+v: got %+v", want, s)
		}
		cancel()
	}
	down := New(func() (*fdpass.Conn, error) { return nil, os.ErrNotExist }, "test", c.log)
	if _, s := down.Begin(t.Context(), "PLAIN", nil, facts, seat); s.State != ipc.AuthTempFail || s.Seated {
		t.Errorf("nobody there: got %+v", s)
	}
}
