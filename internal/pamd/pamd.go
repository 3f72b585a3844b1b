package pamd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ids"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/service"
)

var params = append([]*config.Def{
	config.MailOwner.Def, config.SmtpdUser.Def,
	config.PamdTimeLimit.Def, config.PamdProcessLimit.Def, config.PamdMaxUse.Def,
	config.PamdCacheTime.Def, config.PamdCacheSize.Def,
}, service.Params...)

// Command is pamd(8).
var Command = &cli.Command{
	Name: "pamd", Section: 8,
	Params: params,
	// A worker reads no parameter: a fault in main.cf is none of its business.
	Tolerant: true,
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		o := service.Flags(fs)
		worker := fs.Bool("worker", false, "answer the questions that come on descriptor 3, one at a time: pamd starts itself so")
		return func(ctx context.Context, env *cli.Env) error {
			if err := service.NoDumps(); err != nil {
				return &cli.Status{Code: cli.ExOSErr, Err: err}
			}
			if *worker {
				return work(libraries{})
			}
			return serve(ctx, env, o)
		}
	},
}

func serve(ctx context.Context, env *cli.Env, o *service.Options) error {
	if err := errors.Join(env.Config.Err(), env.Config.Check(params)); err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: fmt.Errorf("configuration: %w", err)}
	}
	var d *daemon
	return service.Run(ctx, env, o, service.Handler{
		Start: func(_ context.Context, s *service.Service) error {
			d = newDaemon(s.Config, s.Log, workers(s.Config.Dir))
			return nil
		},
		Conn: func(ctx context.Context, c net.Conn) { d.converse(ctx, c) },
		Stop: func(context.Context) { d.close() },
	})
}

// workers is the command line of workers: this very program, also after its
// file was replaced.
func workers(dir string) func() *exec.Cmd {
	return func() *exec.Cmd {
		return &exec.Cmd{
			Path: "/proc/self/exe", Args: []string{"pamd", "--worker", "-c", dir}, Env: environment(os.Environ()), Dir: "/",
		}
	}
}

// patience is how long a client may take to say Hello.
const patience = 10 * time.Second

// strangers is how many connections users may have at once who are not the mail
// system's: who exists is no secret, but they must not be in its way.
const strangers = 4

// A daemon serves all conversations. Its fields do not change.
type daemon struct {
	log       *maillog.Logger
	keepers   map[uint32]bool // who may ask for passwords to be checked: authd's user
	known     map[uint32]bool // who is of the mail system
	strangers chan struct{}
	pam, nss  *pool
	cache     *cache
}

func newDaemon(c *config.Config, log *maillog.Logger, command func() *exec.Cmd) *daemon {
	n, use, limit := config.PamdProcessLimit.Of(c), config.PamdMaxUse.Of(c), config.PamdTimeLimit.Of(c)
	return &daemon{
		log: log, strangers: make(chan struct{}, strangers),
		keepers: ids.Trusted(), known: ids.Trusted(config.MailOwner.Of(c), config.SmtpdUser.Of(c)),
		pam: newPool(command, n, use, limit), nss: newPool(command, n, use, limit),
		cache: newCache(config.PamdCacheTime.Of(c), config.PamdCacheSize.Of(c)),
	}
}

func (d *daemon) close() {
	d.pam.close()
	d.nss.close()
}

// converse serves one client.
func (d *daemon) converse(ctx context.Context, nc net.Conn) {
	u, ok := nc.(*net.UnixConn)
	if !ok || nc.LocalAddr().Network() != "unixpacket" {
		d.log.Warn("connection on a %s socket: want unixpacket", nc.LocalAddr().Network())
		return
	}
	c := fdpass.New(u)
	peer, err := c.Peer()
	if err != nil {
		d.log.Warn("who is connected: %v", err)
		return
	}
	if !d.known[peer.Uid] {
		select {
		case d.strangers <- struct{}{}:
			defer func() { <-d.strangers }()
		default:
			return
		}
	}
	u.SetDeadline(time.Now().Add(patience))
	var hello ipc.Hello
	switch err := d.receive(c, &hello); {
	case err != nil:
	case hello.Role == ipc.RolePAM && hello.Version == ipc.PAMVersion && d.keepers[peer.Uid]:
		d.passwords(ctx, c)
	case hello.Role == ipc.RoleNSS && hello.Version == ipc.NSSVersion:
		d.users(ctx, c, d.known[peer.Uid])
	default:
		d.log.Warn("uid %d (process %d) may not ask for %q in version %d", peer.Uid, peer.Pid, maillog.Clean(hello.Role), hello.Version)
	}
}

// receive reads one packet; the error says that the conversation is over.
func (d *daemon) receive(c *fdpass.Conn, v any) error {
	files, err := c.Recv(v)
	fdpass.CloseAll(files)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) {
		d.log.Warn("a request that cannot be read: %v", err)
	}
	return err
}

// passwords has PAM check what a client asks.
func (d *daemon) passwords(ctx context.Context, c *fdpass.Conn) {
	for {
		c.Unix().SetDeadline(time.Time{})
		var q ipc.PAMRequest
		if d.receive(c, &q) != nil {
			return
		}
		var a ipc.PAMReply
		err := d.pam.ask(ctx, &ipc.PAMDWork{PAM: &q}, &a)
		clear(q.Password)
		if err != nil {
			a = ipc.PAMReply{Result: ipc.PAMTempFail, Error: err.Error()}
		}
		if a.Error != "" {
			d.log.Warn("pam(%s,%s): %s", maillog.Clean(q.User), maillog.Clean(q.Client), maillog.Clean(a.Error))
		}
		c.Unix().SetWriteDeadline(time.Now().Add(patience))
		if c.Send(a) != nil {
			return
		}
	}
}

// users answers who exists. Strangers have to be quick.
func (d *daemon) users(ctx context.Context, c *fdpass.Conn, known bool) {
	for {
		if known {
			c.Unix().SetDeadline(time.Time{})
		}
		var q ipc.NSSRequest
		if d.receive(c, &q) != nil {
			return
		}
		a := d.look(ctx, &q)
		c.Unix().SetWriteDeadline(time.Now().Add(patience))
		if c.Send(a) != nil {
			return
		}
	}
}

// look answers a question. No library need see a name that nobody can have, nor
// the cache keep it: strangers choose the names, and C ends them at a NUL.
func (d *daemon) look(ctx context.Context, q *ipc.NSSRequest) ipc.NSSReply {
	for _, name := range []string{q.User, q.Group} {
		if len(name) > maxUser || strings.IndexByte(name, 0) >= 0 {
			return ipc.NSSReply{}
		}
	}
	return d.cache.get(key(q), func() ipc.NSSReply { return d.find(ctx, q) })
}

// key tells questions apart.
func key(q *ipc.NSSRequest) string {
	switch {
	case q.User != "":
		return "user " + q.User
	case q.UID != nil:
		return "uid " + strconv.FormatUint(uint64(*q.UID), 10)
	}
	return "group " + q.Group
}

// find asks the name services.
func (d *daemon) find(ctx context.Context, q *ipc.NSSRequest) (a ipc.NSSReply) {
	if err := d.nss.ask(ctx, &ipc.PAMDWork{NSS: q}, &a); err != nil {
		a = ipc.NSSReply{Error: err.Error()}
	}
	if a.Error != "" {
		d.log.Warn("%s: %s", maillog.Clean(key(q)), maillog.Clean(a.Error))
	}
	return a
}
