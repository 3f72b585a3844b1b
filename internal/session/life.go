package session

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/lull"
)

// A life is what Run waits for.
type life struct {
	*process
	idle, drain time.Duration
	lull        *lull.Keeper

	sessions int
	retired  bool // STOPPED-ACCEPTING was said
	last     bool // nothing follows
}

// run returns when no session is left and none can come, or when patience is
// over.
func (l *life) run(ctx context.Context, signals <-chan os.Signal) {
	orders := make(chan order)
	go l.listen(orders)
	idle := time.NewTimer(l.idle)
	defer idle.Stop()
	var over <-chan time.Time // set while draining
	retire := func() {
		l.retire()
		if over == nil {
			over = time.After(l.drain)
		}
	}
	for !l.last || l.sessions > 0 {
		select {
		case o, ok := <-orders:
			if !ok { // master has gone
				orders, l.last = nil, true
				retire()
				continue
			}
			if o.Retire {
				retire()
			}
			l.obey(ctx, o)
		case s := <-l.ended:
			l.left(s)
			idle.Reset(l.idle)
			l.lull.Stir()
		case <-idle.C:
			if l.sessions == 0 {
				l.retire()
			}
		case <-over:
			l.endAll(ErrShutdown)
			l.await(grace)
			return
		case sig := <-signals:
			if sig == syscall.SIGHUP {
				continue // master says what is to be done
			}
			l.endAll(ErrShutdown)
			l.await(grace)
			return
		}
	}
}

// retire asks for no more sessions. Those on their way are still served.
func (l *life) retire() {
	if !l.retired {
		l.retired = true
		l.say(ipc.StatusStopped)
	}
}

// left tells master that a session has ended.
func (l *life) left(s *Session) {
	l.sessions--
	line := fmt.Sprintf("%s %d", ipc.StatusEnd, s.Start.Number)
	if s.parting != "" {
		line += " " + s.parting
	}
	l.say(line)
}

// obey does what master says.
func (l *life) obey(ctx context.Context, o order) {
	if o.Parting {
		l.parting.Store(true)
	}
	switch {
	case o.Start != nil && len(o.handles) == 2:
		if l.begin(ctx, o.Start, o.handles[0], o.handles[1]) {
			l.sessions++
			l.lull.Stir()
		}
		return
	case o.Start != nil:
		(&Session{Start: o.Start, process: l.process}).Log("Error: its connection did not come: too many files are open")
		l.say(fmt.Sprintf("%s %d", ipc.StatusEnd, o.Start.Number))
	case o.Last:
		l.last = true
	case o.Kick != 0:
		l.kick(o.Kick)
	}
	fdpass.CloseHandles(o.handles)
}

// await waits until the sessions have ended, for at most d.
func (l *life) await(d time.Duration) {
	limit := time.NewTimer(d)
	defer limit.Stop()
	for l.sessions > 0 {
		select {
		case s := <-l.ended:
			l.left(s)
		case <-limit.C:
			return
		}
	}
}
