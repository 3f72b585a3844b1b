// Package master is the one process of yubin that always runs: it binds every
// socket of master.cf, starts a service when its socket has work, and
// supervises. It never accepts a connection of a service and parses nothing that
// comes from the network; DNS is asked only for host names in inet_interfaces and
// master.cf.
//
// One goroutine owns all state: it hears of readable sockets, status lines,
// signals and the time, and acts. A service's life:
//
//	watched    its sockets are in the poller
//	  | a connection waits, or a wake-up
//	starting   a process was started (role.go); the sockets are not watched
//	  | READY
//	running
//	  | STOPPED-ACCEPTING, or it dies: back to watched
//	throttled  it died young: neither watched nor woken for a while
//
// A connection that comes while nobody accepts waits in the socket's backlog:
// neither the end of a process nor a reload refuses one.
//
// Where to read what:
//
//	master.go                   the loop, and starting a service
//	events.go, reap.go, wake.go what services say, their ends, wake-ups
//	service.go, accounts.go     master.cf, understood
//	socket.go, unixsocket.go    making sockets
//	stock.go                    taking over sockets; the service manager's too
//	process.go, role.go         from fork to the daemon
//	notify.go                   what the service manager is told
//	reload.go                   another configuration
//	sessions.go, host.go        people who have logged in, and their processes
//	control.go, who.go          what is asked of us
//	upgrade.go                  another program: the way there
//	handover.go                 what that program is left, and taking it up
package master

import (
	"context"
	"errors"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"yubin/internal/config"
	"yubin/internal/instance"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/processors"
	"yubin/internal/systemd"
)

// A master is the supervisor's state, owned by the goroutine in run.
type master struct {
	log      *maillog.Logger
	logins   *maillog.Logger // the same place, login_syslog_name
	reload   func() (*config.Config, error)
	throttle time.Duration // service_throttle_time
	poller   *poller
	parent   parent
	plan     *plan
	byToken  map[int32]*service
	tokens   int32 // the last one given
	procs    map[*process]struct{}
	reports  chan report
	signals  chan os.Signal
	stopping bool // no service is started any more, and their ends are no news

	claim     *instance.Claim
	control   *net.UnixListener
	petitions chan *petition
	sessions  *net.UnixListener // authd brings sessions
	hall      hall
	upgrade   *upgrade   // under way; nil: none
	verdicts  chan error // of the new program

	given     []systemd.Given   // by the service manager, at start
	notify    *systemd.Notifier // nil: no service manager
	announced bool              // it has been told that we are ready
	beatAt    time.Time         // of the next sign of life; zero: none is wanted
}

const (
	// young is how long a process must live for its death not to count
	// towards throttling.
	young = time.Second
	// firstDelay is the first wait of the back-off.
	firstDelay = time.Second
	// killAfter is how long services have to end at SIGTERM; their own grace
	// is shorter.
	killAfter = 15 * time.Second
	// bindPatience is how long a start waits for an address that an earlier
	// instance's services still have.
	bindPatience = 3 * time.Second
)

// run supervises until SIGTERM or the end of ctx. h is what the program that we
// were has left; nil: this is a start. started is called when all sockets are
// open.
func (m *master) run(ctx context.Context, p *plan, h *ipc.HandOver, started func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	processors.Few() // master has no long work
	m.watchSignals()
	defer signal.Stop(m.signals)
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	defer signal.Stop(children)

	var err error
	if m.poller, err = newPoller(); err != nil {
		return err
	}
	defer m.poller.close()
	m.prepareData(p)
	if h != nil {
		m.takeOver(h, p)
	} else if err := m.openAll(p, m.inherit(m.given)); err != nil {
		return err
	} else {
		m.adopt(p, time.Now())
	}
	started()
	if err := m.greet(time.Now()); err != nil {
		m.stop(children)
		return err
	}
	go attend(ctx, m.control, m.petitions)
	defer m.control.Close()
	go attendSessions(ctx, m.sessions, m.hall.arrivals, m.log)
	defer m.sessions.Close()
	m.loop(ctx, children)
	m.stop(children)
	return nil
}

// watchSignals has signals come as events.
func (m *master) watchSignals() {
	signal.Notify(m.signals, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)
}

