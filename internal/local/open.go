package local

import (
	"errors"
	"fmt"
	"slices"

	"yubin/internal/account"
	"yubin/internal/aliases"
	"yubin/internal/command"
	"yubin/internal/config"
	"yubin/internal/ids"
	"yubin/internal/maillog"
	"yubin/internal/mbox"
	"yubin/internal/table"
)

// deliveryParams are the parameters that openTransports reads beside those of
// package account.
var deliveryParams = slices.Concat(aliases.Params(), account.FinalParams, []*config.Def{
	config.DefaultPrivs.Def, config.LocalCommandShell.Def, config.CommandExpansionFilter.Def,
	config.CommandExecutionDirectory.Def, config.ExecutionDirectoryFilter.Def, config.CommandTimeLimit.Def, config.ExportEnvironment.Def,
	config.SetgidGroup.Def, config.PrependDeliveredHeader.Def, config.MailboxDeliveryLock.Def, config.VirtualMailboxLock.Def,
	config.DeliverLockAttempts.Def, config.DeliverLockDelay.Def, config.StaleLockTime.Def, config.MessageSizeLimit.Def,
	config.MailboxSizeLimit.Def, config.VirtualMailboxLimit.Def, config.StrictMailboxOwnership.Def, config.RequireHomeDirectory.Def,
	config.EnableOriginalRecipient.Def,
})

// openTransports opens the tables. Files that are missing or wrong fail in the
// lookups, which defers the mail that needs them.
func openTransports(c *config.Config, log *maillog.Logger, ids *switcher) (map[string]transport, error) {
	report, site := table.Report(func(p config.Problem) { log.Warn("%v", p) }), table.Site(c)
	v, err := account.OpenVirtual(c, report, site)
	if err != nil {
		return nil, err
	}
	limits, err := sizes(c, config.VirtualMailboxLimit, config.VirtualMailboxLock)
	u, more := openUsers(c, log, ids, report, site)
	if err := errors.Join(err, more); err != nil { // one look shows both limits
		return nil, err
	}
	return map[string]transport{relayVirtual: virtual{v, limits, config.StrictMailboxOwnership.Of(c)}, relayLocal: u}, nil
}

// sizes are the limits of the mailboxes of one transport.
func sizes(c *config.Config, size config.Size, lock config.List) (*limits, error) {
	l := &limits{size: size.Of(c), patience: config.CommandTimeLimit.Of(c), lock: mbox.Lock{
		Attempts: config.DeliverLockAttempts.Of(c), Delay: config.DeliverLockDelay.Of(c), Stale: config.StaleLockTime.Of(c),
	}}
	kinds := words(lock.Of(c))
	l.lock.Fcntl, l.lock.Flock, l.lock.Dot = kinds["fcntl"], kinds["flock"], kinds["dotlock"]
	if least := config.MessageSizeLimit.Of(c); l.size != 0 && l.size < least {
		return nil, c.Fault(size.Def, fmt.Sprintf("want at least message_size_limit (%d), or 0 for no limit, have %d", least, l.size))
	}
	return l, nil
}

func words(list []string) map[string]bool {
	m := map[string]bool{}
	for _, w := range list {
		m[w] = true
	}
	return m
}

// openUsers makes the transport local.
func openUsers(c *config.Config, log *maillog.Logger, ids *switcher, options ...table.Option) (*users, error) {
	u := &users{
		places: account.NewPlaces(c), ids: ids, commands: newCommands(c),
		strict: config.StrictMailboxOwnership.Of(c), home: config.RequireHomeDirectory.Of(c),
		forwardHeader: words(config.PrependDeliveredHeader.Of(c))["forward"],
	}
	var err error
	if u.limits, err = sizes(c, config.MailboxSizeLimit, config.MailboxDeliveryLock); err != nil {
		return nil, err
	}
	if u.final, err = account.NewFinal(c, options...); err != nil {
		return nil, err
	}
	u.privs, u.privsErr = privs(config.DefaultPrivs.Of(c))
	if u.x, err = aliases.New(c, opener(ids), func(text string) { log.Warn("%s", text) }, options...); err != nil {
		return nil, err
	}
	return u, nil
}

// privs is whom commands and files of root's lists belong to.
func privs(name string) (identity, error) {
	a, err := ids.User(name)
	switch {
	case err != nil:
		return identity{}, misconfigured(err, "default_privs (%s) is no account of this system", name)
	case a.UID == 0 || a.GID == 0:
		return identity{}, misconfigured(nil, "default_privs (%s) has the rights of root", name)
	}
	return identity{a.UID, a.GID}, nil
}

func newCommands(c *config.Config) *commands {
	return &commands{
		noOriginal: !config.EnableOriginalRecipient.Of(c), guard: command.NewGuard(c), env: environment(c), shell: config.LocalCommandShell.Of(c), filter: config.CommandExpansionFilter.Of(c),
		directory: config.CommandExecutionDirectory.Of(c), dirChar: config.ExecutionDirectoryFilter.Of(c), time: config.CommandTimeLimit.Of(c),
	}
}
