package qmgr

import (
	"slices"
	"testing"

	"yubin/internal/ipc"
)

// busy is a queue manager whose agent delivers to bob, until answer is closed; another
// letter, for bob and others, waits behind that.
func busy(t *testing.T, then func(q *ipc.Request, content string) *ipc.Reply) (r *rig, w *client, answer chan struct{}) {
	r = newRig(t)
	r.missing = map[string]bool{}
	r.params = func(p *params) {
		p.limitsOf = func(name string) limits {
			l := testLimits(name)
			l.concurrency = 1
			return l
		}
	}
	r.resolve = func(a, _ string) (destination, error) {
		if a == "zoe@example.org" {
			return destination{transport: "first", nexthop: "here", address: a}, nil
		}
		return destination{transport: "local", nexthop: "here", address: a, mailbox: a}, nil
	}
	begun, answer := make(chan struct{}), make(chan struct{})
	r.answer(func(q *ipc.Request, content string) *ipc.Reply {
		if q.Transport == "first" {
			return &ipc.Reply{N: q.N, Results: []ipc.Result{{Index: q.Recipients[0].Index, Status: ipc.Redirected, Transport: "local"}}}
		}
		close(begun)
		<-answer
		return then(q, content)
	})
	r.start()
	w = r.writer()
	w.commit(envelope("", "bob@example.org"), "one\n")
	<-begun
	return r, w, answer
}

// A recipient who comes by another transport joins those of his message who wait
// for a mailbox there: should the agent be lost, none of them is forgotten.
func TestRedirectedJoinsWaiting(t *testing.T) {
	t.Parallel()
	r, w, answer := busy(t, func(*ipc.Request, string) *ipc.Reply { return nil })
	d := w.commit(envelope("", "bob@example.org", "zoe@example.org"), "two\n")
	r.wait("zoe's turn", func(s *scheduler) bool {
		a := s.transport("local").agent
		return a != nil && len(a.outstanding) == 2
	})
	r.s.ask(func() { r.missing["local"] = true })
	close(answer)
	r.settled()
	r.stopAll()
	for _, who := range []string{"bob", "zoe"} {
		r.logged(d.ID+": to=<"+who+"@example.org>", "status=deferred (mail transport local is not available")
	}
}

// A recipient who waited for a mailbox when the next generation of the agent could
// not be reached is deferred: the end of what the last one does brings him no delivery.
func TestDrainedAgentLeavesNobodyWaiting(t *testing.T) {
	t.Parallel()
	r, w, answer := busy(t, deliverAll)
	d := w.commit(envelope("", "bob@example.org"), "two\n")
	r.mu.Lock()
	for _, c := range r.agents {
		c.Unix().CloseRead()
	}
	r.mu.Unlock()
	r.s.ask(func() { r.missing["local"] = true })
	w.commit(envelope("", "al@example.org"), "three\n")
	r.wait("no agent", func(s *scheduler) bool { return s.waiting.len() == 2 && len(s.messages) == 1 })
	r.answer(deliverAll)
	r.s.ask(func() { r.missing["local"] = false })
	close(answer)
	r.settled()
	r.stopAll()
	if slices.Contains(r.got("bob@example.org"), d.ID) {
		t.Error("a deferred message was delivered all the same: it will be again")
	}
}
