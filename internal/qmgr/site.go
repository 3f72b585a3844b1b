package qmgr

import (
	"math"
	"slices"
	"time"

	"yubin/internal/config"
)

const (
	// stallTime is how soon a site answers that does not count as slow.
	stallTime = time.Second
	// share is the part of the free slow window that a site may take of which
	// nobody knows whether it answers, slowShare that of one that does: what is
	// left is always as much, so that new sites get a chance.
	share     = 16
	slowShare = 2
	// rememberTime is how long it is remembered that a site answers soon, and
	// maxSites of how many.
	rememberTime = 10 * time.Minute
	maxSites     = 10_000
	// epsilon is what sums of fractions may fall short by rounding.
	epsilon = 1e-9
)

// A site is a destination on other hosts: a next hop, or, for transports with
// one recipient a delivery, a recipient there. It stays known while there is
// mail for it, while it is dead or pauses, and, if it answers soon, for a while.
//
// Sites are of two kinds. The requests of those that answer soon are counted by
// agent_window. Of the others nobody knows when their requests end: they are
// counted by agent_slow_window, and a site whose request stalls becomes one of
// them. So what a dead host keeps waiting is mail for it alone.
type site struct {
	key     string
	nexthop string
	known   bool // it has answered since it last stalled or failed
	brisk   bool // and soon
	busy    int  // deliveries under way or granted
	peers   int  // jobs that have mail for it

	window  int     // how many deliveries at once feedback allows
	up      float64 // positive feedback that has not raised it yet
	down    float64 // negative feedback, likewise
	cohorts float64 // failed ones, since the last answer

	until time.Time // it gets nothing before: it is dead, or pauses
	dead  *result   // why it is
	wait  []*peer   // those that there is no room for, in turn
	shut  bool      // in transport.parked: it is the slow window that has no room
	out   []*request
}

// A peer is the mail that a job has for one site. It is in one of the job's
// lists, or waits at the site.
type peer struct {
	j     *job
	at    *site
	ready []int // indexes into m.rcpt
}

// site finds the site of a recipient, or makes it.
func (s *scheduler) site(t *transport, r *recipient) *site {
	l := s.p.limit(t.name)
	key := r.to.nexthop
	if l.perRequest == 1 {
		key += " " + r.to.address // Postfix: limits are those of a recipient then
	}
	at := t.sites[key]
	if at == nil {
		at = &site{key: key, nexthop: r.to.nexthop, window: l.first()}
		t.sites[key] = at
	}
	return at
}

// spare tells whether a site may have one more delivery now.
func (s *scheduler) spare(t *transport, at *site) bool {
	l := s.p.limit(t.name)
	if at.busy >= min(at.window, l.most()) || s.now().Before(at.until) {
		return false
	}
	free := s.p.slow - t.slow
	switch {
	case at.brisk:
		return true
	case free <= 0:
		return false
	case at.known:
		return at.busy < max(1, free/slowShare)
	}
	return at.busy < max(1, free/share)
}

// take has a delivery count at a site.
func (t *transport) take(at *site) {
	at.busy++
	if !at.brisk {
		t.slow++
	}
}

// give is the end of take; who waits gets the place.
func (s *scheduler) give(t *transport, at *site) {
	at.busy--
	if !at.brisk {
		t.slow--
	}
	s.offer(t, at)
	if !at.brisk {
		s.unpark(t)
	}
	s.rest(t, at)
}

// lineUp lets a peer wait at its site.
func (s *scheduler) lineUp(t *transport, p *peer) {
	p.at.wait = append(p.at.wait, p)
	s.park(t, p.at)
}

// park notes a site that waits for the slow window.
func (s *scheduler) park(t *transport, at *site) {
	if !at.shut && !at.brisk && at.busy < at.window && !s.now().Before(at.until) {
		at.shut = true
		t.parked = append(t.parked, at)
	}
}

// unpark gives some sites what has become free of the slow window. Whoever gets
// nothing has a delivery under way, the end of which brings it, or others, here
// again.
func (s *scheduler) unpark(t *transport) {
	for n := min(len(t.parked), share); n > 0 && t.slow < s.p.slow; n-- {
		at := t.parked[0]
		t.parked = t.parked[1:]
		at.shut = false
		s.offer(t, at)
	}
}

// offer grants peers that wait at a site what room it has.
func (s *scheduler) offer(t *transport, at *site) {
	for len(at.wait) > 0 && s.spare(t, at) {
		p := at.wait[0]
		at.wait = at.wait[1:]
		if p.j.out+len(p.j.granted) >= jobWindow {
			p.j.peers = append(p.j.peers, p) // it asks again at its job's turn
			continue
		}
		t.take(at)
		p.j.granted = append(p.j.granted, p)
		t.queue(p.j)
	}
	if len(at.wait) > 0 {
		s.park(t, at)
	}
}

// rest puts away a site that has no mail.
func (s *scheduler) rest(t *transport, at *site) {
	now := s.now()
	if at.busy > 0 || at.peers > 0 || t.sites[at.key] != at || now.Before(at.until) {
		return
	}
	if !at.brisk || len(t.sites) > maxSites {
		delete(t.sites, at.key)
		t.timers.remove(at.key)
		return
	}
	*at = site{key: at.key, nexthop: at.nexthop, known: true, brisk: true, window: s.p.limit(t.name).first()}
	t.timers.put(at.key, "", now.Add(rememberTime))
}

// wake does what sites have waited for.
func (s *scheduler) wake(t *transport) {
	for e := t.timers.due(s.now()); e != nil; e = t.timers.due(s.now()) {
		at := t.sites[e.id]
		switch {
		case at == nil:
		case at.dead == nil && at.busy == 0 && at.peers == 0:
			delete(t.sites, at.key) // it was only remembered, or has paused
		default:
			s.revive(t, at)
		}
	}
}

