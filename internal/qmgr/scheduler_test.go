package qmgr

import (
	"fmt"
	"testing"
	"time"
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
				s.loading[fmt.Sprint(n)] = &intent{}
			}
			s.waiting.put("next", "deferred", past(s))
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
