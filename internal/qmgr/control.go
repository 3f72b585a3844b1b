package qmgr

import (
	"slices"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/queue"
)

// controlAtOnce is how many messages one event of a large operation deals with,
// so that mail goes on beside it.
const controlAtOnce = 100

// tryNow has a deferred message tried at once. It tells whether there is one.
func (s *scheduler) tryNow(id string) bool {
	if s.messages[id] != nil || s.loading[id] != nil {
		return true // under way
	}
	if e := s.waiting.byID[id]; e != nil {
		s.waiting.put(id, e.dir, s.now())
		return true
	}
	if s.store.InQueue(id) != queue.DirDeferred {
		return false
	}
	s.waiting.put(id, queue.DirDeferred, s.now())
	return true
}

// flushAll has everything deferred tried at once.
func (s *scheduler) flushAll() {
	s.flushed = s.now()
	s.reviveTransports()
	for _, id := range s.waiting.ids() {
		s.waiting.put(id, s.waiting.byID[id].dir, s.flushed)
	}
	s.more = true // what the calendar does not hold is found by reading deferred/
	s.rescan = s.flushed
}

// reviveTransports lets agents that were not there be looked for again, and
// destinations that were dead be tried.
func (s *scheduler) reviveTransports() {
	for _, t := range s.transports {
		t.deadUntil, t.retryAt = time.Time{}, time.Time{}
		for _, at := range t.sites {
			if at.dead != nil {
				s.revive(t, at)
			}
		}
	}
}

// holdOne puts a message into hold/, now or when what is under way has ended.
func (s *scheduler) holdOne(id string) (bool, error) {
	if m := s.messages[id]; m != nil {
		m.hold = true
		return true, nil
	}
	if i := s.loading[id]; i != nil {
		i.hold = true
		return true, nil
	}
	dir := s.store.InQueue(id)
	switch dir {
	case "":
		return false, nil
	case queue.DirHold:
		return true, nil
	}
	s.unlist(id)
	return true, s.store.Hold(id, dir)
}

// releaseOne takes a message out of hold/ and has it tried.
func (s *scheduler) releaseOne(id string) (bool, error) {
	if s.store.InQueue(id) != queue.DirHold {
		return false, nil
	}
	now := s.now()
	if err := s.store.Release(id, now); err != nil {
		return true, err
	}
	s.waiting.put(id, queue.DirDeferred, now)
	return true, nil
}

// expireOne has a message, on hold or not, go back to its sender as if its time
// were over. One that is being tried goes back when this attempt fails.
func (s *scheduler) expireOne(id string) (bool, error) {
	if s.messages[id] == nil && s.loading[id] == nil && s.store.InQueue(id) == "" {
		return false, nil
	}
	s.forced[id] = true
	if found, err := s.releaseOne(id); found || err != nil {
		return found, err
	}
	s.tryNow(id)
	return true, nil
}

// deleteOne removes a message without telling anybody.
func (s *scheduler) deleteOne(id string) (bool, error) {
	if m := s.messages[id]; m != nil {
		m.remove = true
		return true, nil
	}
	if i := s.loading[id]; i != nil {
		i.remove = true
		return true, nil
	}
	dir := s.store.InQueue(id)
	if dir == "" {
		return false, nil
	}
	s.unlist(id)
	delete(s.forced, id)
	if err := s.store.Delete(id, dir); err != nil {
		return true, err
	}
	s.log.info(id, maillog.Removed, "removed")
	return true, nil
}

// unlist forgets a message that is not being tried.
func (s *scheduler) unlist(id string) {
	s.waiting.remove(id)
	delete(s.kept, id)
	delete(s.unsure, id)
	if i := slices.Index(s.backlog, id); i >= 0 {
		s.backlog = slices.Delete(s.backlog, i, i+1)
		s.inFlight--
	}
}

// An operation of a control request on one message: did it exist, and what
// went wrong.
type operation func(s *scheduler, id string) (found bool, err error)

var operations = map[string]operation{
	ipc.OpFlush:   func(s *scheduler, id string) (bool, error) { return s.tryNow(id), nil },
	ipc.OpHold:    (*scheduler).holdOne,
	ipc.OpRelease: (*scheduler).releaseOne,
	ipc.OpDelete:  (*scheduler).deleteOne,
	ipc.OpExpire:  (*scheduler).expireOne,
}

// targets are the directories that an operation on all messages looks in.
var targets = map[string][]string{
	ipc.OpHold:    {queue.DirIncoming, queue.DirDeferred},
	ipc.OpRelease: {queue.DirHold},
	ipc.OpDelete:  {queue.DirIncoming, queue.DirDeferred, queue.DirHold},
	ipc.OpExpire:  {queue.DirIncoming, queue.DirDeferred},
}

// operate carries out a control request. It runs in the connection's goroutine.
func (s *scheduler) operate(c *fdpass.Conn, r *ipc.ControlRequest) error {
	if r.Op == ipc.OpFlush && r.To != "" {
		return s.flushTo(c, r)
	}
	if r.Op == ipc.OpFlush && r.All {
		s.ask(s.flushAll)
		return c.Send(&ipc.ControlReply{End: true})
	}
	op, ids := operations[r.Op], r.IDs
	if op == nil {
		return c.Send(&ipc.ControlReply{Error: "unknown operation", End: true})
	}
	if r.Op == ipc.OpFlush {
		s.ask(s.reviveTransports)
	}
	if r.All {
		ids = nil
		for _, d := range targets[r.Op] {
			names, err := s.store.IDs(d)
			if err != nil {
				return c.Send(&ipc.ControlReply{Error: err.Error(), End: true})
			}
			ids = append(ids, names...)
		}
	}
	for chunk := range slices.Chunk(ids, controlAtOnce) {
		if err := c.Send(s.operateOn(op, chunk)); err != nil {
			return err
		}
	}
	// What was done is on stable storage when the last reply says so.
	flushed := make(chan error, 1)
	if !s.post(func() { s.flush(s.store.Names(), func(err error) { flushed <- err }) }) {
		return nil
	}
	last := &ipc.ControlReply{End: true}
	select {
	case err := <-flushed:
		if err != nil {
			last.Error = err.Error()
		}
	case <-s.done:
	}
	return c.Send(last)
}

// operateOn has the scheduler deal with some messages.
func (s *scheduler) operateOn(op operation, ids []string) *ipc.ControlReply {
	reply := &ipc.ControlReply{}
	s.ask(func() {
		for _, id := range ids {
			found, err := false, error(nil)
			if queue.ValidID(id) {
				found, err = op(s, id)
			}
			switch {
			case err != nil:
				reply.Error = err.Error()
			case found:
				reply.Done = append(reply.Done, id)
			default:
				reply.Missing = append(reply.Missing, id)
			}
		}
		for _, id := range ids {
			if m := s.messages[id]; m != nil && (m.hold || m.remove) {
				s.sweep(m)
			}
		}
	})
	return reply
}

// sweep takes the recipients of a held or deleted message that no agent has out
// of every transport.
func (s *scheduler) sweep(m *message) {
	for _, t := range s.transports {
		for _, p := range t.dests {
			p.wait = slices.DeleteFunc(p.wait, func(w waiter) bool {
				if w.j.m != m {
					return false
				}
				s.decide(m, &m.rcpt[w.i], t.name, result{outcome: untried})
				return true
			})
		}
		if j := t.jobs[m]; j != nil {
			s.withdraw(t, j, result{outcome: untried})
		}
	}
	s.settle(m)
}
