package qmgr

import (
	"errors"
	"io/fs"
	"slices"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// controlAtOnce is how many messages one event of a large operation deals with,
// so that mail goes on beside it.
const controlAtOnce = 100

// tryNow has a deferred message tried at once. It tells whether there is one.
func (s *scheduler) tryNow(id, dir string) (bool, error) {
	if s.messages[id] != nil || s.coming(id) {
		return true, nil // under way
	}
	e := s.waiting.byID[id]
	if e == nil {
		switch dir = s.where(id, dir); dir {
		case queue.DirIncoming:
			return true, nil // its turn comes
		case queue.DirDeferred:
		default:
			return false, nil
		}
	} else {
		dir = e.dir
	}
	return true, s.hasten(id, dir)
}

// hasten has a message that waits be due now. The disk is told when memory may
// not keep it.
func (s *scheduler) hasten(id, dir string) error {
	var err error
	if s.waiting.len() >= s.known()/2 && s.kept[id] == nil && dir == queue.DirDeferred {
		err = s.store.Hasten(id)
	}
	if s.waiting.byID[id] != nil || s.waiting.len() < s.known() {
		s.waiting.put(id, dir, s.now())
	} else {
		s.more, s.passed = true, true // found when there is room
	}
	return err
}

// flushAll has everything deferred tried at once.
func (s *scheduler) flushAll() {
	s.flushed = s.now()
	s.reviveTransports()
	s.waiting.hasten(s.flushed)
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

// where is the directory of a message, which is dir if it is known.
func (s *scheduler) where(id, dir string) string {
	if dir != "" {
		return dir
	}
	return s.store.InQueue(id)
}

// holdOne puts a message into hold/, now or when what is under way has ended.
func (s *scheduler) holdOne(id, dir string) (bool, error) {
	if m := s.messages[id]; m != nil {
		m.hold = true
		return true, nil
	}
	if s.want(id, intent{hold: true}) {
		return true, nil
	}
	if m := s.kept[id]; m != nil && m.dir != queue.DirHold { // its file does not say who has it
		m.hold = true
		s.waiting.put(id, m.dir, s.now())
		return true, nil
	}
	switch dir = s.where(id, dir); dir {
	case "":
		return false, nil
	case queue.DirHold:
		return true, nil
	}
	if err := s.store.Hold(id, dir); err != nil {
		return true, err
	}
	s.unlist(id, dir)
	return true, nil
}

// releaseOne takes a message out of hold/ and has it tried.
func (s *scheduler) releaseOne(id, dir string) (bool, error) {
	if s.where(id, dir) != queue.DirHold {
		return false, nil
	}
	err := s.store.Release(id)
	if err != nil && s.store.InQueue(id) != queue.DirDeferred {
		return true, err
	}
	if m := s.kept[id]; m != nil {
		m.dir = queue.DirDeferred
	}
	return true, errors.Join(err, s.hasten(id, queue.DirDeferred))
}

// requeueOne has a message, on hold or not, tried with the configuration of now.
func (s *scheduler) requeueOne(id, dir string) (bool, error) {
	if found, err := s.releaseOne(id, dir); found || err != nil {
		return found, err
	}
	return s.tryNow(id, dir)
}

// expireOne has a message, on hold or not, go back to its sender as if its time
// were over. One that is being tried goes back when this attempt fails.
func (s *scheduler) expireOne(id, dir string) (bool, error) {
	if m := s.messages[id]; m != nil {
		m.Expired, dir = true, m.dir
	} else if s.want(id, intent{expire: true}) {
		dir = ""
	}
	if dir = s.where(id, dir); dir == "" {
		return false, nil
	}
	if err := s.store.Expire(id, dir); err != nil {
		return true, err
	}
	if k := s.kept[id]; k != nil {
		k.Expired = true
	}
	return s.requeueOne(id, dir)
}

// deleteOne removes a message without telling anybody.
func (s *scheduler) deleteOne(id, dir string) (bool, error) {
	if err := s.undeletable(id); err != nil {
		return true, err
	}
	if m := s.messages[id]; m != nil {
		m.remove = true
		return true, nil
	}
	if s.want(id, intent{remove: true}) {
		return true, nil
	}
	if dir = s.where(id, dir); dir == "" {
		return false, nil
	}
	if err := s.store.Delete(id, dir); err != nil {
		return true, err
	}
	children := s.leftOf(id)
	if m := s.kept[id]; m != nil {
		children = m.shelved
	}
	s.unlist(id, dir)
	s.free(id, children)
	s.tidyAt = s.now().Add(tidyPause)
	return true, nil
}

// unlist forgets a message in dir that is not being tried.
func (s *scheduler) unlist(id, dir string) {
	e, kept := s.waiting.remove(id), s.kept[id] != nil
	delete(s.kept, id)
	if dir != queue.DirIncoming {
		return
	}
	if e != nil && !kept { // it could not be read: its first attempt has yet to come
		s.inFlight--
	} else if i := slices.Index(s.backlog, id); i >= 0 {
		s.backlog = slices.Delete(s.backlog, i, i+1)
		s.inFlight--
	}
}

// An operation of a control request on one message, which is in dir unless that
// is "": did it exist, and what went wrong.
type operation func(s *scheduler, id, dir string) (found bool, err error)

var operations = map[string]operation{
	ipc.OpFlush:   (*scheduler).tryNow,
	ipc.OpHold:    (*scheduler).holdOne,
	ipc.OpRelease: (*scheduler).releaseOne,
	ipc.OpRequeue: (*scheduler).requeueOne,
	ipc.OpDelete:  (*scheduler).deleteOne,
	ipc.OpExpire:  (*scheduler).expireOne,
}

// targets are the directories that an operation on many messages looks in.
// With a filter that names queues expire looks in hold/ too.
var targets = map[string][]string{
	ipc.OpFlush:   {queue.DirDeferred},
	ipc.OpHold:    {queue.DirIncoming, queue.DirDeferred},
	ipc.OpRelease: {queue.DirHold},
	ipc.OpRequeue: {queue.DirIncoming, queue.DirDeferred, queue.DirHold},
	ipc.OpDelete:  {queue.DirIncoming, queue.DirDeferred, queue.DirHold},
	ipc.OpExpire:  {queue.DirIncoming, queue.DirDeferred},
}

func targetsOf(r *ipc.ControlRequest) []string {
	if r.Op == ipc.OpExpire && r.Filter != nil && slices.Contains(r.Filter.Queues, queue.DirHold) {
		return targets[ipc.OpDelete]
	}
	return targets[r.Op]
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
	if operations[r.Op] == nil {
		return c.Send(&ipc.ControlReply{Error: "unknown operation", End: true})
	}
	if (r.Op == ipc.OpFlush || r.Op == ipc.OpRequeue) && !r.Dry {
		s.ask(s.reviveTransports)
	}
	if err := s.operateOnAll(c, r); err != nil {
		return err
	}
	if r.Dry {
		return c.Send(&ipc.ControlReply{End: true})
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

// operateOnAll has the scheduler deal with all that a request is about.
func (s *scheduler) operateOnAll(c *fdpass.Conn, r *ipc.ControlRequest) error {
	gone, done := false, 0 // whoever asked; how many
	defer func() { s.didAll(r.Op, done) }()
	some := func(dir string, ids []string) (err error) {
		if r.Dry {
			err = c.Send(&ipc.ControlReply{Done: ids})
		} else {
			reply := s.operateOn(r.Op, dir, ids)
			done += len(reply.Done)
			err = c.Send(reply)
		}
		gone = err != nil
		return err
	}
	choice := s.choice(r.Filter)
	if !r.All && len(r.IDs) > 0 {
		for chunk := range slices.Chunk(choice.of(r.IDs), controlAtOnce) {
			if err := some("", chunk); err != nil {
				return err
			}
		}
		return nil
	}
	if !r.All && r.Filter == nil {
		return nil
	}
	err := choice.each(targetsOf(r), some)
	if err == nil || gone {
		return err
	}
	return c.Send(&ipc.ControlReply{Error: err.Error()})
}

// operateOn has the scheduler deal with some messages, which were in dir a moment
// ago, or are wherever they are.
func (s *scheduler) operateOn(name, dir string, ids []string) *ipc.ControlReply {
	reply, op := &ipc.ControlReply{}, operations[name]
	s.ask(func() {
		for _, id := range ids {
			found, err := false, error(nil)
			if queue.ValidID(id) {
				found, err = op(s, id, dir)
				if errors.Is(err, fs.ErrNotExist) && dir != "" { // it has moved
					found, err = op(s, id, "")
				}
			}
			switch {
			case err != nil:
				reply.Error = err.Error()
			case found:
				reply.Done = append(reply.Done, id)
				s.did(name, id)
			case dir == "": // of all that were there, it has gone meanwhile
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
				w.j.waiting--
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
