package qmgr

import (
	"context"
	"errors"
	"fmt"
	"time"

	"yubin/internal/ipc"
	"yubin/internal/queue"
)

const (
	// maxHeld is how many blanks one writer holds at most.
	maxHeld = 2048
	// lendAtOnce is how many one writer gets before others have their turn.
	lendAtOnce = 32
	// spaceEvery is how often the file system is asked how much room it has.
	spaceEvery = time.Second
)

// A writer is a program that writes messages onto blanks: smtpd or pickup.
type writer struct {
	program string
	keeper  bool // may commit under another ID, and so have maildrop files removed
	out     *outbox

	want    int
	held    map[string]queue.Blank
	commits int  // not answered
	gone    bool // its connection has ended
}

func (s *scheduler) join(w *writer) {
	s.writers[w] = true
	if s.full != "" {
		w.out.full(s.full)
	}
	if s.retiring {
		w.out.retire()
	}
}

// retire lends nothing any more, has the writers leave, and returns when they
// have given back or committed all blanks: the next generation does not know
// them, so that a message begun on one could only be refused.
func (s *scheduler) retire(ctx context.Context) {
	back := make(chan struct{})
	s.post(func() {
		s.retiring, s.allBack = true, back
		for w := range s.writers {
			w.out.retire()
		}
	})
	select {
	case <-back:
	case <-ctx.Done():
	case <-s.done:
	}
}

// checkAllBack ends the wait of retire.
func (s *scheduler) checkAllBack() {
	if s.allBack != nil && s.lent == 0 {
		close(s.allBack)
		s.allBack = nil
	}
}

// packet takes one packet of a writer.
func (s *scheduler) packet(w *writer, p *ipc.WriterPacket) {
	if p.Want > 0 {
		w.want = min(w.want+min(p.Want, maxHeld), maxHeld)
	}
	for _, id := range p.Return {
		if b, ok := w.take(id); ok {
			s.lent--
			s.store.Return(b)
		}
	}
	for _, c := range p.Commit {
		s.commit(w, c)
	}
}

func (w *writer) take(id string) (queue.Blank, bool) {
	b, ok := w.held[id]
	delete(w.held, id)
	return b, ok
}

// leave takes back what a writer held that has gone.
func (s *scheduler) leave(w *writer) {
	w.gone, w.want = true, 0
	for _, b := range w.held {
		s.lent--
		s.store.Return(b)
	}
	clear(w.held)
	s.release(w)
}

// release lets a writer's connection end when all its commits are answered.
func (s *scheduler) release(w *writer) {
	if w.gone && w.commits == 0 {
		delete(s.writers, w)
		w.out.finish()
	}
}

// commit begins to make one message safe.
func (s *scheduler) commit(w *writer, c ipc.Commit) {
	b, ok := w.take(c.Blank)
	if !ok {
		w.out.done(ipc.Done{Blank: c.Blank, Error: "not a blank that this writer holds"})
		return
	}
	s.lent--
	want := b.ID
	if c.As != "" {
		want = c.As
	}
	if !queue.ValidID(want) || want != b.ID && !w.keeper {
		s.store.Return(b)
		w.out.done(ipc.Done{Blank: c.Blank, Error: "not an ID that this writer may give"})
		return
	}
	if want != b.ID && s.accountedFor(want) {
		s.store.Return(b)
		w.out.done(ipc.Done{Blank: c.Blank, ID: want})
		return
	}
	w.commits++
	done := func(id, failure string) {
		w.commits--
		w.out.done(ipc.Done{Blank: c.Blank, ID: id, Error: failure})
		s.release(w)
	}
	qc, err := s.store.Commit(b, want)
	if errors.Is(err, queue.ErrInQueue) && c.As != "" {
		s.again(b, want, done)
		return
	}
	if err != nil {
		s.log.warn("%s: message from %s refused: %v", want, w.program, err)
		done("", err.Error())
		return
	}
	s.arrive(want)
	s.jobs = append(s.jobs, flushJob{
		item: s.store.Item(qc), commit: qc,
		then: func(m *message, flushErr, readErr error) {
			if err := errors.Join(flushErr, readErr); err != nil {
				s.refuse(qc, flushErr != nil, err)
				done("", err.Error())
				return
			}
			if want != b.ID {
				s.taken(want)
			}
			done(want, "")
			s.admit(m)
		},
	})
}

