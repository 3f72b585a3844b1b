package qmgr

import (
	"fmt"
	"os"

	"yubin/internal/queue"
)

// A letter is sendmail's file in maildrop/. It is removed when its message is safe in
// the queue. Where that fails the message stays, with the records of what has become of
// it, until the letter has gone: they tell the next qmgr that it was taken.

// taken removes the letter of a message that is safe in the queue, or accounted for.
func (s *scheduler) taken(id string) error {
	if err := s.store.Taken(id); err != nil {
		s.stays(id, err)
		return err
	}
	if s.untaken[id] {
		delete(s.untaken, id)
		if _, err := s.tryNow(id, ""); err != nil { // perhaps it waited only for this
			s.log.warn("%s: %v", id, err)
		}
	}
	return nil
}

// stays notes that maildrop/ keeps a letter whose message is in the queue. pickup comes
// with it again and again: the log has it once.
func (s *scheduler) stays(id string, err error) {
	if !s.untaken[id] {
		s.untaken[id] = true
		s.log.warn("%s: %v: its message stays in the queue until maildrop/%s has gone", id, err, id)
	}
}

// undeletable tells why a message must not be deleted: its letter would be taken anew by
// the next qmgr.
func (s *scheduler) undeletable(id string) error {
	if !s.untaken[id] {
		return nil
	}
	if err := s.taken(id); err != nil {
		return fmt.Errorf("%s would come back: %w", id, err)
	}
	return nil
}

// accountedFor tells whether the letter that pickup comes with has had its message: after
// a crash that is found in the queue, and may have been delivered by the time that pickup
// comes with what it had read before; and one may have been deleted whose letter stays.
func (s *scheduler) accountedFor(id string) bool {
	if !s.store.InMaildrop(id) {
		return true
	}
	if !s.untaken[id] || s.store.InQueue(id) != "" {
		return false
	}
	s.taken(id) // or the next time that pickup comes
	return true
}

// forgetLetter removes the letter of a message that an earlier process took, once the
// message is flushed. If it cannot be, the letter is all that is sure, until the message
// is accounted for.
func (s *scheduler) forgetLetter(m *queue.Message, f *os.File) {
	item := s.store.Names()
	item.File = f
	if err := s.flusher.Flush(item); err != nil {
		s.flushFailed(m.ID, err)
		s.stays(m.ID, err)
		return
	}
	s.taken(m.ID)
}

// forgetTaken removes sendmail's files whose messages are in the queue.
func (s *scheduler) forgetTaken() {
	err := s.store.EachID(queue.DirMaildrop, func(ids []string) bool {
		for _, id := range ids {
			dir := s.store.InQueue(id)
			if dir == "" {
				continue
			}
			// Only a file that is whole replaces sendmail's, and only one that the
			// disk has: a process that was killed leaves what nobody has flushed.
			if m, f, err := s.store.Load(id, dir); err == nil {
				if s.store.Submitted(m) {
					s.forgetLetter(m, f)
				}
				f.Close()
			}
		}
		return true
	})
	if err != nil {
		s.log.warn("read %s: %v", queue.DirMaildrop, err)
	}
}
