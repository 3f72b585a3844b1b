package qmgr

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"
)

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
	pause     time.Time // no request before: transport_rate_delay

	ring   []*job // messages that may have a request to send, each once, in turn
	jobs   map[*message]*job
	dests  map[string]*place
	sites  map[string]*site
	timers calendar // of sites, by key
	slow   int      // deliveries of sites that are not brisk
	parked []*site  // those for whom the slow window has no room, in turn
	young  []young  // requests to brisk sites, in the order they were sent
}

func (s *scheduler) transport(name string) *transport {
	t := s.transports[name]
	if t == nil {
		t = &transport{
			name: name, draining: map[*agent]bool{}, jobs: map[*message]*job{}, dests: map[string]*place{},
			sites: map[string]*site{}, timers: newCalendar(),
		}
		s.transports[name] = t
	}
	return t
}

// due is when the transport needs the scheduler although nothing happens.
func (t *transport) due() time.Time {
	next, _ := t.timers.next()
	earlier := func(at time.Time) {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	switch {
	case t.agent != nil:
		earlier(t.idleAt)
		if len(t.ring) > 0 {
			earlier(t.pause)
		}
	case len(t.ring) > 0 && !t.dialling:
		earlier(t.retryAt)
	}
	if len(t.young) > 0 {
		earlier(t.young[0].begun.Add(stallTime))
	}
	return next
}

// dispatch sends what the agent has room for, message by message in turn.
func (s *scheduler) dispatch(t *transport) {
	s.wake(t)
	s.findStalled(t)
	if t.agent == nil {
		if len(t.ring) > 0 && !t.dialling && !s.stopping && !s.now().Before(t.retryAt) {
			s.connect(t)
		}
		return
	}
	for len(t.ring) > 0 && s.takesMore(t) {
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

// takesMore tells whether the transport's agent may have another request.
func (s *scheduler) takesMore(t *transport) bool {
	a := t.agent
	if !t.pause.IsZero() && !s.now().Before(t.pause) {
		t.pause = time.Time{}
	}
	n := len(a.outstanding)
	return n-a.slow < s.p.window && n < cap(a.out) && t.pause.IsZero() && !s.stopping
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
	t.endWaiting()
	jobs := t.jobs
	t.ring, t.jobs = nil, map[*message]*job{}
	for m, j := range jobs {
		s.withdraw(t, j, t.unavailable())
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
