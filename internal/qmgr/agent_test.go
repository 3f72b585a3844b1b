package qmgr

import (
	"testing"
	"time"

	"yubin/internal/ipc"
)

// An agent that dies with a message makes it unsure; after three deaths it is
// taken for the cause, and deferred.
func TestAgentDies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.params = func(p *params) { p.transportRetry = time.Millisecond }
	seen := make(chan bool, 10)
	r.deliver = func(q *ipc.Request, _ string) *ipc.Reply { seen <- q.Unsure; return nil }
	r.start()
	d := r.writer().commit(envelope("ann@example.com", "bob@example.org"), "text\n")
	r.settled()
	if a, b, c := <-seen, <-seen, <-seen; a || !b || !c {
		t.Errorf("attempts were unsure %v, %v, %v", a, b, c)
	}
	r.answer(func(q *ipc.Request, c string) *ipc.Reply { seen <- q.Unsure; return deliverAll(q, c) })
	r.s.ask(func() { r.s.tryNow(d.ID, "") })
	r.wait("delivery", func(*scheduler) bool { return len(r.got("bob@example.org")) == 1 })
	r.stopAll()
	if !<-seen {
		t.Error("the attempt after the deferral was not unsure")
	}
	r.logged("warning: "+d.ID+": 3 agents died", "suspect")
	r.logged(d.ID, "status=deferred (delivery agent died)")
}

// An agent that drains answers the request that it has; the next request goes
// to the next generation, and nothing becomes unsure.
func TestAgentDrains(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first, finish := make(chan struct{}, 1), make(chan struct{})
	r.deliver = func(q *ipc.Request, c string) *ipc.Reply {
		if q.Unsure {
			t.Errorf("request for %s is unsure", q.Recipients[0].Address)
		}
		if q.Recipients[0].Address == "slow@example.org" {
			first <- struct{}{}
			<-finish
		}
		return deliverAll(q, c)
	}
	r.start()
	w := r.writer()
	w.commit(envelope("", "slow@example.org"), "text\n")
	<-first
	r.mu.Lock()
	for _, c := range r.agents {
		c.Unix().CloseRead()
	}
	r.mu.Unlock()
	w.commit(envelope("", "next@example.org"), "text\n")
	r.wait("delivery by the next generation", func(*scheduler) bool { return len(r.got("next@example.org")) == 1 })
	close(finish)
	r.settled()
	r.stopAll()
	if n := len(r.got("slow@example.org")); n != 1 {
		t.Errorf("the draining agent delivered %d times, want 1", n)
	}
}

// Whatever an agent says, a recipient without a sound result is deferred.
func TestAgentTalksNonsense(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		results []ipc.Result
		want    string
	}{
		{"nothing", nil, "status=deferred (delivery agent gave no result)"},
		{"unknown status", []ipc.Result{{Index: 0, Status: "perhaps"}}, "dsn=4.3.0, status=deferred"},
		{"class and status disagree", []ipc.Result{{Index: 0, Status: ipc.Sent, Code: "5.1.1"}}, "dsn=2.0.0, status=sent"},
		{"another's index first", []ipc.Result{{Index: 7, Status: ipc.Sent}, {Index: 0, Status: ipc.Deferred, Code: "4.2.2"}}, "dsn=4.2.2, status=deferred"},
		{"two results", []ipc.Result{{Index: 0, Status: ipc.Deferred, Code: "4.2.2"}, {Index: 0, Status: ipc.Sent}}, "dsn=4.2.2, status=deferred"},
		{"lines in the text", []ipc.Result{{Index: 0, Status: ipc.Deferred, Code: "4.2.2", Text: "a\nb"}}, "status=deferred (a?b)"},
		{"expanded to nothing", []ipc.Result{{Index: 0, Status: ipc.Expanded}}, "status=deferred (cannot make the forwarded message)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.deliver = func(q *ipc.Request, _ string) *ipc.Reply { return &ipc.Reply{N: q.N, Results: c.results} }
			r.start()
			d := r.writer().commit(envelope("", "bob@example.org"), "text\n")
			r.settled()
			r.stopAll()
			r.logged(d.ID+": to=<bob@example.org>", c.want)
		})
	}
}
