// Package session is the life of a session process: the program that serves
// mailboxes to clients who have logged in, started by master as the owner of
// the mailboxes (docs/sessions.md). Connections come from master, each with
// what is known of its user; each is served in a goroutine of its own, whose
// panic ends that session alone.
//
// # Life
//
//	idle      no session for max_idle: it says STOPPED-ACCEPTING
//	RETIRE    master's configuration or program is another: the same
//	Last      master's answer: no session follows; the process ends with its last
//	          session, after RETIRE when session_drain_time is over at the latest
//	SIGTERM   sessions are told (ctx), get a few seconds, and are closed
//
// # Security
//
// The process holds nothing that its user has not: no socket of authd, no key,
// no log. Its user may trace it. Log lines go over the status connection to
// master, which says whose they are.
package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/hands"
	"yubin/internal/ipc"
	"yubin/internal/lull"
	"yubin/internal/maillog"
	"yubin/internal/sock"
	"yubin/internal/systemd"
)

// Params are the parameters that Run reads.
var Params = []*config.Def{config.MaxIdle.Def, config.SessionDrainTime.Def}

// Why the context of a session ended (context.Cause).
var (
	ErrKicked   = errors.New("kicked by the administrator")
	ErrShutdown = errors.New("server shutting down")
)

// A Handler is what a program does for its sessions.
type Handler struct {
	// Serve serves one session and returns. When ctx ends, it finishes the piece
	// of work at hand.
	Serve func(ctx context.Context, s *Session)
	// Panic says a last word in a session whose Serve panicked.
	Panic func(s *Session)
}

// A Session is a client who has logged in.
type Session struct {
	Start *ipc.SessionStart
	Conn  net.Conn // Start.Start.Unread comes first, and is not in it

	process *process
	ack     fdpass.Handle // -1: it has been said
	parting string        // what goes into the log with the end
}

// Accept tells the login process that the client is ours. After it the command
// that logged in is answered; after an error nothing is said.
func (s *Session) Accept() error {
	if s.ack < 0 {
		return errors.New("accepted before")
	}
	defer s.closeAck()
	b, err := json.Marshal(ipc.SessionAck{PID: s.process.pid, Logged: s.Start.Start.Heard})
	if err != nil {
		return err
	}
	return s.ack.Reply(b)
}

func (s *Session) closeAck() {
	if s.ack >= 0 {
		s.ack.Close()
		s.ack = -1
	}
}

// maxSaid is the longest line: what master reads at once, and the log keeps less.
const maxSaid = 6000

// Log writes a line about the session.
func (s *Session) Log(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.process.say(fmt.Sprintf("%s %d %s", ipc.StatusSay, s.Start.Number, text[:min(len(text), maxSaid)]))
}

// Part is Log for the last line, which goes with the word that the session has
// ended.
func (s *Session) Part(format string, args ...any) {
	if !s.process.parting.Load() {
		s.Log(format, args...)
		return
	}
	text := fmt.Sprintf(format, args...)
	s.parting = text[:min(len(text), maxSaid)]
}

// grace is what sessions have at SIGTERM.
const grace = 5 * time.Second

// A process is the session process.
type process struct {
	h      Handler
	status *fdpass.Conn
	pid    int
	hands  *hands.Pool
	ended  chan *Session // that have ended
	// parting tells that master takes a line for the log with the end of a session.
	parting atomic.Bool

	mu   sync.Mutex // guards open
	open map[uint64]*opened
}

// An opened session can be ended from outside.
type opened struct {
	session *Session
	end     context.CancelCauseFunc
}

// Run is the life of a session process: it returns when the process is to exit.
func Run(ctx context.Context, env *cli.Env, h Handler) error {
	status, err := inherit()
	if err != nil {
		return &cli.Status{Code: cli.ExOSErr, Err: err}
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)
	p := &process{h: h, status: status, pid: os.Getpid(), hands: hands.New(), ended: make(chan *Session), open: map[uint64]*opened{}}
	defer status.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(ErrShutdown)
	p.say(ipc.StatusReady)
	l := life{process: p, idle: config.MaxIdle.Of(env.Config), drain: config.SessionDrainTime.Of(env.Config), lull: lull.New()}
	l.run(ctx, signals)
	cancel(ErrShutdown)
	p.closeAll()
	return nil
}

