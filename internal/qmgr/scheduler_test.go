package qmgr

import (
	"fmt"
	"testing"
	"time"

	"yubin/internal/queue"
)

// The scheduler sleeps when nothing but an event can bring anything about, whatever
// time was due when it was last awake.
func TestSleeps(t *testing.T) {
	t.Parallel()
	past := func(s *scheduler) time.Time { return s.now().Add(-time.Second) }
	for _, c := range []struct {
		name string
		set  func(s *scheduler)
	}{
		{"retiring, with a writer", func(s *scheduler) { s.retiring, s.spaceAt = true, past(s) }},
		{"stopping, with a writer", func(s *scheduler) { s.stopping, s.spaceAt = true, past(s) }},
		{"stopping, with more in deferred", func(s *scheduler) { s.stopping, s.more, s.rescan = true, true, past(s) }},
		{"stopping, with requests for a transport", func(s *scheduler) {
			s.stopping = true
			tr := s.transport("smtp")
			tr.ring, tr.retryAt, tr.pause = []*job{{}}, past(s), past(s)
		}},
		{"dialling", func(s *scheduler) {
			tr := s.transport("smtp")
			tr.ring, tr.dialling, tr.retryAt, tr.pause = []*job{{}}, true, past(s), past(s)
		}},
		{"reading as many files as it may", func(s *scheduler) {
			for n := range loadsAtOnce {
				s.loading[fmt.Sprint(n)] = intent{}
			}
			s.waiting.put("next", queue.DirDeferred, past(s))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScheduler(testParams(t.TempDir()), nil, nil, 0)
			defer s.log.close()
			s.writers[&writer{}] = true
			s.spaceAt, s.tidyAt = s.now().Add(time.Hour), time.Time{}
			c.set(s)
			if d := s.untilNext(); d <= 0 {
				t.Errorf("sleeps %v", d)
			}
		})
	}
}

// What the calendar has no room for while deferred/ is being read may have been put
// there behind the reader's back: deferred/ is read once more.
func TestDeferredDuringScan(t *testing.T) {
	t.Parallel()
	late := func(s *scheduler) time.Time { return s.now().Add(time.Hour) }
	for _, c := range []struct {
		name string
		put  func(s *scheduler)
	}{
		{"put away", func(s *scheduler) { s.await(queue.Waiter{ID: "late", Next: late(s)}) }},
		{"wanted", func(s *scheduler) { s.hasten("late", queue.DirIncoming) }},
		{"left out", func(s *scheduler) {
			s.more = false
			s.await(queue.Waiter{ID: "late", Next: late(s)})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := testParams(t.TempDir())
			p.active = 2
			s := newScheduler(p, nil, nil, 0)
			defer s.log.close()
			for n := range s.known() {
				s.waiting.put(fmt.Sprint(n), queue.DirDeferred, s.now().Add(time.Minute))
			}
			s.more, s.scanning = true, true
			c.put(s)
			s.scanned(nil, false, s.flushed, nil)
			if s.waiting.byID["late"] == nil && !s.more {
				t.Error("a deferred message is forgotten")
			}
		})
	}
}
