package qmgr

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
)

const (
	// agentIdle is how long a connection to an agent without work is kept, so
	// that the agent, and then qmgr, can end.
	agentIdle = 10 * time.Second
	// maxDeaths is how many agents may die with a message before it is taken for
	// the cause.
	maxDeaths = 3
)

// A link is the connection to an agent.
type link interface {
	Send(v any, files ...*os.File) error
	Recv(v any) ([]*os.File, error)
	Close() error
}

// An agent is one connected delivery agent. The scheduler owns it; a sender and
// a receiver goroutine move its packets.
type agent struct {
	link        link
	outstanding map[uint64]*request
	slow        int // of those, the ones that agent_slow_window counts
	next        uint64
	ready       []*request      // for the next packet
	out         chan []*request // packets; room for every request that may be outstanding

	// sending is held while a request is sent and marked so, and taken by the
	// receiver before it hands a reply on: no reply overtakes the mark.
	sending sync.Mutex
}

// connect dials the transport's agent.
func (s *scheduler) connect(t *transport) {
	t.dialling = true
	s.helpers.Go(func() {
		l, err := s.dial(t.name)
		if !s.post(func() { s.connected(t, l, err) }) && err == nil {
			l.Close()
		}
	})
}

func (s *scheduler) connected(t *transport, l link, err error) {
	t.dialling = false
	if err != nil {
		s.lost(t, err)
		return
	}
	if s.stopping {
		l.Close()
		return
	}
	a := &agent{link: l, outstanding: map[uint64]*request{}, out: make(chan []*request, s.p.window+s.p.slow)}
	t.agent, t.reason, t.deadUntil = a, "", time.Time{}
	t.idleAt = s.now().Add(agentIdle)
	s.helpers.Go(func() { s.receive(t, a) })
}

// close ends a connection on which nothing is outstanding.
func (a *agent) close() { a.link.Close() }

// send puts a request into the next packet.
func (s *scheduler) send(t *transport, r *request) {
	a := t.agent
	if r.j.m.file == nil {
		f, err := s.store.OpenMessage(r.j.m.ID, r.j.m.dir)
		if err != nil {
			s.cannotOpen(t, r, err)
			return
		}
		r.j.m.file = f
	}
	a.next++
	r.n, r.begun, r.msg.N, r.file = a.next, s.now(), a.next, r.j.m.file
	a.outstanding[r.n] = r
	s.started(t, a, r)
	r.j.out++
	a.ready = append(a.ready, r)
}

// post hands what has gathered to the agent's sender.
func (a *agent) post() {
	for len(a.ready) > 0 {
		n, rcpt := 1, len(a.ready[0].rcpt)
		for n < len(a.ready) && n < ipc.MaxPacketRequests && rcpt+len(a.ready[n].rcpt) <= ipc.MaxPacketRecipients {
			rcpt += len(a.ready[n].rcpt)
			n++
		}
		a.out <- a.ready[:n:n]
		a.ready = a.ready[n:]
	}
}

// cannotOpen defers a request's recipients, which no agent has seen.
func (s *scheduler) cannotOpen(t *transport, r *request, err error) {
	for _, rc := range r.rcpt {
		s.decide(r.j.m, rc, t.name, result{outcome: deferred, code: "4.3.0", text: "queue file: " + maillog.Clean(err.Error())})
	}
	s.letGo(t, r)
	s.settle(r.j.m)
}

// deliver is the sender's goroutine: it ends when the connection has. A
// draining agent takes no more requests, but still answers those that it has.
func (a *agent) deliver(ended <-chan struct{}, unsent func([]*request)) {
	for {
		select {
		case <-ended:
			return
		case list := <-a.out:
			switch err := a.pass(list); {
			case errors.Is(err, syscall.EPIPE):
				unsent(list)
			case err != nil:
				a.link.Close() // the receiver finds out
				<-ended
				return
			}
		}
	}
}

func (a *agent) pass(list []*request) error {
	p := &ipc.RequestPacket{Version: ipc.DeliverVersion, Requests: make([]ipc.Request, len(list))}
	files := make([]*os.File, len(list))
	for i, r := range list {
		p.Requests[i], files[i] = *r.msg, r.file
	}
	a.sending.Lock()
	defer a.sending.Unlock()
	err := a.link.Send(p, files...)
	if err == nil {
		for _, r := range list {
			close(r.sent)
		}
	}
	return err
}

// settle waits until what the agent may have got is marked as sent.
func (a *agent) settle() {
	a.sending.Lock()
	defer a.sending.Unlock()
}

