package master

import (
	"strconv"
	"strings"
	"time"

	"yubin/internal/ipc"
)

// heard acts on what a process said.
func (m *master) heard(r report, now time.Time) {
	if r.from.host != nil {
		m.heardHost(r)
		return
	}
	p, s := r.from, r.from.of
	word, value, _ := strings.Cut(r.line, " ")
	switch word {
	case "":
		p.silent = true
		m.buryIfGone(p, now)
	case ipc.StatusReady:
		p.ready = true
		if p.hangup {
			p.hangup = false
			m.hangUp(p)
		}
		m.readyWith(s, now)
	case ipc.StatusStopped:
		m.stopped(p, now)
	case ipc.StatusNextWake:
		// The present generation knows best; an earlier one is not asked.
		if t, err := strconv.ParseInt(value, 10, 64); err == nil && s.current == p {
			s.wakeAt, p.replaced = time.UnixMicro(t), false
		}
	}
}

// stopped watches the sockets again: p accepts no more.
func (m *master) stopped(p *process, now time.Time) {
	p.stopped = true
	s := p.of
	if s.current != p {
		return
	}
	s.current = nil
	if now.Sub(p.started) >= young {
		s.delay = 0
	}
	if p.replaced && s.selfStarting() {
		s.wakeAt = now
	}
	m.watch(s, now)
}

// tick does what is due.
func (m *master) tick(now time.Time) {
	if due(m.beatAt, now) {
		m.beat(now)
	}
	for _, s := range m.plan.services {
		if s.current == nil && !s.notBefore.IsZero() && !now.Before(s.notBefore) {
			s.notBefore = time.Time{}
			m.watch(s, now)
		}
		if due(s.wakeAt, now) && !now.Before(s.notBefore) {
			s.wakeAt = time.Time{}
			m.start(s, now)
		}
		if due(s.periodic, now) {
			s.periodic = now.Add(s.def.Wakeup)
			if s.used || !s.def.WakeIfUsed {
				wake(s)
			}
		}
	}
}

func due(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

// never is a long time for a timer with nothing to do.
const never = 24 * time.Hour

// nextTick is the time until something is due.
func (m *master) nextTick(now time.Time) time.Duration {
	next := now.Add(never)
	if !m.beatAt.IsZero() && m.beatAt.Before(next) {
		next = m.beatAt
	}
	for _, s := range m.plan.services {
		for _, t := range [...]time.Time{s.notBefore, s.wakeAt, s.periodic} {
			if !t.IsZero() && t.Before(next) {
				next = t
			}
		}
	}
	return max(next.Sub(now), 0)
}
