package mailctl

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/account"
	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/instance"
	"yubin/internal/match"
	"yubin/internal/runctl"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// defaultBase is virtual_mailbox_base where main.cf has none: of an installation,
// and of a private instance.
const (
	defaultBase = "/var/vmail"
	privateBase = "$data_directory/vmail"
)

// A setting is what main.cf lacks for an account to get mail.
type setting struct {
	k       *keeper
	changes []config.Change
}

// setting finds out what main.cf lacks for the account of user, which need not
// exist yet.
func (k *keeper) setting(user string) (*setting, error) {
	c := k.env.Config
	_, domain := smtp.SplitAddress(user)
	if err := k.notElsewhere(domain); err != nil {
		return nil, err
	}
	s := &setting{k: k}
	if config.VirtualMailboxBase.Of(c) == "" {
		base := defaultBase
		if os.Geteuid() != 0 {
			base = privateBase
		}
		s.changes = append(s.changes, config.Change{Name: config.VirtualMailboxBase.Name, Value: base})
		var err error
		if k.places.VirtualBase, err = c.Expand(base); err != nil {
			return nil, &cli.Status{Code: cli.ExConfig, Err: err}
		}
		k.places.Tables.Base = k.places.VirtualBase
	}
	if err := s.domains(domain); err != nil {
		return nil, err
	}
	for _, p := range []struct {
		param config.List
		table account.Lookup
		field string
	}{
		{config.VirtualMailboxMaps, k.places.Tables.Mailboxes, "userdb:mailbox"},
		{config.VirtualUIDMaps, k.places.Tables.UIDs, "userdb:uid"},
		{config.VirtualGIDMaps, k.places.Tables.GIDs, "userdb:gid"},
	} {
		_, found, err := p.table.Lookup(user)
		if err != nil {
			return nil, cli.Fail(cli.ExUnavailable, "user: %s: %v", p.param.Name, err)
		}
		if !found {
			s.add(p.param, p.field)
		}
	}
	return s, nil
}

// notElsewhere refuses a domain whose mail goes elsewhere, whatever accounts it
// has.
func (k *keeper) notElsewhere(domain string) error {
	for _, p := range []config.List{config.Mydestination, config.RelayDomains} {
		l, err := match.Of(k.env.Config, p)
		if err != nil {
			return &cli.Status{Code: cli.ExConfig, Err: err}
		}
		in, err := l.Domain(domain)
		if err != nil {
			return cli.Fail(cli.ExUnavailable, "user: %v", err)
		}
		if in {
			return cli.Fail(cli.ExConfig, "user: %s is in %s, so its mail does not go to accounts with a domain: take it out there, or use another domain", domain, p.Name)
		}
	}
	return nil
}

// domains has virtual_mailbox_domains hold a domain.
func (s *setting) domains(domain string) error {
	c, p := s.k.env.Config, config.VirtualMailboxDomains
	_, set := c.Raw(p.Name)
	maps, mapsSet := c.Raw(config.VirtualMailboxMaps.Name)
	if !set && mapsSet && maps != "" {
		return nil // it is $virtual_mailbox_maps, which gets what it needs
	}
	specs := p.Of(c)
	for _, spec := range specs {
		if strings.Contains(spec, "userdb:") {
			return nil // authd will know the domain
		}
	}
	l, err := match.Of(c, p)
	if err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: err}
	}
	in, err := l.Domain(domain)
	if err != nil {
		return cli.Fail(cli.ExUnavailable, "user: %v", err)
	}
	if !in {
		s.add(p, "userdb:domain")
	}
	return nil
}

// add has a list hold a table, behind what it holds already.
func (s *setting) add(p config.List, spec string) {
	raw, _ := s.k.env.Config.Raw(p.Name)
	raw = strings.Join(strings.Fields(raw), " ")
	if strings.Contains(raw, "userdb:") {
		return
	}
	if raw != "" {
		spec = strings.TrimRight(raw, ", ") + ", " + spec
	}
	s.changes = append(s.changes, config.Change{Name: p.Name, Value: spec})
}

// apply changes main.cf, as far as that has not been done for another account.
func (s *setting) apply() error {
	s.changes = slices.DeleteFunc(s.changes, func(c config.Change) bool { return slices.Contains(s.k.changed, c) })
	if len(s.changes) == 0 {
		return nil
	}
	if err := config.Edit(s.k.env.Config.Dir, s.changes); err != nil {
		return &cli.Status{Code: cli.ExIOErr, Err: err}
	}
	for _, ch := range s.changes {
		fmt.Fprintf(s.k.env.Stdout, "%s = %s\n", ch.Name, ch.Value)
	}
	s.k.changed = append(s.k.changed, s.changes...)
	return nil
}

// knowTime is how long authd may take to see a change of its file.
const knowTime = 10 * time.Second

// announce has a system that runs take note: of main.cf, by a reload; of the
// account, for which authd looks itself.
func (k *keeper) announce(user string) error {
	_, err := runctl.FindMaster(k.env)
	switch {
	case errors.Is(err, instance.ErrNotRunning):
		return nil // it will read everything when it starts
	case err != nil:
		return err
	}
	if len(k.changed) > 0 {
		if err := runctl.WithMaster(k.env, func(fd int) error { return unix.PidfdSendSignal(fd, unix.SIGHUP, nil, 0) }); err != nil {
			return err
		}
	}
	t, err := table.Open("userdb:user", table.Site(k.env.Config))
	if err != nil {
		return err
	}
	for end := time.Now().Add(knowTime); ; time.Sleep(50 * time.Millisecond) {
		_, found, err := t.Lookup(user)
		if found {
			return nil
		}
		if time.Now().After(end) {
			if err == nil {
				err = errors.New("it does not know the account yet")
			}
			return cli.Fail(cli.ExTempFail, "user: the account is there, but authd(8) does not say so: %v", err)
		}
	}
}
