package service

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"yubin/internal/hands"
	"yubin/internal/maillog"
	"yubin/internal/sock"
)

// shortage is how long accepting rests when the system has no descriptor or no
// memory for another connection.
const shortage = 500 * time.Millisecond

// An acceptor takes connections from the listening sockets of a service and
// keeps account of those that are open.
type acceptor struct {
	listeners []net.Listener
	slots     chan struct{} // full at the limit; nil: no limit
	serve     func(ctx context.Context, c net.Conn)
	log       *maillog.Logger
	change    chan struct{} // the number of open connections became or left zero
	failed    chan error    // a listening socket cannot be used any more
	hands     *hands.Pool

	quit  chan struct{}  // closed by stop
	loops sync.WaitGroup // of start

	mu    sync.Mutex // guards conns
	conns map[net.Conn]struct{}
}

func newAcceptor(listeners []net.Listener, limit int, serve func(context.Context, net.Conn), log *maillog.Logger) *acceptor {
	a := &acceptor{
		listeners: listeners, serve: serve, log: log, conns: map[net.Conn]struct{}{},
		change: make(chan struct{}, 1), failed: make(chan error, len(listeners)), hands: hands.New(),
	}
	if limit > 0 {
		a.slots = make(chan struct{}, limit)
	}
	return a
}

// start accepts until stop; sessions is the context of what it accepts.
func (a *acceptor) start(sessions context.Context) {
	a.quit = make(chan struct{})
	for _, l := range a.listeners {
		setDeadline(l, time.Time{})
		a.loops.Go(func() { a.loop(sessions, l) })
	}
}

// stop returns when nothing is accepted any more. Connections that are not
// accepted stay in the backlog of the socket, which other processes share.
func (a *acceptor) stop() {
	if a.stopped() {
		return
	}
	close(a.quit)
	for _, l := range a.listeners {
		setDeadline(l, time.Unix(1, 0))
	}
	a.loops.Wait()
}

func setDeadline(l net.Listener, t time.Time) {
	if d, ok := l.(interface{ SetDeadline(time.Time) error }); ok {
		d.SetDeadline(t)
	}
}

func (a *acceptor) loop(sessions context.Context, l net.Listener) {
	short := false
	for a.room() {
		c, err := l.Accept()
		switch {
		case errors.Is(err, errSpent):
			return
		case err == nil:
			short = false
			a.begin(sessions, c)
		case a.stopped():
			return
		case !isShortage(err):
			a.failed <- err
			return
		default:
			if !short {
				a.log.Warn("accept: %v; waiting until some are free", err)
			}
			short = true
			select {
			case <-time.After(shortage):
			case <-a.quit:
			}
		}
	}
}

// isShortage tells a want that passes from a socket that is broken.
func isShortage(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// room waits for a free slot; it is false when accepting has stopped. It does
// not keep the slot: while one socket waits, another may use it.
func (a *acceptor) room() bool {
	if a.slots == nil {
		return !a.stopped()
	}
	select {
	case <-a.quit:
		return false
	case a.slots <- struct{}{}:
		<-a.slots
		return !a.stopped()
	}
}

func (a *acceptor) stopped() bool {
	select {
	case <-a.quit:
		return true
	default:
		return false
	}
}

// begin serves c. Where several sockets accepted for the last slot at once,
// one connection waits for the next slot before it is served.
func (a *acceptor) begin(sessions context.Context, c net.Conn) {
	a.add(c)
	held := a.slots == nil
	if !held {
		select {
		case a.slots <- struct{}{}:
			held = true
		default:
		}
	}
	a.hands.Go(func() {
		defer a.remove(c)
		if !held {
			select {
			case a.slots <- struct{}{}:
			case <-sessions.Done():
				return
			}
		}
		if a.slots != nil {
			defer func() { <-a.slots }()
		}
		a.serve(sessions, quick(c))
	})
}

// quick makes reads and writes of a stream cheap. Packets have package fdpass.
func quick(c net.Conn) net.Conn {
	if u, ok := c.(*net.UnixConn); ok && u.LocalAddr().Network() == "unixpacket" {
		return c
	}
	return sock.Wrap(c)
}

func (a *acceptor) add(c net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conns[c] = struct{}{}
	a.note(len(a.conns) == 1)
}

func (a *acceptor) remove(c net.Conn) {
	c.Close()
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.conns, c)
	a.note(len(a.conns) == 0)
}

// note wakes who waits on change.
func (a *acceptor) note(changed bool) {
	if changed {
		a.nudge()
	}
}

func (a *acceptor) nudge() {
	select {
	case a.change <- struct{}{}:
	default:
	}
}

// changed tells whether a change waits to be noticed: the last connection may
// have ended this instant.
func (a *acceptor) changed() bool {
	select {
	case <-a.change:
		return true
	default:
		return false
	}
}

// open is the number of open connections.
func (a *acceptor) open() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.conns)
}

// wait waits until no connection is open, for at most d.
func (a *acceptor) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	for a.open() > 0 {
		select {
		case <-a.change:
		case <-t.C:
			return false
		}
	}
	return true
}

func (a *acceptor) closeListeners() {
	for _, l := range a.listeners {
		l.Close()
	}
}

// closeReading ends the reading side of internal connections. Packets that
// have arrived are still read, then comes the end.
func (a *acceptor) closeReading() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for c := range a.conns {
		if u, ok := c.(*net.UnixConn); ok && u.LocalAddr().Network() == "unixpacket" {
			u.CloseRead()
		}
	}
}

func (a *acceptor) closeAll() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for c := range a.conns {
		c.Close()
	}
}
