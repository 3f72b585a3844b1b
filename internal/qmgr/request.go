package qmgr

import (
	"os"
	"time"

	"yubin/internal/ipc"
)

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
			j.waiting++
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

// letGo gives back what a request held.
func (s *scheduler) letGo(t *transport, r *request) {
	for _, p := range r.held {
		t.leave(p)
	}
	if r.at != nil {
		s.ended(t, r)
	}
}
