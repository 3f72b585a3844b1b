package qmgr

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"yubin/internal/queue"
)

const (
	// loadsAtOnce is how many files are being read into memory at once.
	loadsAtOnce = 32
	// rescanPause is the least time between two readings of deferred/.
	rescanPause = time.Second
)

// fill reads into memory what is due, as far as memory is bounded to.
func (s *scheduler) fill() {
	now := s.now()
	for !s.stopping && s.room() > 0 && len(s.loading) < loadsAtOnce {
		if len(s.backlog) > 0 {
			id := s.backlog[0]
			s.backlog = s.backlog[1:]
			s.load(id, queue.DirIncoming)
			continue
		}
		e := s.waiting.due(now)
		if e == nil {
			break
		}
		if m := s.kept[e.id]; m != nil {
			delete(s.kept, e.id)
			s.reload(m)
			continue
		}
		s.load(e.id, e.dir)
	}
	if s.more && !s.scanning && !s.stopping && s.rescanDue(now) {
		s.scan()
	}
}

// rescanDue tells whether deferred/ is to be read again: it is time, or memory
// has room for what did not fit.
func (s *scheduler) rescanDue(now time.Time) bool {
	return !now.Before(s.rescan) || s.waiting.len() < s.known()/4 && now.Sub(s.scanAt) >= rescanPause
}

// load reads one message, which then begins.
func (s *scheduler) load(id, dir string) {
	s.loading[id] = intent{}
	resolve := s.resolve // which may have to ask others
	s.helpers.Go(func() {
		q, f, err := s.store.Load(id, dir)
		var m *message
		var changed time.Time
		if err == nil {
			m = newMessage(q, dir, f, resolve)
			changed = q.Changed
		}
		if !s.post(func() { s.loaded(id, dir, m, changed, err) }) && f != nil {
			f.Close()
		}
	})
}

func (s *scheduler) loaded(id, dir string, m *message, changed time.Time, err error) {
	want := s.read(id)
	if err != nil {
		s.unloadable(id, dir, err)
		return
	}
	m.first = dir == queue.DirIncoming
	// What an earlier process had in hand may have been delivered.
	m.shelved = s.leftOf(id)
	m.unsure = changed.Before(s.begun) || m.Doubtful
	s.loadedAs(m, want)
}

// reload makes ready a message that waited in memory.
func (s *scheduler) reload(m *message) {
	s.loading[m.ID] = intent{}
	resolve := s.resolve
	s.helpers.Go(func() {
		m.again(resolve)
		s.post(func() {
			s.loadedAs(m, s.read(m.ID))
		})
	})
}

// loadedAs begins with a message, to which what somebody has wanted meanwhile
// happens.
func (s *scheduler) loadedAs(m *message, want intent) {
	m.take(want)
	if s.stopping {
		s.checkpoint(m)
		s.forget(m)
		return
	}
	s.begin(m)
}

// unloadable deals with a file that could not be read.
func (s *scheduler) unloadable(id, dir string, err error) {
	gone := errors.Is(err, fs.ErrNotExist)
	bad := errors.Is(err, queue.ErrBlank) || errors.Is(err, queue.ErrCorrupt)
	if !gone && !bad {
		// The disk, or no descriptor: not the file's fault.
		s.log.warn("%s: %v; tried again", id, err)
		s.waiting.put(id, dir, s.now().Add(s.p.minimal))
		return
	}
	if dir == queue.DirIncoming {
		s.inFlight--
	}
	if gone {
		return
	}
	what, moveErr := s.store.Unreadable(id, dir, err)
	if moveErr != nil {
		s.log.warn("%s: %v: %v", id, err, moveErr)
		return
	}
	s.log.warn("%s: %v: %s", id, err, what)
}

// known is how many of the messages that wait the calendar holds: the earliest.
// It is more than memory has room for, so that deferred/ need not be read
// each time that this many have been tried.
func (s *scheduler) known() int { return 4 * s.p.active }

// await puts a deferred message into the calendar if it belongs to the earliest.
func (s *scheduler) await(w queue.Waiter) {
	if s.more && s.waiting.len() >= s.known()/2 {
		s.passed = true
		return // read again from the directory when there is room
	}
	s.waiting.put(w.ID, queue.DirDeferred, w.Next)
	s.trim()
}

