package qmgr

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"yubin/internal/queue"
)

const (
	// loadsAtOnce is how many files are being read into memory at once.
	loadsAtOnce = 32
	// rescanPause is the least time between two readings of deferred/.
	rescanPause = time.Second
)

// An intent is what is to happen to a message when it has been read.
type intent struct{ hold, remove bool }

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
		s.scan(nil)
	}
}

// rescanDue tells whether deferred/ is to be read again: it is time, or memory
// has room for what did not fit.
func (s *scheduler) rescanDue(now time.Time) bool {
	return !now.Before(s.rescan) || s.waiting.len() < s.p.active/4 && now.Sub(s.scanAt) >= rescanPause
}

// load reads one message, which then begins.
func (s *scheduler) load(id, dir string) {
	s.loading[id] = &intent{}
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
	want := s.loading[id]
	delete(s.loading, id)
	if err != nil {
		s.unloadable(id, dir, err)
		return
	}
	m.first = dir == queue.DirIncoming
	// What an earlier process had in hand may have been delivered.
	m.unsure = changed.Before(s.begun) || s.unsure[id]
	delete(s.unsure, id)
	s.loadedAs(m, want)
}

// reload makes ready a message that waited in memory.
func (s *scheduler) reload(m *message) {
	s.loading[m.ID] = &intent{}
	resolve := s.resolve
	s.helpers.Go(func() {
		m.again(resolve)
		s.post(func() {
			want := s.loading[m.ID]
			delete(s.loading, m.ID)
			s.loadedAs(m, want)
		})
	})
}

// loadedAs begins with a message, to which what somebody has wanted meanwhile
// happens.
func (s *scheduler) loadedAs(m *message, want *intent) {
	m.hold, m.remove = m.hold || want.hold, m.remove || want.remove
	if s.stopping {
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

// scan reads when the messages in deferred/ are due, in a goroutine; ids are
// their names if they are known.
func (s *scheduler) scan(ids []string) {
	s.scanning, s.scanAt = true, s.now()
	s.rescan = s.scanAt.Add(s.p.queueRun)
	limit := s.p.active
	s.helpers.Go(func() {
		var err error
		if ids == nil {
			ids, err = s.store.IDs(queue.DirDeferred)
		}
		w := s.store.Scan(ids)
		slices.SortFunc(w, func(a, b queue.Waiter) int { return cmp.Or(a.Next.Compare(b.Next), cmp.Compare(a.ID, b.ID)) })
		s.post(func() { s.scanned(w, limit, err) })
	})
}

// scanned puts the earliest into the calendar.
func (s *scheduler) scanned(w []queue.Waiter, limit int, err error) {
	s.scanning = false
	if err != nil {
		s.log.warn("read %s: %v", queue.DirDeferred, err)
		s.more = true
		return
	}
	s.more = false
	now := s.now()
	for _, d := range w {
		if s.messages[d.ID] != nil || s.loading[d.ID] != nil || s.waiting.byID[d.ID] != nil {
			continue
		}
		if d.Changed.Before(s.flushed) {
			d.Next = now // somebody asked for everything after it was last put away
		}
		if s.waiting.len() >= limit && d.Next.After(now) {
			s.more = true
			break
		}
		s.waiting.put(d.ID, queue.DirDeferred, d.Next)
	}
}

// recover takes up what an earlier process left. It returns before mail is
// taken, and leaves the reading of files, but for a few, to later.
func (s *scheduler) recover() error {
	incoming, deferred, hold, err := s.store.Recover()
	if err != nil {
		return err
	}
	if err := s.reunite(incoming); err != nil {
		return err
	}
	s.forgetTaken(incoming, deferred, hold)
	s.backlog, s.inFlight = incoming, len(incoming)
	s.scan(deferred)
	return nil
}

// reunite sees to it that every child in incoming/ has its parent's record: it
// may have been made safe just before a crash. Only then may it be tried.
func (s *scheduler) reunite(incoming []string) error {
	for _, id := range incoming {
		parent := queue.Parent(id)
		if parent == "" {
			continue
		}
		dir := s.store.InQueue(parent)
		if dir == "" {
			continue
		}
		done, err := s.store.Reunite(s.flusher, id, parent, dir)
		switch {
		case errors.Is(err, queue.ErrBlank) || errors.Is(err, queue.ErrCorrupt) || errors.Is(err, os.ErrNotExist):
			continue // whichever of them it is, its own reading deals with it
		case err != nil:
			return err
		case done:
			s.log.info(parent, "", "is noted to have child "+id)
		}
	}
	return nil
}

// forgetTaken removes sendmail's files whose messages are in the queue.
func (s *scheduler) forgetTaken(queues ...[]string) {
	drop, err := s.store.IDs(queue.DirMaildrop)
	if err != nil {
		s.log.warn("read %s: %v", queue.DirMaildrop, err)
		return
	}
	for _, id := range drop {
		for k, ids := range queues {
			if _, found := slices.BinarySearch(ids, id); !found {
				continue
			}
			dir := [...]string{queue.DirIncoming, queue.DirDeferred, queue.DirHold}[k]
			// Only a file that is whole replaces sendmail's.
			_, f, err := s.store.Load(id, dir)
			if err != nil {
				continue
			}
			f.Close()
			s.taken(id)
		}
	}
}
