package imapd

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"yubin/internal/account"
	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/durable"
	"yubin/internal/imap"
	"yubin/internal/login"
	"yubin/internal/mailbox"
	"yubin/internal/mimescan"
	"yubin/internal/processors"
	"yubin/internal/servertls"
	"yubin/internal/service"
	"yubin/internal/session"
)

// Command is imapd(8).
var Command = &cli.Command{
	Name: "imapd", Section: 8,
	Params: slices.Concat(login.Params, session.Params, servertls.Params("imapd"), account.QuotaParams, []*config.Def{
		config.QuotaExceededMessage.Def,
		config.ImapdDisablePlaintextAuth.Def, config.ImapdLoginTimeout.Def, config.ImapdTimeout.Def, config.ImapdHardErrorLimit.Def,
		config.ImapdCommandSizeLimit.Def, config.ImapdNestingLimit.Def, config.ImapdAppendSizeLimit.Def,
		config.ImapdMimeNestingLimit.Def, config.ImapdMimePartsLimit.Def, config.ImapdFieldSizeLimit.Def, config.ImapdHeaderSizeLimit.Def,
		config.ImapdIdleNotifyInterval.Def, config.ImapdUpstreamProxyProtocol.Def, config.ImapdUpstreamProxyTimeout.Def,
	}),
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		o := service.Flags(fs)
		sessions := session.Flag(fs)
		return func(ctx context.Context, env *cli.Env) error {
			if *sessions {
				return serveSessions(ctx, env)
			}
			return login.Run(ctx, env, o, protocol(env.Config))
		}
	},
}

// serveSessions is the session role.
func serveSessions(ctx context.Context, env *cli.Env) error {
	rules, err := account.Quota(env.Config)
	if err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: err}
	}
	p := processors.Few()
	store := mailbox.New(mailbox.Options{Flush: durable.New(durable.Options{}), Warn: session.Warn(env), Quota: rules, Processors: p})
	defer store.Close()
	srv := newServer(env.Config, store, p)
	return session.Run(ctx, env, session.Handler{
		Serve: srv.serve,
		Panic: func(s *session.Session) { fmt.Fprint(s.Conn, "* BYE [SERVERBUG] Internal error\r\n") },
	})
}

// newServer reads what sessions need to know.
func newServer(c *config.Config, store *mailbox.Store, p *processors.Keeper) *server {
	command := int(config.ImapdCommandSizeLimit.Of(c))
	return &server{
		store: store, timeout: config.ImapdTimeout.Of(c), hardErrors: config.ImapdHardErrorLimit.Of(c),
		limits:      imap.Limits{Command: command, Literal: command, Nesting: config.ImapdNestingLimit.Of(c)},
		appendLimit: config.ImapdAppendSizeLimit.Of(c), stillHere: config.ImapdIdleNotifyInterval.Of(c),
		overQuota: config.QuotaExceededMessage.Of(c),
		commands:  commands(), mime: mimeLimits(c), crew: newCrew(p),
	}
}

// mimeLimits reads how much is looked at in a message.
func mimeLimits(c *config.Config) mimescan.Limits {
	return mimescan.Limits{
		Depth: config.ImapdMimeNestingLimit.Of(c), Parts: config.ImapdMimePartsLimit.Of(c),
		Field: int(config.ImapdFieldSizeLimit.Of(c)), Header: int(config.ImapdHeaderSizeLimit.Of(c)),
	}
}
