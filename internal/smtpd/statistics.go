package smtpd

import (
	"sync"
	"time"

	"yubin/internal/maillog"
)

// Statistics are the most that one client has done lately: how many connections
// it had at once, and how often it did what is counted. Every
// anvil_status_update_time, and when the process ends, the log has them, under the
// name of Postfix's server that counts; then they begin anew.
type statistics struct {
	service string
	unit    time.Duration
	every   time.Duration
	log     *maillog.Logger

	mu    sync.Mutex // guards what follows
	since time.Time  // of what is kept; zero: nothing is
	rates [events]peak
	open  peak
	cache peak
}

// A peak is the highest of some numbers.
type peak struct {
	n   int
	who string
	at  time.Time
}

// rateNames are the words of the log lines.
var rateNames = [events]string{"connection", "message", "recipient", "auth", "newtls"}

func newStatistics(service string, unit, every time.Duration, log *maillog.Logger) *statistics {
	return &statistics{service: service, unit: unit, every: every, log: log}
}

func (p *peak) raise(n int, who string, at time.Time) {
	if n > p.n {
		*p = peak{n, who, at}
	}
}

// rate takes note that who has done e n times in its window, and of how many
// clients are remembered.
func (s *statistics) rate(e event, n, known int, who string, now time.Time) {
	s.note(now, func() {
		s.rates[e].raise(n, who, now)
		s.cache.raise(known, "", now)
	})
}

// count takes note of the connections that who has now.
func (s *statistics) count(n int, who string, now time.Time) {
	s.note(now, func() { s.open.raise(n, who, now) })
}

func (s *statistics) note(now time.Time, raise func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.since.IsZero() && now.Sub(s.since) >= s.every {
		s.tell()
	}
	if s.since.IsZero() {
		s.since = now
	}
	raise()
}

// end tells what there is.
func (s *statistics) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell()
}

func (s *statistics) tell() {
	if s.since.IsZero() {
		return
	}
	for e, p := range s.rates {
		if p.n > 0 {
			s.log.On(maillog.Statistics).Info("statistics: max %s rate %d/%ds for (%s:%s) at %s", rateNames[e], p.n, int(s.unit.Seconds()), s.service, p.who, stamp(p.at))
		}
	}
	if p := s.open; p.n > 0 {
		s.log.On(maillog.Statistics).Info("statistics: max connection count %d for (%s:%s) at %s", p.n, s.service, p.who, stamp(p.at))
	}
	if p := s.cache; p.n > 0 {
		s.log.On(maillog.Statistics).Info("statistics: max cache size %d at %s", p.n, stamp(p.at))
	}
	s.since, s.rates, s.open, s.cache = time.Time{}, [events]peak{}, peak{}, peak{}
}

func stamp(t time.Time) string { return t.Format(time.Stamp) }
