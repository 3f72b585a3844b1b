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
	"yubin/internal/match"
	"yubin/internal/nss"
	"yubin/internal/service"
	"yubin/internal/table"
)

// Command is local(8).
var Command = &cli.Command{
	Name: "local", Section: 8,
	Params: slices.Concat([]*config.Def{
		config.Myhostname.Def, config.Myorigin.Def, config.Mydestination.Def, config.MailOwner.Def,
		config.AliasMaps.Def, config.FlushSlow.Def, config.QuotaFullTempfail.Def, config.QuotaExceededMessage.Def,
	}, account.QuotaParams, account.PlaceParams, account.VirtualParams, nss.Params(), service.Params),
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		o := service.Flags(fs)
		return func(ctx context.Context, env *cli.Env) error {
			var a *agent.Server
			return service.Run(ctx, env, o, service.Handler{
				Start: func(_ context.Context, s *service.Service) (err error) {
					a, err = newServer(s)
					return err
				},
				Check: func(c *config.Config, log *maillog.Logger) error {
					_, err := openTransports(c, log)
					return err
				},
				Conn: func(ctx context.Context, c net.Conn) { a.Serve(ctx, c) },
			})
		}
	},
}

// maxWorkers is the most deliveries that write at once when master.cf sets no
// smaller maxproc.
const maxWorkers = 100

func newServer(s *service.Service) (*agent.Server, error) {
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
	transports, err := openTransports(c, s.Log)
	if err != nil {
		return nil, err
	}
	limits, err := newQuotas(c)
	if err != nil {
		return nil, err
	}
	a := newDeliverer(&deliverer{
		log: s.Log, quota: limits, host: config.Myhostname.Of(c), transports: transports, ids: ids,
		boxes: maildir.NewBoxes(boxBudget(files.Cur)), open: newBudget(descriptorBudget(files.Cur, workers)),
	}, workers, durable.New(durable.Options{Slow: config.FlushSlow.Of(c)}))
	return a.server(agent.Trusted(c)), nil
}

// newDeliverer completes a.
func newDeliverer(a *deliverer, workers int, flush flusher) *deliverer {
	a.crew = newCrew(runtime.GOMAXPROCS(0), workers)
	a.finish = newFinisher(flush, a.results, agent.Answer)
	return a
}

// openTransports opens the tables. Files that are missing or wrong fail in the
// lookups, which defers the mail that needs them.
func openTransports(c *config.Config, log *maillog.Logger) (map[string]transport, error) {
	report, site := table.Report(func(p config.Problem) { log.Warn("%v", p) }), table.Site(c)
	aliases, err := table.OpenAliases(config.AliasMaps.Of(c), report, site)
	if err != nil {
		return nil, c.Fault(config.AliasMaps.Def, err.Error())
	}
	passwd, err := table.Open("unix:passwd.byname", report, site)
	if err != nil {
		return nil, err
	}
	destinations, err := match.Of(c, config.Mydestination)
	if err != nil {
		return nil, err
	}
	v, err := account.OpenVirtual(c, report, site)
	if err != nil {
		return nil, err
	}
	return map[string]transport{
		relayVirtual: virtual{v},
		relayLocal: &users{
			aliases: aliases, passwd: passwd, destinations: destinations,
			origin: config.Myorigin.Of(c), delimiter: config.RecipientDelimiter.Of(c),
			places: account.NewPlaces(c),
		},
	}, nil
}
