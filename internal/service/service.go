// Package service is the skeleton of every daemon: listening sockets that come
// by descriptor, connections each in a goroutine of its own, a limit on them,
// idle exit, reload, drain, and the status lines that master reads.
//
// # How a daemon is started
//
// master(8), or any other program that speaks the LISTEN_FDS protocol of
// sd_listen_fds(3), such as systemd-socket-activate(1), hands down listening
// sockets from descriptor 3 on:
//
//	LISTEN_PID      the daemon's process ID; anything else: not for us
//	LISTEN_FDS      how many descriptors
//	LISTEN_FDNAMES  their names, colons between; ipc.StatusName is the status
//	                connection, ipc.LogName is maillog_file, ipc.LogJSONName
//	                maillog_json_file, the others are listening sockets
//
// # How it ends
//
//	idle     no connection for max_idle and Handler.Idle agrees
//	SIGHUP   Handler.Reload, or drain: sessions go on for session_drain_time
//	master   has gone, or has changed the service: drain
//	SIGTERM  sessions are told (ctx), get a few seconds, and are closed
//
// In every case the daemon first stops to accept and says so, so that the next
// connection waits in the socket's backlog for the next generation: nobody is
// refused. Draining, a daemon shuts its internal connections (unixpacket) for
// reading: the client's next request fails with EPIPE and goes to the next
// generation, and replies to earlier requests still arrive.
//
// The package parses nothing that a peer sends.
package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/processors"
)

// Params are the parameters that Run reads; a daemon appends them to its own.
var Params = []*config.Def{
	config.MaxIdle.Def, config.SessionDrainTime.Def,
	config.SyslogName.Def, config.SyslogFacility.Def, config.MaillogFile.Def, config.MaillogJSONFile.Def,
}

// A Handler is what a daemon does. All its functions but Conn may be nil, and
// all but Conn are called one at a time.
type Handler struct {
	// Conn serves one accepted connection in a goroutine of its own, and
	// closes it or leaves that to the caller. When ctx ends the process must
	// end soon: Conn finishes the piece of work at hand and returns; a few
	// seconds later the connection is closed under it. A panic in it is logged
	// with its stack and ends this connection only.
	Conn func(ctx context.Context, c net.Conn)
	// Panic says a last word (421, BYE) on a connection whose Conn panicked.
	Panic func(c net.Conn)
	// Start is called once, before the first connection is accepted. Work in
	// the background belongs to it; ctx ends after Stop has returned. An error
	// ends the process with status 1, or 78 when it has a config.Problem.
	Start func(ctx context.Context, s *Service) error
	// Lifetime is how many connections the process takes: it leaves the next to
	// another generation and ends when its own have ended. 0: no bound.
	Lifetime int
	// Check finds what Start would find wrong with a configuration, by the same
	// code, and changes nothing. It is called in place of all else by --check.
	Check func(c *config.Config, log *maillog.Logger) error
	// Idle is asked when no connection has been open for max_idle: may the
	// process end, and when must it be started again at the latest (zero: on
	// demand)? No connection is accepted while it runs.
	Idle func() (ok bool, next time.Time)
	// Reload gets the new configuration at SIGHUP. Without it the process
	// drains and ends, and master starts a fresh one on demand.
	Reload func(c *config.Config)
	// Retire is called when another generation takes over and nothing is
	// accepted any more, before internal connections are shut for reading: it
	// has clients finish what they cannot take to the other one. It must return
	// when ctx ends, which is soon.
	Retire func(ctx context.Context)
	// Stop ends the work in the background: it is called after the last
	// connection, before the process exits, and must return when ctx ends.
	Stop func(ctx context.Context)
}

// A Service is a running daemon. Its fields do not change.
type Service struct {
	Name     string         // master.cf's service name
	Config   *config.Config // as it was at start
	Log      *maillog.Logger
	MaxConns int // connections at once; 0: no limit
	Verbose  bool
	// Processors are for work that takes long.
	Processors *processors.Keeper

	h        Handler
	status   status
	accepted *acceptor
	reload   func() (*config.Config, error)
	times    times
}