// refuse takes back a message that was not promised.
func (s *scheduler) refuse(qc *queue.Commit, damaged bool, cause error) {
	s.inFlight--
	s.arrived(qc.Header.ID)
	s.log.warn("%s: message refused: %v", qc.Header.ID, cause)
	if err := s.store.Refuse(qc, damaged); err != nil {
		s.log.warn("%s: %v", qc.Header.ID, err)
	}
}

// again answers a commit of a message that is in the queue under this ID: taken
// before a crash, or being taken. It is safe when a flush from now on has
// succeeded and the message is still there. A flush that follows one that failed proves
// nothing.
func (s *scheduler) again(b queue.Blank, id string, done func(id, failure string)) {
	same, f, err := s.store.Same(b, id)
	switch {
	case err != nil:
		done("", err.Error())
		return
	case !same:
		done("", ipc.ErrorIDInUse)
		return
	case s.sick[id]:
		f.Close()
		done("", ipc.ErrorIDInUse)
		return
	}
	item := s.store.Names()
	item.File = f
	s.flush(item, func(err error) {
		f.Close()
		if s.store.InQueue(id) == "" {
			err = errors.Join(err, fmt.Errorf("message %s was refused", id))
		} else {
			s.flushFailed(id, err)
		}
		if err != nil {
			done("", err.Error())
			return
		}
		s.taken(id)
		done(id, "")
	})
}

// lend gives blanks to the writers that want some, in turn.
func (s *scheduler) lend() {
	wanted := false
	for w := range s.writers {
		wanted = wanted || w.want > 0
	}
	if len(s.writers) == 0 || s.stopping || s.retiring {
		return
	}
	if s.checkFull(); s.full != "" || !wanted {
		return
	}
	for again := true; again; {
		again = false
		for w := range s.writers {
			for n := 0; n < lendAtOnce && w.want > 0 && len(w.held) < maxHeld; n++ {
				if s.inFlight+s.lent >= s.p.incoming {
					return
				}
				if err := s.lendOne(w); err != nil {
					s.noRoom(err)
					return
				}
			}
			again = again || w.want > 0 && len(w.held) < maxHeld
		}
	}
}

func (s *scheduler) lendOne(w *writer) error {
	b, f, err := s.store.Lend()
	if err != nil {
		return err
	}
	w.want--
	w.held[b.ID] = b
	s.lent++
	w.out.lend(ipc.Blank{ID: b.ID, Size: b.Size}, f)
	return nil
}

// noRoom stops lending until the file system is asked again.
func (s *scheduler) noRoom(err error) {
	s.noSpace = err.Error()
	s.spaceAt = s.now().Add(spaceEvery)
	s.tellFull()
}

// checkFull finds out whether mail can be taken, and tells the writers when
// that has changed.
func (s *scheduler) checkFull() {
	if now := s.now(); !now.Before(s.spaceAt) {
		s.spaceAt = now.Add(spaceEvery)
		s.noSpace = s.askSpace()
		if s.noSpace != "" && s.store.FreeRoom() {
			s.noSpace = s.askSpace()
		}
	}
	s.tellFull()
}

func (s *scheduler) askSpace() string {
	sp, err := s.store.Space()
	if err != nil {
		return err.Error()
	}
	if err := sp.Short(s.p.minfree); err != nil {
		return "the queue file system has " + err.Error()
	}
	return ""
}

func (s *scheduler) tellFull() {
	why := s.noSpace
	limit := s.p.incoming
	if s.full != "" {
		limit -= limit / 10 // once full, a little room must come first
	}
	if why == "" && s.inFlight >= max(limit, 1) {
		why = fmt.Sprintf("%d messages wait for their first delivery attempt", s.inFlight)
	}
	if (why == "") == (s.full == "") {
		return
	}
	s.full = why
	if why != "" {
		s.log.warn("no mail is taken: %s", why)
	} else {
		s.log.warn("mail is taken again")
	}
	for w := range s.writers {
		w.out.full(why)
	}
}