// receive is the receiver's goroutine; it starts the sender and waits for it.
func (s *scheduler) receive(t *transport, a *agent) {
	ended, sender := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sender)
		a.deliver(ended, func(list []*request) {
			s.post(func() {
				for _, r := range list {
					s.unsent(t, a, r)
				}
			})
		})
	}()
	var err error
	for err == nil {
		var p ipc.ReplyPacket
		var files []*os.File
		if files, err = a.link.Recv(&p); err == nil {
			fdpass.CloseAll(files)
			a.settle()
			s.post(func() {
				for i := range p.Replies {
					s.reply(t, a, &p.Replies[i])
				}
			})
		}
	}
	a.link.Close()
	close(ended)
	<-sender // it may still hold a message's descriptor
	s.post(func() { s.died(t, a, err) })
}

// reply takes an agent's answer.
func (s *scheduler) reply(t *transport, a *agent, p *ipc.Reply) {
	r := a.outstanding[p.N]
	if r == nil {
		s.log.warn("agent %s answers request %d, which it does not have", t.name, p.N)
		return
	}
	select {
	case <-r.sent:
	default:
		s.log.warn("agent %s answers request %d before it has got it: connection closed", t.name, p.N)
		a.link.Close()
		return
	}
	for i := range p.Results {
		s.outcome(t, r, &p.Results[i])
	}
	if len(p.Results) == 0 {
		// It will not say more, and nothing says that it has delivered.
		for _, rc := range r.rcpt {
			s.outcome(t, r, &ipc.Result{Index: rc.number, Status: ipc.Deferred, Code: "4.3.0", Text: "delivery agent gave no result"})
		}
	}
	if r.left > 0 {
		return
	}
	delete(a.outstanding, p.N)
	t.deaths = 0
	s.returned(t, r)
}

// unsent takes back a request that a draining agent did not take: the next
// generation gets it.
func (s *scheduler) unsent(t *transport, a *agent, r *request) {
	if a.outstanding[r.n] == nil {
		return // its end was found first
	}
	if t.agent == a {
		t.agent = nil
		t.draining[a] = true
	}
	delete(a.outstanding, r.n)
	for _, rc := range r.rcpt {
		i, _ := r.j.m.index(rc.number)
		s.enqueue(t, r.j.m, i)
	}
	s.returned(t, r)
}

// returned gives back what an ended request held.
func (s *scheduler) returned(t *transport, r *request) {
	s.letGo(t, r)
	r.j.out--
	t.queue(r.j)
	t.forget(r.j)
	s.settle(r.j.m)
}

// died takes back what an agent had that is gone.
func (s *scheduler) died(t *transport, a *agent, err error) {
	if t.agent == a {
		t.agent = nil
	}
	delete(t.draining, a)
	if len(a.outstanding) == 0 {
		return
	}
	t.deaths++
	t.retryAt = s.now().Add(min(time.Duration(t.deaths-1)*time.Second, s.p.transportRetry))
	s.log.warn("agent %s is gone with %d requests under way: %v; they are tried again", t.name, len(a.outstanding), err)
	counted := map[*message]bool{}
	for _, r := range a.outstanding {
		if m := r.j.m; !counted[m] {
			counted[m] = true
			if m.deaths++; m.deaths == maxDeaths {
				s.log.warn("%s: %d agents died with this message under way: it is suspect, and deferred", m.ID, m.deaths)
			}
		}
	}
	for _, r := range a.outstanding {
		for _, rc := range r.rcpt {
			s.orphan(t, r, rc)
		}
		s.returned(t, r)
	}
	clear(a.outstanding)
}

// orphan finds the next step of a recipient whose agent has died.
func (s *scheduler) orphan(t *transport, r *request, rc *recipient) {
	if rc.outcome != pending || rc.forward != nil && rc.forward.complete {
		return
	}
	rc.unsure, rc.forward = true, nil
	if m := r.j.m; m.deaths < maxDeaths && !s.stopping {
		i, _ := m.index(rc.number)
		s.enqueue(t, m, i)
		return
	}
	s.decide(r.j.m, rc, t.name, result{outcome: deferred, code: "4.3.0", text: "delivery agent died", begun: r.begun})
}

// dropAgents ends the wait for replies.
func (s *scheduler) dropAgents() {
	for _, t := range s.transports {
		if t.agent != nil {
			t.draining[t.agent] = true
		}
		for a := range t.draining {
			a.link.Close()
			clear(a.outstanding)
		}
	}
}
