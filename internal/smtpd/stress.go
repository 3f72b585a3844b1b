package smtpd

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"yubin/internal/config"
	"yubin/internal/maillog"
	"yubin/internal/rewrite"
)

// sayAgain is how long the log hears nothing of another time of stress.
const sayAgain = 10 * time.Minute

// A load counts connections. There is stress while nine tenths of those that may
// be open at once are, and until a quarter of them is free again.
type load struct {
	service string
	limit   int // 0: none, and never any stress
	log     *maillog.Logger
	high    atomic.Bool

	mu   sync.Mutex // guards what follows
	open int
	said time.Time
}

func newLoad(service string, limit int, log *maillog.Logger) *load {
	return &load{service: service, limit: limit, log: log}
}

func (l *load) enter() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open++
	if l.limit == 0 || l.high.Load() || l.open < l.limit-l.limit/10 {
		return
	}
	l.high.Store(true)
	if now := time.Now(); now.Sub(l.said) >= sayAgain {
		l.said = now
		l.log.On(maillog.Limit).Warn("service \"%s\" has %d connections of its process limit \"%d\": clients may have to wait, and have less time (stress=yes)",
			l.service, l.open, l.limit)
	}
}

func (l *load) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open--; 4*l.open < 3*l.limit {
		l.high.Store(false)
	}
}

// p are the settings as they are now.
func (s *server) p() *settings {
	if s.load.high.Load() {
		return s.tense
	}
	return s.calm
}

// pace is how much time clients have now.
func (s *server) pace() pace {
	now := s.p()
	p := pace{timeout: now.timeout, rate: now.dataRate}
	if s.tense.timeout < now.timeout {
		p.look = s.tense.timeout
	}
	return p
}

// configure reads c twice: as it is, and as it is under stress.
func (s *server) configure(c *config.Config) (err error) {
	if s.calm, err = s.settingsOf(c, nil); err != nil {
		return err
	}
	tense, err := c.Stressed()
	if err != nil {
		return err
	}
	if s.tense, err = s.settingsOf(tense, c); err == nil {
		s.tense.stress = "yes"
	}
	return err
}

// settingsOf reads c. Rules are those of calm where c has the same.
func (s *server) settingsOf(c, calm *config.Config) (p *settings, err error) {
	p = read(c)
	if p.override, err = rewrite.ReadOverrides(c); err != nil {
		return nil, err
	}
	if p.filter, err = rewrite.ContentFilter(c); err != nil {
		return nil, err
	}
	same := calm != nil && len(config.SmtpdRestrictionClasses.Of(c)) == 0 // these may differ
	for _, l := range lists {
		same = same && slices.Equal(l.Of(c), l.Of(calm))
	}
	if same {
		p.rules = s.calm.rules
		return p, nil
	}
	p.rules, err = compileRules(c, s.log)
	return p, err
}
