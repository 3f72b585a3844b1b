package master

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/systemd"
)

// reconfigure puts the configuration as it is now in force. What cannot be
// read leaves everything as it was.
func (m *master) reconfigure(ctx context.Context) {
	if m.announced {
		m.tell(systemd.Reloading()...)
	}
	c, p, err := m.readPlan(ctx)
	if err != nil {
		m.log.Error("reload: %v; the old configuration stays", err)
		m.reloaded(fmt.Sprintf("reload failed: %v; the old configuration stays", err))
		return
	}
	m.reopenLog(c)
	m.nameLog(c)
	m.log.On(maillog.Reload).Info("reload -- %s", describe(c))
	for _, w := range p.warnings {
		m.log.Warn("%s", w)
	}
	now := time.Now()
	m.replace(p, now)
	m.parent.setEnv(c)
	m.adopt(p, now)
	m.keepAll()
	m.reloaded(m.summary())
}

func (m *master) readPlan(ctx context.Context) (*config.Config, *plan, error) {
	c, err := m.reload()
	if err != nil {
		return nil, nil, err
	}
	if was := config.QueueDirectory.Of(m.plan.config); was != config.QueueDirectory.Of(c) {
		return nil, nil, errors.New("queue_directory was " + was + " and cannot change while the system runs: stop it and start it")
	}
	p, err := makePlan(ctx, c)
	return c, p, err
}

// replace opens p's sockets, moves to p what lives on from the present plan,
// and tells the processes of the present plan.
func (m *master) replace(p *plan, now time.Time) {
	var old stock
	before := map[string]*service{}
	for _, s := range m.plan.services {
		before[s.key()] = s
		old = append(old, s.sockets...)
	}
	for _, socket := range old {
		m.poller.remove(socket.fd)
	}
	m.prepareData(p)
	if err := p.open(&old); err != nil {
		m.log.Error("reload: %v", err)
	}
	after := map[string]*service{}
	for _, s := range p.services {
		after[s.key()] = s
		if b := before[s.key()]; b != nil {
			s.used, s.delay, s.notBefore, s.wakeAt = b.used, b.delay, b.notBefore, b.wakeAt
		}
	}
	for process := range m.procs {
		m.pass(process, after[process.of.key()], now)
	}
	m.discard(old, p)
}

// pass hands a process over to the service s of the new plan; nil: there is no
// such service any more.
func (m *master) pass(p *process, s *service, now time.Time) {
	if p.host != nil {
		m.retireHost(p) // the next session gets the configuration as it is then
		if s != nil {
			p.of = s
		}
		return
	}
	b := p.of
	accepting := b.current == p
	if accepting && s != nil && b.sameProgram(s) && sameSockets(b, s) {
		p.of, s.current = s, p
		p.hangup = !p.ready
		if p.ready {
			m.hangUp(p)
		}
		return
	}
	// The old plan's service must not act on sockets that are the new one's.
	if p.of = s; s == nil {
		p.of = &service{def: b.def}
	}
	if !accepting {
		return // it ends its sessions already
	}
	// Another program, or other sockets: a process has what it was started
	// with, so a new one takes over at once.
	p.replaced = true
	p.say(ipc.StatusRetire)
	if s != nil && s.selfStarting() {
		s.wakeAt = now
	}
}

// hangUp tells p to read the configuration again, or to make way.
func (m *master) hangUp(p *process) {
	p.replaced = true
	p.signal(syscall.SIGHUP)
}

func sameSockets(a, b *service) bool {
	if len(a.sockets) != len(b.sockets) {
		return false
	}
	for i := range a.sockets {
		if a.sockets[i] != b.sockets[i] {
			return false
		}
	}
	return true
}

// reopenLog opens the files of the log again, which may be new or were rotated,
// and gives them to everybody. Between a file and syslog nobody changes over but
// at start.
func (m *master) reopenLog(c *config.Config) {
	old := m.parent.logFiles
	next, err := openLogFiles(c)
	if err != nil {
		m.log.Warn("the files of the log are not opened again: %v", err)
		return
	}
	if next.text == nil || old.text == nil {
		(&logFiles{text: next.text}).close()
		next.text = old.text
	} else {
		old.text.Close()
	}
	(&logFiles{json: old.json}).close()
	m.parent.logFiles = next
	if own, err := next.copy(); err == nil {
		if own.text != nil {
			m.log.Redirect(own.text)
		}
		m.log.RedirectJSON(own.json)
	}
	files, _, words := next.named()
	for p := range m.procs {
		if p.host == nil {
			p.say(strings.Join(append([]string{ipc.StatusLog}, words...), " "), files...)
		}
	}
}
