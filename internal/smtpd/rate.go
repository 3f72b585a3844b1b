package smtpd

import (
	"sync"
	"time"

	"yubin/internal/config"
	"yubin/internal/maillog"
	"yubin/internal/smtp"
)

// An event is something that clients may do only so often.
type event int

const (
	eventConnect event = iota
	eventMessage
	eventRecipient
	eventAuth
	eventTLS
	events
)

// eventNames begin the log lines that rate limiters of other programs look for.
var eventNames = [events]string{"Connection", "Message delivery request", "Recipient address", "AUTH command", "New TLS session"}

// eventLimits are the parameters of the limits, for client addresses.
var eventLimits = [events]config.Int{
	config.SmtpdConnectionRateLimit, config.SmtpdMessageRateLimit, config.SmtpdRecipientRateLimit,
	config.SmtpdAuthRateLimit, config.SmtpdTLSSessionRateLimit,
}

// maxRated is how many clients, or users, are counted at most. Beyond it those
// that did nothing for longest are forgotten.
const maxRated = 20000

// A rates counts events in a window of time for each key: a client's address or
// a user's name. A window begins with the first event.
type rates[K comparable] struct {
	unit time.Duration

	mu   sync.Mutex // guards what follows
	turn time.Time  // when now began
	// Who has done something lately is in now, others in old: forgetting the
	// others is one assignment.
	now, old map[K]*window
}

type window struct {
	start time.Time
	n     [events]int
}

func newRates[K comparable](unit time.Duration) *rates[K] {
	return &rates[K]{unit: unit, now: map[K]*window{}}
}

// count adds an event of key and returns how many there are in its window, and how
// many keys are remembered.
func (r *rates[K]) count(key K, e event, at time.Time) (n, known int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.now) >= maxRated/2 || at.Sub(r.turn) >= r.unit {
		r.old, r.now, r.turn = r.now, map[K]*window{}, at
	}
	w := r.now[key]
	if w == nil {
		if w = r.old[key]; w == nil {
			w = &window{}
		}
		delete(r.old, key)
		r.now[key] = w
	}
	if at.Sub(w.start) >= r.unit {
		*w = window{start: at}
	}
	w.n[e]++
	return w.n[e], len(r.now) + len(r.old)
}

// quiet tells whether nothing is counted that still matters.
func (r *rates[K]) quiet(at time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.now) == 0 || at.Sub(r.turn) >= 2*r.unit
}

// quiet tells whether the process may end without forgetting who did what.
func (s *server) quiet() bool {
	limits := s.calm.userRate != [events]int{}
	for _, p := range []*settings{s.calm, s.tense} {
		limits = limits || p.rate != [events]int{}
	}
	if !limits {
		return true
	}
	now := time.Now()
	return s.clientRates.quiet(now) && s.userRates.quiet(now)
}

// tooOften counts an event of the session's client; it is true when there have
// been more than the client may make.
func (s *session) tooOften(e event) bool {
	limit := s.srv.p().rate[e]
	if s.srv.local || !s.peer.ip.IsValid() || s.isFree(limit > 0) {
		return false
	}
	now := time.Now()
	n, known := s.srv.clientRates.count(clientKey(s.peer.ip), e, now)
	s.srv.stats.rate(e, n, known, s.peer.address(), now)
	if limit == 0 || n <= limit {
		return false
	}
	s.srv.log.On(maillog.Limit).Warn("%s rate limit exceeded: %d from %v for service %s", eventNames[e], n, s.client(), s.srv.service)
	return true
}

// isFree tells whether smtpd_client_event_limit_exceptions has the client. Its name is
// waited for only if something depends on it.
func (s *session) isFree(matters bool) bool {
	if !matters && s.srv.unlimited.ByName() {
		return false
	}
	// A list that cannot be read lifts no limit.
	free, err := s.listed(s.srv.unlimited)
	return err == nil && free
}

// userTooOften is tooOften for the user who has logged in.
func (s *session) userTooOften(e event) bool {
	limit := s.srv.p().userRate[e]
	if limit == 0 || s.user() == "" {
		return false
	}
	n, _ := s.srv.userRates.count(s.user(), e, time.Now())
	if n <= limit {
		return false
	}
	s.srv.log.On(maillog.Limit).Warn("%s rate limit of the user exceeded: %d from %v for service %s, sasl_username=%s",
		eventNames[e], n, s.client(), s.srv.service, s.user())
	return true
}

// limited is the refusal of an event that comes too often: a message or a
// recipient.
func (s *session) limited(e event, what string) (r smtp.Reply, refused bool) {
	who := s.peer.address()
	if !s.tooOften(e) {
		if !s.userTooOften(e) {
			return r, false
		}
		who = s.user()
	}
	return s.fault(450, smtp.NotAuthorized, "Error: "+what+" from "+who), true
}