// loop acts on events until the system is to end.
func (m *master) loop(ctx context.Context, children <-chan os.Signal) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case token := <-m.poller.ready:
			if s := m.byToken[token]; s != nil {
				m.start(s, time.Now())
			}
		case r := <-m.reports:
			m.heard(r, time.Now())
		case <-children:
			m.reap()
		case now := <-timer.C:
			m.tick(now)
		case sig := <-m.signals:
			if sig != syscall.SIGHUP {
				m.log.On(maillog.Stop).Info("terminating on signal %d", sig)
				return
			}
			m.reconfigure(ctx)
		case p := <-m.petitions:
			m.hearPetition(ctx, p)
		case a := <-m.hall.arrivals:
			m.seat(a, time.Now())
		case verdict := <-m.verdicts:
			m.become(verdict)
		case <-ctx.Done():
			return
		}
		timer.Reset(m.nextTick(time.Now()))
	}
}

// openAll opens the sockets of the first plan. What cannot be opened ends the
// start, except that addresses may be about to become free.
func (m *master) openAll(p *plan, st stock) error {
	for _, w := range p.warnings {
		m.log.Warn("%s", w)
	}
	deadline := time.Now().Add(bindPatience)
	for {
		err := p.open(&st)
		if err == nil {
			m.discard(st, p)
			return nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(deadline) {
			return err
		}
		st = append(st, p.stock()...)
		time.Sleep(100 * time.Millisecond)
	}
}

// open opens the sockets of all services, taking over those in st.
func (p *plan) open(st *stock) error {
	for _, s := range p.services {
		if s.def.Type == "inet" {
			s.sockets = st.named(s.def.Name)
		}
	}
	var errs []error
	for _, s := range p.services {
		if len(s.sockets) == 0 {
			errs = append(errs, s.open(st, p.accounts.binder()))
		}
	}
	return errors.Join(errs...)
}

// adopt makes p the plan in force and watches its services.
func (m *master) adopt(p *plan, now time.Time) {
	m.plan = p
	m.throttle = config.ServiceThrottleTime.Of(p.config)
	m.byToken = map[int32]*service{}
	for _, s := range p.services {
		m.tokens++
		s.token = m.tokens
		m.byToken[s.token] = s
		for _, socket := range s.sockets {
			if err := m.poller.add(socket.fd, s.token); err != nil {
				m.log.Error("watch %s: %v", socket.where, err)
			}
		}
		if s.selfStarting() && s.current == nil && s.wakeAt.IsZero() {
			s.wakeAt = now
		}
		if s.def.Wakeup > 0 {
			s.periodic = now.Add(s.def.Wakeup)
		}
		m.watch(s, now)
	}
}

// watch has the next connection start s, if nothing speaks against it.
func (m *master) watch(s *service, now time.Time) {
	if s.current != nil || now.Before(s.notBefore) {
		return
	}
	for _, socket := range s.sockets {
		if err := m.poller.watch(socket.fd, s.token); err != nil {
			m.log.Error("watch %s: %v", socket.where, err)
		}
	}
}

// start starts a process of s, unless one accepts already.
func (m *master) start(s *service, now time.Time) {
	if s.current != nil || now.Before(s.notBefore) {
		return
	}
	p, err := m.parent.start(s)
	if err != nil {
		m.log.Error("start service %s: %v", s.def.Name, err)
		m.backOff(s, now)
		return
	}
	m.procs[p] = struct{}{}
	s.current, s.used, s.wakeAt = p, true, time.Time{}
}

// backOff keeps s from being started for a while, twice as long each time. A
// process that lives ends the back-off.
func (m *master) backOff(s *service, now time.Time) {
	s.delay = min(max(2*s.delay, firstDelay), m.throttle)
	s.notBefore = now.Add(s.delay)
	if s.selfStarting() {
		s.wakeAt = s.notBefore
	}
	for _, socket := range s.sockets {
		if err := m.poller.ignore(socket.fd, s.token); err != nil {
			m.log.Error("watch %s: %v", socket.where, err)
		}
	}
}

// stop ends all services and returns when they are gone.
func (m *master) stop(children <-chan os.Signal) {
	m.stopping = true
	m.tell(systemd.Stopping, systemd.Status("stopping"))
	for p := range m.procs {
		p.signal(syscall.SIGTERM)
	}
	kill := time.NewTimer(killAfter)
	defer kill.Stop()
	for len(m.procs) > 0 {
		select {
		case <-children:
			m.reap()
		case r := <-m.reports:
			m.heard(r, time.Now())
		case <-kill.C:
			for p := range m.procs {
				m.log.Warn("process %s pid %d did not end in %v", p.path, p.pid, killAfter)
				p.signal(syscall.SIGKILL)
			}
		case <-m.poller.ready: // the connection was too late
		}
	}
	for _, s := range m.plan.stock() {
		s.close()
	}
}