// times are the waits of a Service.
type times struct {
	idle  time.Duration // without connection, until Idle is asked
	drain time.Duration // that sessions may go on after SIGHUP
	grace time.Duration // that sessions and Stop have after SIGTERM
	// finish is what Retire has: its clients' own clients wait that long, and
	// with them everybody who wants something of the next generation.
	finish time.Duration
}

const (
	grace      = 5 * time.Second
	finishTime = 5 * time.Second
)

// Options are the flags that master starts every daemon with.
type Options struct {
	name    string
	limit   int
	verbose int
	check   bool
}

// Flags defines the flags of a daemon.
func Flags(fs *pflag.FlagSet) *Options {
	o := new(Options)
	fs.StringVarP(&o.name, "name", "n", "", "the `service`'s name in master.cf")
	fs.IntVarP(&o.limit, "limit", "l", 0, "serve at most this `number` of connections at once; 0: no limit")
	fs.CountVarP(&o.verbose, "verbose", "v", "log more")
	fs.BoolVar(&o.check, "check", false, "say what is wrong with the configuration, and do nothing else")
	return o
}

// Run is the life of a daemon: it returns when the process is to exit.
func Run(ctx context.Context, env *cli.Env, o *Options, h Handler) error {
	if err := env.Config.Check(Params); err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: err}
	}
	if o.check {
		return check(env.Config, h)
	}
	in, err := inherit()
	if err != nil {
		return &cli.Status{Code: cli.ExOSErr, Err: err}
	}
	if len(in.listeners) == 0 {
		return cli.Fail(cli.ExUsage, "no listening socket was handed down (LISTEN_FDS): master(8) starts this program, or, by hand, systemd-socket-activate -l ADDRESS %s", os.Args[0])
	}
	c := env.Config
	log, err := openLog(c, env.Program, in)
	if err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: err}
	}
	defer log.Close()
	name := o.name
	if name == "" {
		name = env.Program
	}
	s := &Service{
		Name: name, Config: c, Log: log, MaxConns: max(o.limit, 0), Verbose: o.verbose > 0,
		Processors: processors.Few(), h: h, status: status{in.status}, reload: env.Reload,
		times: times{idle: config.MaxIdle.Of(c), drain: config.SessionDrainTime.Of(c), grace: grace, finish: finishTime},
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)
	return s.run(ctx, in.listeners, signals)
}

// check looks at a configuration for a daemon.
func check(c *config.Config, h Handler) error {
	if h.Check == nil {
		return nil
	}
	nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return &cli.Status{Code: cli.ExOSErr, Err: err}
	}
	log, err := maillog.Open(maillog.Options{File: nowhere})
	if err != nil {
		return err
	}
	defer log.Close()
	if err := h.Check(c, log); err != nil {
		return &cli.Status{Code: startStatus(err), Err: fmt.Errorf("configuration: %w", err)}
	}
	return nil
}

// startStatus is the exit status of a daemon that could not start.
func startStatus(err error) int {
	if p := (config.Problem{}); errors.As(err, &p) {
		return cli.ExConfig
	}
	return 1
}

// openLog opens the log: the descriptors that master gave, or what the
// configuration says when something else started the daemon.
func openLog(c *config.Config, program string, in *inherited) (*maillog.Logger, error) {
	text, json := orOpen(in.log, config.MaillogFile.Of(c)), in.logJSON
	if in.status == nil {
		json = orOpen(json, config.MaillogJSONFile.Of(c))
	}
	return maillog.Open(maillog.Options{
		Tag: path.Join(config.SyslogName.Of(c), program), Facility: config.SyslogFacility.Of(c),
		File: text, JSON: json, Journal: os.Getenv(ipc.JournalVariable),
	})
}

// orOpen is file, or the file of that name. One that this user may not write is
// no reason to serve nobody.
func orOpen(file *os.File, name string) *os.File {
	if file == nil && name != "" {
		file, _ = os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	}
	return file
}

