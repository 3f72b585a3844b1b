package qmgr

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

func (t *transport) place(r *recipient) *place {
	p := t.dests[r.to.mailbox]
	if p == nil {
		p = &place{key: r.to.mailbox}
		t.dests[p.key] = p
	}
	return p
}

// endWaiting makes all who wait for mailboxes ready. Those that are busy stay: an
// agent that drains still delivers to them.
func (t *transport) endWaiting() {
	for _, p := range t.dests {
		for _, w := range p.wait {
			w.j.waiting--
			w.j.ready = append(w.j.ready, w.i)
		}
		p.wait = nil
	}
}

// leave lets go of a place; the first that waits for it becomes ready.
func (t *transport) leave(p *place) {
	p.busy--
	if len(p.wait) > 0 {
		w := p.wait[0]
		p.wait = p.wait[1:]
		w.j.waiting--
		w.j.ready = append(w.j.ready, w.i)
		t.queue(w.j)
		return
	}
	if p.busy == 0 {
		delete(t.dests, p.key)
	}
}
