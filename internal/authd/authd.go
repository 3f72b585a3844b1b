package authd

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ids"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/passdb"
	"yubin/internal/processors"
	"yubin/internal/service"
	"yubin/internal/sock"
)

// Command is authd(8).
var Command = &cli.Command{
	Name: "authd", Section: 8,
	Params: slices.Concat([]*config.Def{
		config.SmtpUser.Def, config.SmtpdUser.Def, config.MailOwner.Def, config.QueueDirectory.Def, config.RecipientDelimiter.Def, config.SmtpTLSCAfile.SMTP.Def,
	}, relayParams(), tlsParams(), loginParams, passdb.Params, service.Params),
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		o := service.Flags(fs)
		return func(ctx context.Context, env *cli.Env) error {
			if err := service.NoDumps(); err != nil {
				return &cli.Status{Code: cli.ExOSErr, Err: err}
			}
			var d *daemon
			return service.Run(ctx, env, o, service.Handler{
				Start: func(ctx context.Context, s *service.Service) (err error) {
					d, err = newDaemon(s.Config, s.Log, lastingKey(s.Config, s.Log), s.Processors)
					if err == nil && d.acme != nil {
						go d.acme.keep(ctx)
					}
					return err
				},
				Check: func(c *config.Config, log *maillog.Logger) error {
					if _, err := newDaemon(c, log, nil, nil); err != nil {
						return err
					}
					return checkPairs(c)
				},
				Conn: func(ctx context.Context, c net.Conn) { d.converse(ctx, c) },
				// While failures are remembered the process stays: else an attacker
				// would only have to pause.
				Idle:   func() (bool, time.Time) { return d.idle() },
				Retire: func(ctx context.Context) { d.logins.open.empty(ctx) },
			})
		}
	},
}

// patience is how long a client may take to say what it wants.
const patience = 10 * time.Second

// A daemon serves all conversations. Its fields do not change.
type daemon struct {
	log    *maillog.Logger
	logins *logins
	acme   *subscriber // nil: no certificate is got
	roles  map[string]role

	patience time.Duration // with a client that has not said who it is
}

// A role is one conversation: who may have it, and what follows the Hello.
type role struct {
	version int
	users   map[uint32]bool
	serve   func(ctx context.Context, c *fdpass.Conn)
}

// newDaemon reads what the configuration says. key is that of what is made up
// (lastingKey).
func newDaemon(c *config.Config, log *maillog.Logger, key []byte, p *processors.Keeper) (*daemon, error) {
	relay, err := newRelay(c, log)
	if err != nil {
		return nil, err
	}
	hasher := passdb.NewHasher(key, p)
	backends, err := passdb.Open(passdb.Env{Config: c, Report: func(p config.Problem) { log.Warn("%v", p) }, Hasher: hasher})
	if err != nil {
		return nil, err
	}
	logins, err := newLogins(c, log, log.Bare(config.LoginSyslogName.Of(c)), backends, hasher)
	if err != nil {
		return nil, err
	}
	acme := newSubscriber(c, log)
	signer, err := newSigner(c, log, acme)
	if err != nil {
		return nil, err
	}
	users := &users{log, backends}
	d := &daemon{log: log, logins: logins, acme: acme, patience: patience, roles: map[string]role{
		ipc.RoleRelay: {ipc.RelayVersion, ids.Trusted(config.SmtpUser.Of(c)), relay.serve},
		ipc.RoleUser:  {ipc.UserVersion, ids.Trusted(config.SmtpdUser.Of(c), config.MailOwner.Of(c)), users.serve},
		ipc.RoleAuth:  {ipc.AuthVersion, union(logins.ofSMTP, logins.ofLogin), logins.serve},
		ipc.RoleTLS:   {ipc.TLSVersion, signer.users(), signer.serve},
	}}
	if acme != nil {
		d.roles[ipc.RoleACME] = role{ipc.ACMEVersion, ids.Trusted(config.SmtpdUser.Of(c)), acme.serve}
	}
	return d, nil
}

// idle tells whether the process may end, and when the next certificate is due.
func (d *daemon) idle() (ok bool, next time.Time) {
	ok = d.logins.guard.quiet()
	if d.acme != nil {
		quiet, due := d.acme.quiet()
		ok, next = ok && quiet, due
	}
	return ok, next
}

// converse serves one client.
func (d *daemon) converse(ctx context.Context, nc net.Conn) {
	if s, ok := nc.(*sock.Conn); ok {
		nc = s.Conn
	}
	u, ok := nc.(*net.UnixConn)
	if !ok {
		d.log.Warn("connection on a %s socket: want unixpacket", nc.LocalAddr().Network())
		return
	}
	if u.LocalAddr().Network() == "unix" {
		d.logins.serveDovecot(ctx, u)
		return
	}
	c := fdpass.New(u)
	peer, err := c.Peer()
	if err != nil {
		d.log.Warn("who is connected: %v", err)
		return
	}
	if !d.known(peer.Uid) {
		d.log.Warn("uid %d (process %d) has nothing to ask here", peer.Uid, peer.Pid)
		return
	}
	var hello ipc.Hello
	if !receiveBy(d.log, c, &hello, time.Now().Add(d.patience)) {
		return
	}
	c.Unix().SetReadDeadline(time.Time{}) // how long it may be silent from now on is its role's affair
	r, ok := d.roles[hello.Role]
	switch {
	case !ok || !r.users[peer.Uid]:
		d.log.Warn("uid %d (process %d) may not ask for %q", peer.Uid, peer.Pid, maillog.Clean(hello.Role))
		return
	case hello.Version != r.version:
		d.log.Warn("process %d speaks version %d of %s, want %d: connection closed", peer.Pid, hello.Version, hello.Role, r.version)
		return
	}
	r.serve(ctx, c)
}

// known tells whether there is anything that a user may ask.
func (d *daemon) known(uid uint32) bool {
	for _, r := range d.roles {
		if r.users[uid] {
			return true
		}
	}
	return false
}

// receive reads one packet; it is false when the conversation is over.
func receive(log *maillog.Logger, c *fdpass.Conn, v any) bool {
	return receiveBy(log, c, v, time.Now().Add(patience))
}

// receiveBy is receive with a deadline of its own, zero: none.
func receiveBy(log *maillog.Logger, c *fdpass.Conn, v any, deadline time.Time) bool {
	c.Unix().SetReadDeadline(deadline)
	files, err := c.Recv(v)
	fdpass.CloseAll(files)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) {
		log.Warn("a request that cannot be read: %v", err)
	}
	return err == nil
}
