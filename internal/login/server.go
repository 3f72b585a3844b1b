package login

import (
	"container/list"
	"context"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"yubin/internal/auth"
	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/lull"
	"yubin/internal/maillog"
	"yubin/internal/queue"
	"yubin/internal/servertls"
	"yubin/internal/service"
)

// Params are the parameters that Run reads, beside those in a Protocol.
var Params = slices.Concat(service.Params, []*config.Def{
	config.QueueDirectory.Def, config.LoginSyslogName.Def, config.LoginGreeting.Def, config.LoginProcessSessions.Def,
	config.LoginClientLimit.Def, config.LoginFailureLimit.Def,
})

// A Protocol is what a program adds.
type Protocol struct {
	Name    string // pop3, imap: what authd and the log call it
	Program string // pop3d, imapd

	LoginTimeout     config.Duration // until the client has logged in
	SessionTimeout   config.Duration // for what is pumped to be taken
	DisablePlaintext config.Bool
	Proxy            config.String   // whether a load balancer says who the client is
	ProxyTimeout     config.Duration // how long it may take

	// Dialogue speaks with a client from the greeting on, until Client.Login has
	// succeeded or the conversation is over. It says why it ended, for the log.
	Dialogue func(ctx context.Context, c *Client) (why string)
	// Panic says a last word to a client whose Dialogue panicked.
	Panic func(c net.Conn)
}

// TLS is the server's side of TLS.
type TLS interface {
	// Wrapper tells that a connection begins with TLS.
	Wrapper() bool
	// Offered tells that a client may begin it now.
	Offered(ctx context.Context) bool
	// Required tells that nothing else may come first.
	Required() bool
	Handshake(ctx context.Context, raw net.Conn) (net.Conn, *ipc.TLSFacts, error)
}

// A Server is what the connections of a process share.
type Server struct {
	Options
	logins *maillog.Logger

	greeting                     string
	loginTimeout, sessionTimeout time.Duration
	disablePlaintext             bool
	clients, failures            int
	lull                         *lull.Keeper

	early   atomic.Int64 // seats that were made before the login succeeded
	mu      sync.Mutex   // guards waiting
	waiting list.List    // *Client that have not logged in, the oldest first
}

// Options are what a Server works with.
type Options struct {
	Protocol Protocol
	Entry    string          // master.cf's name of the service
	Log      *maillog.Logger // what is wrong here; logins go to the same place
	Auth     auth.Server
	TLS      TLS // nil: none
	// Unproxy reads what a load balancer says of a connection; nil: nothing does.
	Unproxy func(net.Conn) (net.Conn, error)
}

// New returns a Server.
func New(c *config.Config, o Options) *Server {
	if o.TLS == nil {
		o.TLS = noTLS{}
	}
	p := o.Protocol
	return &Server{
		Options: o, logins: o.Log.Bare(config.LoginSyslogName.Of(c)), greeting: config.LoginGreeting.Of(c),
		loginTimeout: p.LoginTimeout.Of(c), sessionTimeout: p.SessionTimeout.Of(c), disablePlaintext: p.DisablePlaintext.Of(c),
		clients: config.LoginClientLimit.Of(c), failures: config.LoginFailureLimit.Of(c), lull: lull.New(),
	}
}

// Run is the life of a login process.
func Run(ctx context.Context, env *cli.Env, o *service.Options, p Protocol) error {
	var s *Server
	return service.Run(ctx, env, o, service.Handler{
		Lifetime: config.LoginProcessSessions.Of(env.Config),
		Start: func(_ context.Context, v *service.Service) (err error) {
			s, err = connect(v.Config, v.Name, v.Log, p)
			return err
		},
		Check: func(c *config.Config, log *maillog.Logger) error {
			_, err := connect(c, "", log, p)
			return err
		},
		Conn:  func(ctx context.Context, c net.Conn) { s.Serve(ctx, c) },
		Panic: p.Panic,
	})
}

// connect returns a Server with what is around it.
func connect(c *config.Config, entry string, log *maillog.Logger, p Protocol) (*Server, error) {
	dial := func() (*fdpass.Conn, error) {
		return fdpass.Dial(filepath.Join(config.QueueDirectory.Of(c), queue.DirPublic, "authd"))
	}
	t, err := serverOf(c, servertls.Options{Set: p.Program, Dial: dial, Log: log})
	if err != nil {
		return nil, err
	}
	return New(c, Options{
		Protocol: p, Entry: entry, Log: log, Auth: auth.New(dial, p.Program, log), TLS: t,
		Unproxy: unproxy(p.Proxy.Of(c), p.ProxyTimeout.Of(c)),
	}), nil
}

// noTLS is where none is configured.
type noTLS struct{}

func (noTLS) Wrapper() bool                { return false }
func (noTLS) Offered(context.Context) bool { return false }
func (noTLS) Required() bool               { return false }
func (noTLS) Handshake(context.Context, net.Conn) (net.Conn, *ipc.TLSFacts, error) {
	return nil, nil, net.ErrClosed
}

// Serve is the handler of a connection.
func (s *Server) Serve(ctx context.Context, raw net.Conn) {
	c := newClient(s, raw)
	if !c.identify() {
		return
	}
	why := s.hear(ctx, c)
	s.lull.Stir()
	switch {
	case c.pump != nil:
		c.pump.run(ctx)
	case !c.in:
		c.logEnd(why)
	}
}

// hear has the conversation until the login, for which a client may be too many.
func (s *Server) hear(ctx context.Context, c *Client) (why string) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c.drop = cancel
	s.enter(c)
	defer s.leave(c)
	return c.converse(ctx)
}

// enter counts a client that has not logged in. Where there are too many, the
// one that has waited longest goes: whoever ties up connections ties up his own.
func (s *Server) enter(c *Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.place = s.waiting.PushBack(c)
	if s.waiting.Len() > s.clients {
		oldest := s.waiting.Remove(s.waiting.Front()).(*Client)
		oldest.place = nil
		oldest.drop(errCrowded)
	}
}

// leave is the end of enter.
func (s *Server) leave(c *Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.place != nil {
		s.waiting.Remove(c.place)
		c.place = nil
	}
}
