package smtpd

import (
	"context"
	"net"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/intake"
	"yubin/internal/maillog"
	"yubin/internal/queuectl"
	"yubin/internal/resolve"
	"yubin/internal/rewrite"
	"yubin/internal/route"
	"yubin/internal/service"
)

// Command is smtpd(8).
var Command = &cli.Command{
	Name: "smtpd", Section: 8,
	Params: slices.Concat(service.Params, route.Params(), rewrite.Params(), queuectl.Params(), submissionParams, tlsParams, discardParams, resolve.Params(), namesParams, localParams, policyParams, rewrite.FilterParams(), []*config.Def{
		config.Myhostname.Def, config.MailName.Def, config.Myorigin.Def,
		config.Mynetworks.Def, config.RecipientDelimiter.Def, config.ParentDomainMatchesSubdomains.Def,
		config.MessageSizeLimit.Def, config.HopcountLimit.Def, config.LineLengthLimit.Def, config.HeaderSizeLimit.Def,
		config.SmtpdBanner.Def, config.Stress.Def, config.SmtpdTimeout.Def, config.SmtpdMinDataRate.Def,
		config.SmtpdRecipientLimit.Def, config.SmtpdRecipientOvershootLimit.Def,
		config.SmtpdErrorSleepTime.Def, config.SmtpdSoftErrorLimit.Def, config.SmtpdHardErrorLimit.Def,
		config.SmtpdJunkCommandLimit.Def, config.SmtpdConnectionCountLimit.Def, config.SmtpdClientEventExceptions.Def,
		config.SmtpdForbidBareNewline.Def, config.SmtpdForbidBareNewlineExcl.Def, config.SmtpdForbidBareNewlineCode.Def,
		config.SmtpdForbiddenCommands.Def, config.SmtpdNoopCommands.Def,
		config.SmtpdForbidUnauthPipelining.Def, config.SmtpdHeloRequired.Def, config.DisableVrfyCommand.Def,
		config.StrictRFC821Envelopes.Def, config.SmtpdDelayReject.Def,
		config.SmtpdClientRestrictions.Def, config.SmtpdHeloRestrictions.Def, config.SmtpdSenderRestrictions.Def,
		config.SmtpdRelayRestrictions.Def, config.SmtpdRecipientRestrictions.Def,
		config.SmtpdDataRestrictions.Def, config.SmtpdEndOfDataRestrictions.Def, config.SmtpdEtrnRestrictions.Def, config.SmtpdRestrictionClasses.Def,
		config.FastFlushDomains.Def,
		config.SmtpdRejectUnlistedRecipient.Def, config.SmtpdRejectUnlistedSender.Def, config.ShowUserUnknownTableName.Def,
		config.UnknownLocalRejectCode.Def, config.UnknownVirtualRejectCode.Def, config.UnknownRelayRejectCode.Def,
		config.UnknownAliasRejectCode.Def, config.ReceiveOverrideOptions.Def,
		config.AccessMapRejectCode.Def, config.AccessMapDeferCode.Def, config.RejectCode.Def, config.DeferCode.Def,
		config.RelayDomainsRejectCode.Def, config.InvalidHostnameRejectCode.Def, config.NonFQDNRejectCode.Def,
		config.SmtpdNullAccessLookupKey.Def,
		config.NotifyClasses.Def, config.BounceNoticeRecipient.Def, config.ErrorNoticeRecipient.Def, config.NotifySessionLimit.Def,
	}),
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		o := service.Flags(fs)
		local := fs.BoolP("stdio", "S", false, "one session on standard input and output, as \"sendmail -bs\": for whoever runs it, without master(8)")
		return func(ctx context.Context, env *cli.Env) error {
			if *local {
				return runLocal(ctx, env)
			}
			return run(ctx, env, o)
		}
	},
}

func run(ctx context.Context, env *cli.Env, o *service.Options) error {
	var d *daemon
	return service.Run(ctx, env, o, service.Handler{
		Start: func(_ context.Context, s *service.Service) (err error) {
			d, err = newDaemon(s)
			return err
		},
		Check: func(c *config.Config, log *maillog.Logger) error {
			_, err := newServer(c, "", log, nil)
			return err
		},
		Conn:  func(ctx context.Context, c net.Conn) { d.server.serve(ctx, c) },
		Panic: func(c net.Conn) { d.server.lastWord(c) },
		// Mail for qmgr to look at later is qmgr's to remember: no wake-up.
		Idle: func() (bool, time.Time) { return d.depot.Idle() && d.server.quiet(), time.Time{} },
		Stop: func(context.Context) { d.server.stats.end(); d.depot.Close() },
	})
}

// A daemon is the server and what it holds open.
type daemon struct {
	server *server
	depot  *intake.Client
}

func newDaemon(s *service.Service) (*daemon, error) {
	depot := newDepot(s.Config, s.Log)
	srv, err := newServer(s.Config, s.Name, s.Log, depot)
	if err != nil {
		return nil, err
	}
	srv.load = newLoad(s.Name, s.MaxConns, s.Log)
	return &daemon{srv, depot}, nil
}
