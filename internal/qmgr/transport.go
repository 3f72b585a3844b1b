package qmgr

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"yubin/internal/ipc"
)

// jobWindow is how many requests of one message are outstanding at one agent:
// a message to 10,000 recipients leaves room for the others.
const jobWindow = 8

// A transport is the way to one kind of agent.
type transport struct {
	name      string
	agent     *agent          // nil: not connected
	draining  map[*agent]bool // take no requests any more, and answer those they have
	dialling  bool
	deadUntil time.Time // no agent: not tried before
	reason    string    // why
	deaths    int       // agents that died one after another
	retryAt   time.Time // connect again, after a death
	idleAt    time.Time // when an agent without work is let go

	ring  []*job // messages with recipients ready, each once, in turn
	jobs  map[*message]*job
	dests map[string]*place
}

// A job is one message's recipients for one transport.
type job struct {
	m      *message
	ready  []int // indexes into m.rcpt
	out    int   // requests outstanding
	queued bool  // in the ring
}

// A place is a mailbox or a destination to which deliveries are counted.
type place struct {
	key  string
	busy int
	wait []waiter
}

type waiter struct {
	j *job
	i int
}

// A request is one that an agent has not answered whole.
type request struct {
	n     uint64
	j     *job
	rcpt  []*recipient
	left  int
	held  []*place // one for each recipient, or one for all
	each  bool     // of these two, the former
	begun time.Time
	sent  chan struct{} // closed when the agent has it
	msg   *ipc.Request
	file  *os.File
}

func (s *scheduler) transport(name string) *transport {
	t := s.transports[name]
	if t == nil {
		t = &transport{name: name, draining: map[*agent]bool{}, jobs: map[*message]*job{}, dests: map[string]*place{}}
		s.transports[name] = t
	}
	return t
}

// due is when the transport needs the scheduler although nothing happens.
func (t *transport) due() time.Time {
	switch {
	case t.agent != nil:
		return t.idleAt
	case len(t.ring) > 0:
		return t.retryAt
	}
	return time.Time{}
}

func (t *transport) enqueue(m *message, i int) {
	j := t.jobs[m]
	if j == nil {
		j = &job{m: m}
		t.jobs[m] = j
	}
	j.ready = append(j.ready, i)
	t.queue(j)
}

func (t *transport) queue(j *job) {
	if !j.queued && len(j.ready) > 0 && j.out < jobWindow {
		j.queued = true
		t.ring = append(t.ring, j)
	}
}

// dispatch sends what the agent has room for, message by message in turn.
func (s *scheduler) dispatch(t *transport) {
	if t.agent == nil {
		if len(t.ring) > 0 && !t.dialling && !s.stopping && !s.now().Before(t.retryAt) {
			s.connect(t)
		}
		return
	}
	for len(t.ring) > 0 && len(t.agent.outstanding) < s.p.window && !s.stopping {
		j := t.ring[0]
		t.ring = t.ring[1:]
		j.queued = false
		if j.m.hold || j.m.remove {
			s.abandon(t, j)
			continue
		}
		if r := s.build(t, j); r != nil {
			s.send(t, r)
		}
		t.queue(j)
		t.forget(j)
	}
	t.agent.post()
	if now := s.now(); len(t.agent.outstanding) > 0 || len(t.ring) > 0 {
		t.idleAt = now.Add(agentIdle)
	} else if !now.Before(t.idleAt) {
		t.agent.close()
		t.agent = nil
	}
}

// forget drops a job that nothing is left of.
func (t *transport) forget(j *job) {
	if len(j.ready) == 0 && j.out == 0 && !j.queued {
		delete(t.jobs, j.m)
	}
}

// abandon gives up a job whose message is held or deleted.
func (s *scheduler) abandon(t *transport, j *job) {
	for _, i := range j.ready {
		s.decide(j.m, &j.m.rcpt[i], t.name, result{outcome: untried})
	}
	j.ready = nil
	t.forget(j)
	s.settle(j.m)
}

// build takes recipients of one next hop from a job; those whose mailbox is
// busy wait there. It returns nil when none is left.
func (s *scheduler) build(t *transport, j *job) *request {
	limit := s.p.limit(t.name)
	r := &request{j: j, sent: make(chan struct{})}
	pressing := false // a mailbox or destination takes no more meanwhile
	rest := j.ready[:0:0]
	for k, i := range j.ready {
		rc := &j.m.rcpt[i]
		if len(r.rcpt) >= limit.perRequest {
			rest = append(rest, j.ready[k:]...)
			break
		}
		if len(r.rcpt) > 0 && (rc.to.nexthop != r.rcpt[0].to.nexthop || (rc.to.mailbox != "") != r.each) {
			rest = append(rest, i)
			continue
		}
		if rc.to.mailbox != "" || len(r.rcpt) == 0 {
			p := t.place(rc)
			if p.busy >= limit.concurrency {
				p.wait = append(p.wait, waiter{j, i})
				continue
			}
			p.busy++
			r.held = append(r.held, p)
			pressing = pressing || p.busy >= limit.concurrency
		}
		r.each = rc.to.mailbox != ""
		r.rcpt = append(r.rcpt, rc)
	}
	j.ready = rest
	if len(r.rcpt) == 0 {
		return nil
	}
	r.left = len(r.rcpt)
	r.msg = j.m.request(t.name, r.rcpt)
	r.msg.Pressing = pressing
	return r
}

func (t *transport) place(r *recipient) *place {
	key := "m" + r.to.mailbox
	if r.to.mailbox == "" {
		key = "n" + r.to.nexthop
	}
	p := t.dests[key]
	if p == nil {
		p = &place{key: key}
		t.dests[key] = p
	}
	return p
}

// leave lets go of a place; the first that waits for it becomes ready.
func (t *transport) leave(p *place) {
	p.busy--
	if len(p.wait) > 0 {
		w := p.wait[0]
		p.wait = p.wait[1:]
		w.j.ready = append(w.j.ready, w.i)
		if t.jobs[w.j.m] == nil {
			t.jobs[w.j.m] = w.j
		}
		t.queue(w.j)
		return
	}
	if p.busy == 0 {
		delete(t.dests, p.key)
	}
}

// unavailable is the outcome of recipients of a transport that has no agent.
func (t *transport) unavailable() result {
	return result{outcome: deferred, code: "4.3.2", text: t.reason}
}

// lost defers everything that waits for a transport without agent.
func (s *scheduler) lost(t *transport, err error) {
	t.reason = whyUnavailable(t.name, err)
	t.deadUntil = s.now().Add(s.p.transportRetry)
	s.log.warn("%s; tried again in %v", t.reason, s.p.transportRetry)
	jobs, places := t.jobs, t.dests
	t.ring, t.jobs, t.dests = nil, map[*message]*job{}, map[string]*place{}
	for _, p := range places {
		for _, w := range p.wait {
			w.j.ready = append(w.j.ready, w.i)
			jobs[w.j.m] = w.j
		}
	}
	for m, j := range jobs {
		for _, i := range j.ready {
			s.decide(m, &m.rcpt[i], t.name, t.unavailable())
		}
		s.settle(m)
	}
}

// whyUnavailable says what a person can do about an agent that is not there.
func whyUnavailable(name string, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("mail transport %s is not available: no such service in master.cf, or its program is not installed", name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("mail transport %s is not available: nothing listens on its socket", name)
	}
	return fmt.Sprintf("mail transport %s is not available: %v", name, err)
}
