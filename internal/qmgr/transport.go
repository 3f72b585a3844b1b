package qmgr

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
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

// A job is one message's recipients for one transport.
type job struct {
	m       *message
	ready   []int // indexes into m.rcpt: those with mailboxes
	peers   []*peer
	granted []*peer // those whose site keeps a delivery for them
	bySite  map[*site]*peer
	out     int  // requests outstanding
	queued  bool // in the ring
}

// A place is a mailbox to which deliveries are counted.
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
	held  []*place // one for each recipient who has a mailbox, or
	at    *site    // one for all
	slow  bool     // counted by agent_slow_window
	fault *result  // the site's, not a recipient's
	agent *agent   // once it is sent to a site
	begun time.Time
	sent  chan struct{} // closed when the agent has it
	msg   *ipc.Request
	file  *os.File
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
	case len(t.ring) > 0:
		earlier(t.retryAt)
	}
	if len(t.ring) > 0 {
		earlier(t.pause)
	}
	if len(t.young) > 0 {
		earlier(t.young[0].begun.Add(stallTime))
	}
	return next
}

func (s *scheduler) enqueue(t *transport, m *message, i int) {
	j := t.jobs[m]
	if j == nil {
		j = &job{m: m}
		t.jobs[m] = j
	}
	if r := &m.rcpt[i]; r.to.mailbox != "" {
		j.ready = append(j.ready, i)
	} else {
		s.addPeer(t, j, r, i)
	}
	t.queue(j)
}

// addPeer adds a recipient on other hosts to a job.
func (s *scheduler) addPeer(t *transport, j *job, r *recipient, i int) {
	at := s.site(t, r)
	p := j.bySite[at]
	if p == nil {
		if p = (&peer{j: j, at: at}); j.bySite == nil {
			j.bySite = map[*site]*peer{}
		}
		j.bySite[at] = p
		at.peers++
		j.peers = append(j.peers, p)
	}
	p.ready = append(p.ready, i)
}

func (t *transport) queue(j *job) {
	if !j.queued && (len(j.ready)+len(j.peers) > 0 && j.out < jobWindow || len(j.granted) > 0) {
		j.queued = true
		t.ring = append(t.ring, j)
	}
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

// forget drops a job that nothing is left of.
func (t *transport) forget(j *job) {
	if len(j.ready) == 0 && len(j.bySite) == 0 && j.out == 0 && !j.queued && t.jobs[j.m] == j {
		delete(t.jobs, j.m)
	}
}

// abandon gives up a job whose message is held or deleted.
func (s *scheduler) abandon(t *transport, j *job) {
	s.withdraw(t, j, result{outcome: untried})
	s.settle(j.m)
}

// withdraw gives an outcome to all of a job that no agent has.
func (s *scheduler) withdraw(t *transport, j *job, res result) {
	for _, i := range j.ready {
		s.decide(j.m, &j.m.rcpt[i], t.name, res)
	}
	j.ready, j.peers = nil, nil
	granted := j.granted
	j.granted = nil
	for at, p := range j.bySite {
		for _, i := range p.ready {
			s.decide(j.m, &j.m.rcpt[i], t.name, res)
		}
		at.wait = slices.DeleteFunc(at.wait, func(w *peer) bool { return w == p })
		s.unpeer(t, p)
	}
	for _, p := range granted {
		s.give(t, p.at)
	}
	t.forget(j)
}

// build takes recipients of one next hop from a job. It returns nil when none
// can be sent now.
func (s *scheduler) build(t *transport, j *job) *request {
	r := &request{j: j, sent: make(chan struct{})}
	var pressing bool // a mailbox or destination takes no more meanwhile
	if len(j.ready) > 0 {
		pressing = s.pickMailboxes(t, r)
	} else {
		pressing = s.pickSite(t, r)
	}
	if len(r.rcpt) == 0 {
		return nil
	}
	r.left = len(r.rcpt)
	r.msg = j.m.request(t.name, r.rcpt)
	r.msg.Pressing = pressing
	return r
}

// pickMailboxes takes recipients with mailboxes; those whose mailbox is busy
// wait there. pressing tells whether one of the mailboxes is now.
func (s *scheduler) pickMailboxes(t *transport, r *request) (pressing bool) {
	limit, j := s.p.limit(t.name), r.j
	rest := j.ready[:0:0]
	for k, i := range j.ready {
		rc := &j.m.rcpt[i]
		if len(r.rcpt) >= limit.perRequest {
			rest = append(rest, j.ready[k:]...)
			break
		}
		if len(r.rcpt) > 0 && rc.to.nexthop != r.rcpt[0].to.nexthop {
			rest = append(rest, i)
			continue
		}
		p := t.place(rc)
		if p.busy >= limit.concurrency {
			p.wait = append(p.wait, waiter{j, i})
			continue
		}
		p.busy++
		r.held = append(r.held, p)
		pressing = pressing || p.busy >= limit.concurrency
		r.rcpt = append(r.rcpt, rc)
	}
	j.ready = rest
	return pressing
}

// pickSite takes recipients of one site; peers whose site has no room wait
// there. pressing tells whether the site has none left.
func (s *scheduler) pickSite(t *transport, r *request) (pressing bool) {
	p := s.nextPeer(t, r.j)
	if p == nil {
		return false
	}
	n := min(len(p.ready), s.p.limit(t.name).perRequest)
	for _, i := range p.ready[:n] {
		r.rcpt = append(r.rcpt, &r.j.m.rcpt[i])
	}
	r.at, p.ready = p.at, p.ready[n:]
	if len(p.ready) > 0 {
		r.j.peers = append(r.j.peers, p)
	} else {
		s.unpeer(t, p)
	}
	return r.at.busy >= r.at.window
}

// nextPeer takes a peer out of its list whose site has taken a delivery for it.
func (s *scheduler) nextPeer(t *transport, j *job) *peer {
	for len(j.granted) > 0 {
		p := j.granted[0]
		j.granted = j.granted[1:]
		if p.at.dead == nil {
			return p
		}
		at := p.at
		s.bury(t, p)
		s.give(t, at)
	}
	for len(j.peers) > 0 {
		p := j.peers[0]
		j.peers = j.peers[1:]
		switch {
		case p.at.dead != nil:
			s.bury(t, p)
		case s.spare(t, p.at):
			t.take(p.at)
			return p
		default:
			s.lineUp(t, p)
		}
	}
	return nil
}

func (t *transport) place(r *recipient) *place {
	p := t.dests[r.to.mailbox]
	if p == nil {
		p = &place{key: r.to.mailbox}
		t.dests[p.key] = p
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

// letGo gives back what a request held.
func (s *scheduler) letGo(t *transport, r *request) {
	for _, p := range r.held {
		t.leave(p)
	}
	if r.at != nil {
		s.ended(t, r)
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
