package qmgr

import (
	"time"

	"yubin/internal/queue"
)

// shelve leaves a child in incoming/ whose parent's file is sick: it takes no record of
// the child, or did so in vain. Memory has that record, and the child is tried when the
// parent has ended: were it tried before, a crash could bring back a parent that knows nothing
// of it, and have it made again. So it waits as long as the parent's other recipients do, or
// until the next qmgr finds both (reunite). Of a delay the sender hears at once: later it
// would be wrong, and twice it does no harm.
func (s *scheduler) shelve(m *message, c *child, cm *message) {
	if c.record.State == queue.Deferred {
		s.launch(cm, c.id)
		s.ready(m, c, nil)
		return
	}
	if cm != nil {
		cm.first = true
		s.forget(cm)
		s.carryOut(cm.ID, s.arrived(cm.ID))
	}
	m.shelved = append(m.shelved, c.id)
	s.log.warn("%s: cannot note its child %s, which waits until this message has ended", m.ID, c.id)
	s.ready(m, c, nil)
}

// leftOf returns the children that reunite has left to a message.
func (s *scheduler) leftOf(id string) []string {
	children := s.left[id]
	delete(s.left, id)
	return children
}

// free begins the children that have waited for a message which has left the queue, once
// that is safe.
func (s *scheduler) free(parent string, children []string) {
	if len(children) == 0 {
		return
	}
	s.flush(s.store.Names(), func(err error) {
		if err != nil {
			s.log.warn("%s: %v: its children wait for another %v", parent, err, s.p.minimal)
			time.AfterFunc(s.p.minimal, func() { s.post(func() { s.free(parent, children) }) })
			return
		}
		for _, id := range children {
			s.adopt(id)
		}
	})
}
