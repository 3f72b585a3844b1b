package qmgr

import "slices"

// jobWindow is how many requests of one message are outstanding at one agent:
// a message to 10,000 recipients leaves room for the others.
const jobWindow = 8

// A job is one message's recipients for one transport.
type job struct {
	m       *message
	ready   []int // indexes into m.rcpt: those with mailboxes
	peers   []*peer
	granted []*peer // those whose site keeps a delivery for them
	bySite  map[*site]*peer
	waiting int  // recipients that wait for their mailbox (place.go)
	out     int  // requests outstanding
	queued  bool // in the ring
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

// forget drops a job that nothing is left of. While anybody waits in it, others of the
// message, from another transport, must find it: of two jobs one would be lost.
func (t *transport) forget(j *job) {
	if len(j.ready) == 0 && len(j.bySite) == 0 && j.waiting == 0 && j.out == 0 && !j.queued && t.jobs[j.m] == j {
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
