package master

import (
	"fmt"
	"os"

	"yubin/internal/config"
	"yubin/internal/ids"
)

// accounts are the users that services run as.
type accounts struct {
	root      bool // else everything runs as this process does
	owner     credential
	smtpd     credential
	smtp      credential
	login     credential
	dropGroup int // of maildrop
}

// readAccounts looks the accounts up. Only root needs them.
func readAccounts(c *config.Config) (a accounts, err error) {
	if os.Geteuid() != 0 {
		return a, nil
	}
	a.root = true
	group := config.SetgidGroup.Of(c)
	if a.dropGroup, err = ids.Group(group); err != nil {
		return a, fmt.Errorf("setgid_group: %w; create the group, or name another in main.cf", err)
	}
	for _, u := range []struct {
		param config.String
		to    *credential
	}{{config.MailOwner, &a.owner}, {config.SmtpdUser, &a.smtpd}, {config.SmtpUser, &a.smtp}, {config.LoginUser, &a.login}} {
		who, err := ids.User(u.param.Of(c))
		if err != nil {
			return a, fmt.Errorf("%s: %w; create the user, or name another in main.cf", u.param.Name, err)
		}
		*u.to = credential{UID: who.UID, GID: who.GID, Groups: []int{who.GID}}
	}
	// pickup works in maildrop, whose group this is.
	a.owner.Groups = append(a.owner.Groups, a.dropGroup)
	return a, nil
}

// of says whom a service runs as; nil: as master does.
func (a *accounts) of(s *config.MasterService) *credential {
	switch {
	case !a.root, !s.Unpriv:
		return nil
	case s.Command == "smtpd", s.Command == "acmed": // strangers speak to both
		return &a.smtpd
	case s.Command == "smtp":
		return &a.smtp
	case s.Command == "pop3d", s.Command == "imapd":
		return &a.login
	}
	return &a.owner
}

// binder is whose rights are used to make and remove Unix sockets; nil: ours.
func (a *accounts) binder() *credential {
	if !a.root {
		return nil
	}
	return &a.owner
}
