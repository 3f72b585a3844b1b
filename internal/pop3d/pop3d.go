package pop3d

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"yubin/internal/account"
	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/durable"
	"yubin/internal/login"
	"yubin/internal/mailbox"
	"yubin/internal/processors"
	"yubin/internal/servertls"
	"yubin/internal/service"
	"yubin/internal/session"
)

// Command is pop3d(8).
var Command = &cli.Command{
	Name: "pop3d", Section: 8,
	Params: slices.Concat(login.Params, session.Params, servertls.Params("pop3d"), account.QuotaParams, []*config.Def{
		config.Pop3dDisablePlaintextAuth.Def, config.Pop3dLoginTimeout.Def, config.Pop3dTimeout.Def, config.Pop3dHardErrorLimit.Def,
		config.Pop3dUIDLFormat.Def, config.Pop3dLockSession.Def, config.Pop3dNoFlagUpdates.Def,
		config.Pop3dUpstreamProxyProtocol.Def, config.Pop3dUpstreamProxyTimeout.Def,
	}),
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		o := service.Flags(fs)
		sessions := session.Flag(fs)
		return func(ctx context.Context, env *cli.Env) error {
			uidl, err := readUIDL(env.Config)
			if err != nil {
				return &cli.Status{Code: cli.ExConfig, Err: err}
			}
			if *sessions {
				return serveSessions(ctx, env, uidl)
			}
			return login.Run(ctx, env, o, protocol(env.Config))
		}
	},
}

func readUIDL(c *config.Config) (uidlFormat, error) {
	f, err := parseUIDL(config.Pop3dUIDLFormat.Of(c))
	if err != nil {
		return nil, c.Fault(config.Pop3dUIDLFormat.Def, err.Error())
	}
	return f, nil
}

// serveSessions is the session role.
func serveSessions(ctx context.Context, env *cli.Env, uidl uidlFormat) error {
	c := env.Config
	rules, err := account.Quota(c)
	if err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: err}
	}
	store := mailbox.New(mailbox.Options{Flush: durable.New(durable.Options{}), Warn: session.Warn(env), Quota: rules, Processors: processors.Few()})
	defer store.Close()
	o := &opener{store: store, uidl: uidl, lock: config.Pop3dLockSession.Of(c), seen: !config.Pop3dNoFlagUpdates.Of(c)}
	srv := &server{
		timeout: config.Pop3dTimeout.Of(c), hardErrors: config.Pop3dHardErrorLimit.Of(c),
		open: func(s *session.Session) (maildrop, error) { return o.open(&s.Start.Account) },
	}
	return session.Run(ctx, env, session.Handler{
		Serve: srv.serve,
		Panic: func(s *session.Session) { fmt.Fprint(s.Conn, "-ERR [SYS/TEMP] Internal error\r\n") },
	})
}