// trim lets the calendar forget the later half of what it has too much of.
func (s *scheduler) trim() {
	if s.waiting.len() <= s.known() {
		return
	}
	s.passed = true
	for _, e := range s.waiting.keepEarliest(s.known() / 2) {
		// The disk does not know of what is kept, and only deferred/ is read again.
		if s.kept[e.id] != nil || e.dir != queue.DirDeferred {
			s.waiting.put(e.id, e.dir, e.next)
		}
	}
	if !s.more {
		s.more, s.rescan = true, s.now().Add(s.p.queueRun)
	}
}

// scan reads when the messages in deferred/ are due, in a goroutine.
func (s *scheduler) scan() {
	s.scanning, s.scanAt, s.passed = true, s.now(), false
	s.rescan = s.scanAt.Add(s.p.queueRun)
	// What is being tried is in deferred/ as well, with a time that is over.
	limit, asked := s.known()+s.p.active, s.flushed
	s.helpers.Go(func() {
		w, more, err := s.store.Earliest(limit, asked)
		s.post(func() { s.scanned(w, more, asked, err) })
	})
}

// scanned puts the earliest into the calendar.
func (s *scheduler) scanned(w []queue.Waiter, more bool, asked time.Time, err error) {
	s.scanning = false
	if err != nil {
		s.log.warn("read %s: %v", queue.DirDeferred, err)
		s.more = true
		return
	}
	s.more = more || s.passed // which the reader may not have seen
	// A later time is that of a message to be released then, which waits on when it is
	// looked at, or a wrong clock has given it.
	latest := s.now().Add(s.p.backoff(s.p.maximal))
	for _, d := range w {
		if s.messages[d.ID] != nil || s.coming(d.ID) || s.waiting.byID[d.ID] != nil {
			continue
		}
		if s.waiting.len() >= s.known() {
			s.more = true
			break
		}
		next := d.Next
		if next.After(latest) {
			next = latest
		}
		s.waiting.put(d.ID, queue.DirDeferred, next)
	}
	if s.flushed != asked { // and those that were passed over may be due now
		s.waiting.hasten(s.flushed)
		s.more, s.rescan = true, s.now()
	}
}

// recover takes up what an earlier process left. It returns before mail is
// taken, and leaves the reading of files, but for a few, to later.
func (s *scheduler) recover() error {
	incoming, err := s.store.Recover()
	if err != nil {
		return err
	}
	if incoming, err = s.reunite(incoming); err != nil {
		return err
	}
	s.forgetTaken()
	s.backlog, s.inFlight = incoming, len(incoming)
	s.scan()
	return nil
}

// reunite sees to it that every child in incoming/ has its parent's record: it
// may have been made safe just before a crash. Only then may it be tried. It returns
// what may be: a child whose parent takes no record now is left to the parent's
// next attempt, or to its end.
func (s *scheduler) reunite(incoming []string) (ready []string, err error) {
	for _, id := range incoming {
		wait, err := s.reuniteOne(id)
		if err != nil {
			return nil, err
		}
		if wait {
			parent := queue.Parent(id)
			s.left[parent] = append(s.left[parent], id)
		} else {
			ready = append(ready, id)
		}
	}
	return ready, nil
}

func (s *scheduler) reuniteOne(id string) (wait bool, err error) {
	parent := queue.Parent(id)
	if parent == "" {
		return false, nil
	}
	dir := s.store.InQueue(parent)
	if dir == "" {
		return false, nil
	}
	done, err := s.store.Reunite(s.flusher, id, parent, dir)
	switch {
	case errors.Is(err, queue.ErrBlank) || errors.Is(err, queue.ErrCorrupt) || errors.Is(err, os.ErrNotExist):
		return false, nil // whichever of them it is, its own reading deals with it
	case done && err != nil:
		return false, err // written, and perhaps not safe
	case err != nil:
		s.log.warn("%s: cannot note child %s, which waits: %v", parent, id, err)
		return true, nil
	case done:
		s.log.info(parent, "", "is noted to have child "+id)
	}
	return false, nil
}