// inherit is the status connection.
func inherit() (*fdpass.Conn, error) {
	given, err := systemd.Listen()
	if err != nil {
		return nil, err
	}
	for _, g := range given {
		f := os.NewFile(uintptr(g.FD), g.Name)
		if g.Name != ipc.StatusName {
			f.Close()
			continue
		}
		c, err := net.FileConn(f)
		f.Close()
		if err != nil {
			return nil, err
		}
		if u, ok := c.(*net.UnixConn); ok {
			return fdpass.New(u), nil
		}
	}
	return nil, errors.New("no connection to master was handed down: master(8) alone starts sessions")
}

// sayTime is how long master may take to hear.
const sayTime = 30 * time.Second

func (p *process) say(line string) {
	u := p.status.Unix()
	u.SetWriteDeadline(time.Now().Add(sayTime))
	sock.Wrap(u).Write([]byte(line))
}

// An order is one of master's, with the descriptors beside it.
type order struct {
	ipc.SessionOrder
	handles []fdpass.Handle
}

// listen hears master until it has gone.
func (p *process) listen(to chan<- order) {
	defer close(to)
	for {
		var o order
		var err error
		o.handles, err = p.status.RecvHandles(&o.SessionOrder)
		if err != nil && !errors.Is(err, fdpass.ErrFiles) {
			return
		}
		to <- o
	}
}

// begin starts a session; it is false when there is none.
func (l *life) begin(ctx context.Context, st *ipc.SessionStart, conn, ack fdpass.Handle) bool {
	c, err := sock.Adopt(int(conn), nil, nil)
	s := &Session{Start: st, process: l.process, ack: ack}
	if err != nil {
		ack.Close()
		s.Log("Error: connection: %v", err)
		l.say(fmt.Sprintf("%s %d", ipc.StatusEnd, st.Number))
		return false
	}
	s.Conn = c
	ctx, end := context.WithCancelCause(ctx)
	l.mu.Lock()
	l.open[st.Number] = &opened{s, end}
	l.mu.Unlock()
	l.hands.Go(func() {
		defer end(nil)
		l.serve(ctx, s)
		l.forget(s)
	})
	return true
}

// forget is the end of a session.
func (p *process) forget(s *Session) {
	s.Conn.Close()
	s.closeAck()
	p.mu.Lock()
	delete(p.open, s.Start.Number)
	p.mu.Unlock()
	p.ended <- s
}

// serve runs the handler. It is the one place where a session's panic is
// caught.
func (p *process) serve(ctx context.Context, s *Session) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		s.Log("Panic: %v", r)
		for line := range strings.Lines(string(debug.Stack())) {
			s.Log("Panic: stack: %s", strings.TrimSpace(line))
		}
		if p.h.Panic != nil {
			defer func() { _ = recover() }()
			s.Conn.SetDeadline(time.Now().Add(time.Second))
			p.h.Panic(s)
		}
	}()
	p.h.Serve(ctx, s)
}

func (p *process) kick(number uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o := p.open[number]; o != nil {
		o.end(ErrKicked)
		time.AfterFunc(grace, func() { o.session.Conn.Close() })
	}
}

func (p *process) endAll(why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.open {
		o.end(why)
	}
}

func (p *process) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.open {
		o.session.Conn.Close()
	}
}

// Flag defines the flag by which master starts a session process.
func Flag(fs *pflag.FlagSet) *bool {
	const name = "session"
	b := fs.Bool(name, false, "serve clients who have logged in: master(8) starts it so")
	fs.MarkHidden(name)
	return b
}

// Warn tells the administrator of what concerns no session alone: standard error
// goes to the log.
func Warn(env *cli.Env) func(format string, args ...any) {
	return func(format string, args ...any) {
		fmt.Fprintln(env.Stderr, maillog.Clean(fmt.Sprintf(format, args...)))
	}
}
