package local

import (
	"context"
	"net"
	"os"
	"runtime"
	"slices"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"yubin/internal/account"
	"yubin/internal/agent"
	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/durable"
	"yubin/internal/maildir"
	"yubin/internal/maillog"
	"yubin/internal/nss"
	"yubin/internal/service"
)

// Command is local(8).
var Command = &cli.Command{
	Name: "local", Section: 8,
	Params: slices.Concat([]*config.Def{
		config.Myhostname.Def, config.MailOwner.Def, config.FlushSlow.Def, config.QuotaFullTempfail.Def, config.QuotaExceededMessage.Def,
	}, deliveryParams, account.QuotaParams, account.PlaceParams, account.VirtualParams, nss.Params(), service.Params),
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		o := service.Flags(fs)
		return func(ctx context.Context, env *cli.Env) error {
			var a *agent.Server
			ending, end := context.WithCancel(ctx)
			defer end()
			return service.Run(ctx, env, o, service.Handler{
				Start: func(_ context.Context, s *service.Service) (err error) {
					a, err = newServer(ending, s)
					return err
				},
				Check: func(c *config.Config, log *maillog.Logger) error {
					_, err := openTransports(c, log, nil)
					return err
				},
				Conn: func(ctx context.Context, c net.Conn) {
					defer context.AfterFunc(ctx, end)()
					a.Serve(ctx, c)
				},
			})
		}
	},
}

// maxWorkers is the most deliveries that write at once when master.cf sets no
// smaller maxproc.
const maxWorkers = 100

// newServer prepares the agent. When ending ends so do the commands that run.
func newServer(ending context.Context, s *service.Service) (*agent.Server, error) {
	ids, err := newSwitcher(func(err error) {
		s.Log.Fatal("%v", err)
		os.Exit(cli.ExOSErr)
	})
	if err != nil {
		return nil, err
	}
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return nil, os.NewSyscallError("getrlimit", err)
	}
	workers := maxWorkers
	if s.MaxConns > 0 {
		workers = min(workers, s.MaxConns)
	}
	c := s.Config
	transports, err := openTransports(c, s.Log, ids)
	if err != nil {
		return nil, err
	}
	quota, err := newQuotas(c)
	if err != nil {
		return nil, err
	}
	a := newDeliverer(&deliverer{
		log: s.Log, quota: quota, host: config.Myhostname.Of(c), transports: transports, ids: ids,
		boxes: maildir.NewBoxes(boxBudget(files.Cur)), open: newBudget(descriptorBudget(files.Cur, workers)),
		delivered: words(config.PrependDeliveredHeader.Of(c)), noOriginal: !config.EnableOriginalRecipient.Of(c), sync: (*os.File).Sync, ending: ending,
		crew: newCrew(runtime.GOMAXPROCS(0), workers, s.Processors),
	}, durable.New(durable.Options{Slow: config.FlushSlow.Of(c)}))
	return a.server(agent.Trusted(c)), nil
}

// newDeliverer completes a.
func newDeliverer(a *deliverer, flush flusher) *deliverer {
	a.finish = newFinisher(flush, a.results, agent.Answer)
	return a
}