// revive ends a site's death or pause.
func (s *scheduler) revive(t *transport, at *site) {
	if at.dead != nil {
		at.dead, at.window, at.cohorts, at.up, at.down = nil, s.p.limit(t.name).first(), 0, 0, 0
	}
	at.until = time.Time{}
	s.offer(t, at)
	s.rest(t, at)
}

// started notes a request that is on its way.
func (s *scheduler) started(t *transport, a *agent, r *request) {
	if r.at == nil {
		return
	}
	r.agent = a
	r.at.out = append(r.at.out, r)
	if r.slow = !r.at.brisk; r.slow {
		a.slow++
	} else {
		t.young = append(t.young, young{a, r.n, r.begun})
	}
	if d := s.p.limit(t.name).transportDelay; d > 0 {
		t.pause = r.begun.Add(d)
	}
}

// A young request may stall.
type young struct {
	a     *agent
	n     uint64
	begun time.Time
}

// findStalled makes sites slow that have not answered for too long.
func (s *scheduler) findStalled(t *transport) {
	for now := s.now(); len(t.young) > 0; t.young = t.young[1:] {
		y := t.young[0]
		r := y.a.outstanding[y.n]
		if r != nil && now.Sub(y.begun) < stallTime {
			return
		}
		if r != nil {
			r.at.known = false
			s.turn(t, r.at, false)
		}
	}
}

// turn makes a site brisk or slow, and its requests with it.
func (s *scheduler) turn(t *transport, at *site, brisk bool) {
	if at.brisk == brisk {
		return
	}
	at.brisk = brisk
	if brisk {
		t.slow -= at.busy
	} else {
		t.slow += at.busy
	}
	for _, r := range at.out {
		if r.slow && brisk {
			r.agent.slow--
			t.young = append(t.young, young{r.agent, r.n, s.now()})
		} else if !r.slow && !brisk {
			r.agent.slow++
		}
		r.slow = !brisk
	}
	if brisk {
		s.offer(t, at)
		s.unpark(t)
	}
}

// ended takes what a request has told of its site, if it was answered.
func (s *scheduler) ended(t *transport, r *request) {
	at := r.at
	if i := slices.Index(at.out, r); i >= 0 {
		at.out = slices.Delete(at.out, i, i+1)
		if r.slow {
			r.agent.slow--
		}
	}
	if r.left == 0 && len(r.rcpt) > 0 {
		at.known = r.fault == nil
		s.turn(t, at, at.known && s.now().Sub(r.begun) < stallTime)
		if r.fault != nil {
			s.failed(t, at, r.fault)
		} else {
			s.answered(t, at)
		}
		if d := s.p.limit(t.name).siteDelay; d > 0 && at.dead == nil {
			at.until = s.now().Add(d)
			t.timers.put(at.key, "", at.until)
		}
	}
	s.give(t, at)
}

// answered is positive feedback, as Postfix's SCHEDULER_README has it.
func (s *scheduler) answered(t *transport, at *site) {
	l := s.p.limit(t.name)
	if at.dead != nil {
		s.revive(t, at) // one that was under way when it died
	}
	at.cohorts = 0
	// No further than mail calls for, else negative feedback would take long to
	// bring it down to where it matters.
	if at.window >= l.most() || at.window >= at.busy+l.first() {
		return
	}
	f := amount(l.positive, at.window)
	for at.up += f; at.up >= 1-epsilon; at.up-- {
		at.window++
		at.down = 0
	}
	at.window = min(at.window, l.most())
}

// failed is negative feedback: res is the failure of a whole site.
func (s *scheduler) failed(t *transport, at *site, res *result) {
	if at.dead != nil {
		return
	}
	l := s.p.limit(t.name)
	at.cohorts += 1 / float64(at.window)
	if l.cohorts > 0 && at.cohorts >= float64(l.cohorts)-epsilon {
		s.kill(t, at, res)
		return
	}
	f := amount(l.negative, at.window)
	for at.down -= f; at.down < -epsilon; at.down++ {
		at.window--
		at.up = 0
	}
	at.window = max(at.window, 1)
}

// amount is what feedback comes to at a concurrency.
func amount(f config.FeedbackRule, window int) float64 {
	switch f.Per {
	case "concurrency":
		return f.Number / float64(window)
	case "sqrt_concurrency":
		return f.Number / math.Sqrt(float64(window))
	}
	return f.Number
}

// kill leaves a site alone for a time. Its mail need not wait for that here.
func (s *scheduler) kill(t *transport, at *site, res *result) {
	at.dead = &result{
		outcome: deferred, code: code("4"+res.code[1:], "4.4.0"), text: line("delivery temporarily suspended: "+res.text, maxText), host: res.host,
	}
	at.until = s.now().Add(s.p.minimal)
	t.timers.put(at.key, "", at.until)
	s.log.general("defer site " + at.key + " of " + t.name + " for " + s.p.minimal.String() + ": " + res.text)
	wait := at.wait
	at.wait = nil
	for _, p := range wait {
		s.bury(t, p)
	}
}

// bury defers the mail of a peer, which is in no list any more, for a dead site.
func (s *scheduler) bury(t *transport, p *peer) {
	res := *p.at.dead
	for _, i := range p.ready {
		s.decide(p.j.m, &p.j.m.rcpt[i], "", res)
	}
	s.unpeer(t, p)
	t.forget(p.j)
	s.settle(p.j.m)
}

// unpeer ends a peer that has no mail left.
func (s *scheduler) unpeer(t *transport, p *peer) {
	p.ready = nil
	delete(p.j.bySite, p.at)
	p.at.peers--
	s.rest(t, p.at)
}
