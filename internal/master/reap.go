package master

import (
	"errors"
	"syscall"
	"time"
)

// reap takes note of processes that ended.
func (m *master) reap() {
	for p := range m.procs {
		if p.reaped {
			continue
		}
		// Each by its ID: this process may have other children.
		pid, err := syscall.Wait4(p.pid, &p.wait, syscall.WNOHANG, nil)
		if pid != p.pid && !errors.Is(err, syscall.ECHILD) {
			continue
		}
		p.reaped = true
		p.status.SetReadDeadline(time.Now().Add(lastWords))
		m.buryIfGone(p, time.Now())
	}
}

// buryIfGone draws the conclusions from a process's end, once its last words
// have been heard.
func (m *master) buryIfGone(p *process, now time.Time) {
	if !p.reaped || !p.silent {
		return
	}
	delete(m.procs, p)
	p.status.Close()
	if m.stopping {
		return
	}
	if p.host != nil {
		m.buryHost(p)
		return
	}
	died := m.logEnd(p)
	s, accepted := p.of, p.of.current == p
	if accepted {
		s.current = nil
	}
	switch {
	case p.replaced && !accepted: // how it ends says nothing of its successor
	case !p.ready || now.Sub(p.started) < young && (died || accepted):
		m.log.Warn("%s: bad command startup -- throttling", p.path)
		m.backOff(s, now)
	case accepted:
		s.delay = 0
		if s.selfStarting() {
			s.wakeAt = now
		}
	}
	if accepted {
		m.watch(s, now)
	}
}

// logEnd reports a process that did not end by its own will.
func (m *master) logEnd(p *process) (died bool) {
	switch {
	case p.wait.Signaled():
		m.log.Warn("process %s pid %d killed by signal %d", p.path, p.pid, p.wait.Signal())
		return true
	case p.wait.ExitStatus() != 0:
		m.log.Warn("process %s pid %d exit status %d", p.path, p.pid, p.wait.ExitStatus())
		return true
	}
	return false
}
