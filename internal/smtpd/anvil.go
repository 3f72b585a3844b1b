package smtpd

import (
	"net/netip"
	"sync"
	"time"

	"yubin/internal/maillog"
)

// statNames are how Postfix's anvil calls the events in its statistics.
var statNames = [events]string{"connection", "message", "recipient", "auth", "newtls"}

// A peak is the most that a client has done.
type peak struct {
	n   int
	who netip.Addr
	at  time.Time
}

func (p *peak) note(n int, who netip.Addr, at time.Time) bool {
	if n <= p.n {
		return false
	}
	*p = peak{n, who, at}
	return true
}

// A statistics is what the log is told now and then, as Postfix's anvil does: the
// greatest of the numbers that are counted for limits. Its zero value tells nobody.
type statistics struct {
	log     *maillog.Logger // anvil's
	service string
	unit    time.Duration // of rates
	every   time.Duration

	mu    sync.Mutex // guards what follows
	since time.Time  // when the log was told last, or the first peak was met; zero: none
	rates [events]peak
	count peak
	size  peak // clients that are counted
}

// rate notes how often a client has done something in a unit of time, and how many
// clients are counted.
func (s *statistics) rate(e event, n int, who netip.Addr, size int) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due(now)
	s.rates[e].note(n, who, now)
	s.size.note(size, who, now)
}

// connections notes how many connections a client has.
func (s *statistics) connections(n int, who netip.Addr, size int) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due(now)
	s.count.note(n, who, now)
	s.size.note(size, who, now)
}

// due tells the log when it is time. The caller holds mu.
func (s *statistics) due(now time.Time) {
	if s.since.IsZero() {
		s.since = now
	} else if now.Sub(s.since) >= s.every {
		s.tell()
		s.since = now
	}
}

// close tells the log what is left.
func (s *statistics) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell()
}

// tell writes the lines, and begins anew. The caller holds mu.
func (s *statistics) tell() {
	if s.log == nil {
		return // one session on standard input
	}
	for e, p := range s.rates {
		if p.n > 0 {
			s.log.On(maillog.Statistics).Info("statistics: max %s rate %d/%ds for (%s:%v) at %s",
				statNames[e], p.n, int(s.unit.Seconds()), s.service, p.who, p.at.Format(time.Stamp))
		}
	}
	if p := s.count; p.n > 0 {
		s.log.On(maillog.Statistics).Info("statistics: max connection count %d for (%s:%v) at %s", p.n, s.service, p.who, p.at.Format(time.Stamp))
	}
	if p := s.size; p.n > 0 {
		s.log.On(maillog.Statistics).Info("statistics: max cache size %d at %s", p.n, p.at.Format(time.Stamp))
	}
	s.rates, s.count, s.size = [events]peak{}, peak{}, peak{}
}
