package master

import (
	"errors"
	"fmt"
	"time"

	"yubin/internal/systemd"
)

const (
	// patience is how long the service manager is asked to wait on while qmgr
	// reads the queue, and patienceEvery how often.
	patience      = 30 * time.Second
	patienceEvery = 5 * time.Second
)

// tell tells the service manager. That it does not hear is for the log: what
// it then does to us would otherwise have no explanation.
func (m *master) tell(states ...string) {
	if err := m.notify.Send(states...); err != nil {
		m.log.Warn("%v", err)
	}
}

// greet begins the conversation with the service manager: all sockets are
// open. Ready is said when qmgr is, because without it no mail is taken. A
// manager that waits for what can never be is told by our end.
func (m *master) greet(now time.Time) error {
	if !m.notify.Wanted() {
		return nil
	}
	m.keepAll()
	q := m.plan.queueManager()
	switch {
	case q == nil:
		return errors.New("without qmgr no mail is taken: install the program that the warning before this line names")
	case m.announced: // before we became this program
		m.announce()
	default:
		m.tell(systemd.Status("waiting for qmgr"))
	}
	m.beat(now)
	return nil
}

func (p *plan) queueManager() *service {
	for _, s := range p.services {
		if s.def.Command == "qmgr" {
			return s
		}
	}
	return nil
}

// readyWith announces us when s, which is ready, is what we waited for.
func (m *master) readyWith(s *service, now time.Time) {
	if m.notify.Wanted() && !m.announced && s.def.Command == "qmgr" {
		m.announce()
		m.beat(now)
	}
}

func (m *master) announce() {
	m.announced = true
	m.tell(systemd.Ready, systemd.Status(m.summary()))
}

// reloaded ends what systemd.Reloading began.
func (m *master) reloaded(status string) {
	if m.announced {
		m.tell(systemd.Ready, systemd.Status(status))
	}
}

// summary is what systemctl status shows.
func (m *master) summary() string {
	return fmt.Sprintf("%s, %d services", describe(m.plan.config), len(m.plan.services))
}

// beat is a sign of life. It comes from the goroutine that does the work, so
// that a master which hangs is noticed; before it is ready, qmgr may take its
// time as long as it lives.
func (m *master) beat(now time.Time) {
	every := m.notify.WatchdogEvery()
	if every > 0 {
		m.tell(systemd.Watchdog)
	}
	if !m.announced {
		if q := m.plan.queueManager(); q != nil && q.current != nil {
			m.tell(systemd.Extend(patience))
		}
		if every == 0 || every > patienceEvery {
			every = patienceEvery
		}
	}
	m.beatAt = time.Time{}
	if every > 0 {
		m.beatAt = now.Add(every)
	}
}
