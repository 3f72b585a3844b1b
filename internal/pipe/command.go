package pipe

import (
	"context"
	"net"
	"slices"

	"github.com/spf13/pflag"

	"yubin/internal/agent"
	"yubin/internal/cli"
	"yubin/internal/command"
	"yubin/internal/config"
	"yubin/internal/maillog"
	"yubin/internal/nss"
	"yubin/internal/service"
	"yubin/internal/table"
)

// Command is pipe(8).
var Command = &cli.Command{
	Name: "pipe", Section: 8,
	Synopsis: "[flags=FLAGS] user=USER[:GROUP] [chroot=DIR] [directory=DIR] [eol=STRING] [size=OCTETS] [null_sender=TEXT] argv=PROGRAM [ARGUMENT...]",
	Params: slices.Concat([]*config.Def{
		config.QueueDirectory.Def, config.MailOwner.Def, config.SetgidGroup.Def, config.RecipientDelimiter.Def,
		config.CommandTimeLimit.Def, config.ExportEnvironment.Def,
	}, nss.Params(), service.Params),
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		o := service.Flags(fs)
		return func(ctx context.Context, env *cli.Env) error {
			var d *deliverer
			return service.Run(ctx, env, o, service.Handler{
				Start: func(_ context.Context, s *service.Service) (err error) {
					d, err = newDeliverer(s, env.Args)
					return err
				},
				Check: func(*config.Config, *maillog.Logger) error {
					_, err := readAttributes(env.Args)
					return err
				},
				Conn: func(ctx context.Context, c net.Conn) { d.serve(ctx, c) },
			})
		}
	},
}

// maxPrograms is the most programs at once where maxproc of master.cf is 0.
const maxPrograms = 1000

// readAttributes is parseAttributes; its error has the exit status of a wrong
// configuration.
func readAttributes(operands []string) (*attributes, error) {
	a, err := parseAttributes(operands)
	if err != nil {
		return nil, config.Problem{What: err.Error()}
	}
	return a, nil
}

func newDeliverer(s *service.Service, operands []string) (*deliverer, error) {
	a, err := readAttributes(operands)
	if err != nil {
		return nil, err
	}
	c := s.Config
	report, site := table.Report(func(p config.Problem) { s.Log.Warn("%v", p) }), table.Site(c)
	users, err := table.Open("unix:passwd.byname", report, site)
	if err != nil {
		return nil, err
	}
	groups, err := table.Open("unix:group.byname", report, site)
	if err != nil {
		return nil, err
	}
	d := &deliverer{
		log: s.Log, service: s.Name, a: a, delimiters: config.RecipientDelimiter.Of(c), env: command.Environment(c),
		dir: a.dir, limit: config.CommandTimeLimit.For(c, s.Name), guard: command.NewGuard(c), users: users, groups: groups,
		trusted: agent.Trusted(c), work: make(chan struct{}, maxPrograms),
	}
	if s.MaxConns > 0 {
		d.work = make(chan struct{}, s.MaxConns)
	}
	if d.dir == "" && a.chroot == "" {
		d.dir = config.QueueDirectory.Of(c)
	} else if d.dir == "" {
		d.dir = "/"
	}
	return d, nil
}