// run serves until something ends the service.
func (s *Service) run(ctx context.Context, listeners []net.Listener, signals <-chan os.Signal) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if s.h.Start != nil {
		if err := s.h.Start(ctx, s); err != nil {
			s.Log.Fatal("%v", err)
			return &cli.Status{Code: startStatus(err), Err: err}
		}
	}
	retire := s.status.listen(s.Log)
	gates := newTurnstile(s.h.Lifetime)
	listeners, err := gates.at(listeners)
	if err != nil {
		return &cli.Status{Code: cli.ExOSErr, Err: err}
	}
	s.accepted = newAcceptor(listeners, s.MaxConns, s.serve, s.Log)
	sessions, end := context.WithCancel(ctx)
	defer end()
	s.accepted.start(sessions)
	s.status.ready()

	idle := time.NewTimer(s.times.idle)
	defer idle.Stop()
	for {
		select {
		case <-s.accepted.change:
			if s.accepted.stopped() && s.accepted.open() == 0 {
				return s.finish(ctx)
			}
			idle.Reset(s.times.idle)
		case <-gates.spent:
			s.accepted.stop()
			s.retire()
			s.accepted.nudge()
		case <-idle.C:
			if s.accepted.stopped() {
				continue
			}
			if next, ok := s.mayEnd(sessions); ok {
				s.status.nextWake(next)
				s.retire()
				return s.finish(ctx)
			}
			idle.Reset(s.times.idle)
		case err := <-s.accepted.failed:
			s.Log.Fatal("%v", err)
			s.drain(end, signals, s.times.grace)
			return errors.Join(&cli.Status{Code: 1, Err: err}, s.finish(ctx))
		case <-retire:
			s.drain(end, signals, s.times.drain)
			return s.finish(ctx)
		case sig := <-signals:
			switch {
			case sig != syscall.SIGHUP:
				s.drain(end, signals, 0)
				return s.finish(ctx)
			case s.h.Reload == nil:
				s.drain(end, signals, s.times.drain)
				return s.finish(ctx)
			}
			s.reconfigure()
		case <-ctx.Done():
			s.drain(end, signals, 0)
			return s.finish(ctx)
		}
	}
}

// reconfigure gives the handler the new configuration, if it is sound.
func (s *Service) reconfigure() {
	c, err := s.reload()
	if err != nil {
		s.Log.Warn("reload: %v; the old configuration stays", err)
		return
	}
	s.h.Reload(c)
}

// mayEnd asks whether the service may end for want of work. If not, it goes on
// accepting; if so, it has stopped, and what connected meanwhile waits in the
// socket's backlog.
func (s *Service) mayEnd(sessions context.Context) (next time.Time, ok bool) {
	if s.accepted.open() > 0 || s.accepted.changed() {
		return next, false
	}
	s.accepted.stop()
	ok = s.accepted.open() == 0
	if ok && s.h.Idle != nil {
		ok, next = s.h.Idle()
	}
	if !ok {
		s.accepted.start(sessions)
	}
	return next, ok
}

// drain stops accepting, lets sessions go on for patience, then ends their
// context and, a little later, closes them. SIGTERM cuts the patience short.
func (s *Service) drain(end context.CancelFunc, signals <-chan os.Signal, patience time.Duration) {
	s.accepted.stop()
	s.retire()
	if s.h.Retire != nil && patience > 0 && !s.letFinish(signals) {
		patience = 0
	}
	s.accepted.closeReading()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	if patience > 0 {
		for waiting := true; waiting && s.accepted.open() > 0; {
			select {
			case <-s.accepted.change:
			case <-limit.C:
				waiting = false
			case sig := <-signals:
				waiting = sig == syscall.SIGHUP
			}
		}
	}
	end()
	if s.accepted.wait(s.times.grace) {
		return
	}
	s.accepted.closeAll()
	if !s.accepted.wait(time.Second) {
		s.Log.Warn("service %s: %d sessions did not end in time", s.Name, s.accepted.open())
	}
}

// letFinish has the handler's clients finish; it is false when SIGTERM came
// meanwhile.
func (s *Service) letFinish(signals <-chan os.Signal) bool {
	ctx, cancel := context.WithTimeout(context.Background(), s.times.finish)
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); s.h.Retire(ctx) }()
	for {
		select {
		case <-done:
			return true
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				cancel()
				<-done
				return false
			}
		}
	}
}

// retire leaves the listening sockets to the next generation.
func (s *Service) retire() {
	s.status.stopped()
	s.accepted.closeListeners()
}

// finish ends the work in the background.
func (s *Service) finish(ctx context.Context) error {
	if s.h.Stop == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.times.grace)
	defer cancel()
	s.h.Stop(ctx)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stop service %s: %w", s.Name, err)
	}
	return nil
}
