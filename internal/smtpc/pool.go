package smtpc

import (
	"slices"
	"sync"
	"time"
)

// A poolKey says what a session can be used for again.
type poolKey struct {
	target string // messages for the same next hop
	site   string // messages that the same server takes, at the same level of TLS
}

// A pool keeps sessions that wait for the next message. It has sessions of one
// protocol.
type pool struct {
	o   *settings
	max int

	mu      sync.Mutex // guards what is below
	idle    []*session // the one that has waited longest first
	demand  map[string]*demand
	closing sync.WaitGroup
}

// demand is how much mail there is for a target.
type demand struct {
	running int
	last    time.Time // when a delivery began
	busy    bool      // one followed another at once
}

func newPool(o *settings, limit int) *pool {
	return &pool{o: o, max: limit, demand: map[string]*demand{}}
}

// enter notes a delivery for a target; leave its end.
func (p *pool) enter(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	d := p.demand[target]
	if d == nil {
		d = &demand{}
		p.demand[target] = d
	}
	d.busy = d.running > 0 || now.Sub(d.last) < p.o.cacheTime
	d.running++
	d.last = now
}

func (p *pool) leave(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.demand[target].running--
	if len(p.demand) < 1000 {
		return
	}
	for name, d := range p.demand {
		if d.running == 0 && time.Since(d.last) > p.o.cacheTime {
			delete(p.demand, name)
		}
	}
}

// wanted tells whether a session with a target is kept.
func (p *pool) wanted(t *target) bool {
	if listed, err := p.o.cacheDomains.Domain(t.name); err == nil && listed {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.demand[t.key]
	return p.o.cacheOnDemand && d != nil && (d.busy || d.running > 1)
}

// usable tells whether a session may carry another message.
func (p *pool) usable(s *session) bool {
	return !s.ended && (p.o.reuseCount == 0 || s.sent < p.o.reuseCount) && time.Since(s.began) < p.o.reuseTime &&
		(s.ext.mailMax == 0 || s.sent < s.ext.mailMax)
}

// put keeps a session for later. Without room the one that has waited longest
// goes.
func (p *pool) put(s *session) {
	s.parked = time.Now()
	s.timer = time.AfterFunc(p.o.cacheTime, func() {
		if p.remove(s) {
			s.quit()
			p.closing.Done()
		}
	})
	p.mu.Lock()
	p.idle = append(p.idle, s)
	var old *session
	if len(p.idle) > p.max {
		old, p.idle = p.idle[0], p.idle[1:]
	}
	p.mu.Unlock()
	if old != nil {
		p.dismiss(old)
	}
}

// dismiss ends a session in the background.
func (p *pool) dismiss(s *session) { p.closing.Go(s.quit) }

// remove takes a session out, for the caller to end.
func (p *pool) remove(s *session) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.idle, s)
	if i < 0 {
		return false
	}
	p.idle = slices.Delete(p.idle, i, i+1)
	p.closing.Add(1)
	return true
}

// take returns a session that fits, the one that was used last, or nil. It
// passes over those that have ended meanwhile.
func (p *pool) take(fits func(*session) bool) *session {
	for {
		s := p.pop(fits)
		if s == nil {
			return nil
		}
		s.timer.Stop()
		if p.usable(s) && s.fresh() {
			return s
		}
		p.dismiss(s)
	}
}

func (p *pool) pop(fits func(*session) bool) *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.idle) - 1; i >= 0; i-- {
		if s := p.idle[i]; fits(s) {
			p.idle = slices.Delete(p.idle, i, i+1)
			return s
		}
	}
	return nil
}

// close ends all that wait, and waits for it.
func (p *pool) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, s := range idle {
		s.timer.Stop()
		p.dismiss(s)
	}
	p.closing.Wait()
}
