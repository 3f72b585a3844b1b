package master

import (
	"fmt"
	"os"
	"os/user"
	"strconv"

	"yubin/internal/config"
)

// accounts are the users that services run as.
type accounts struct {
	root      bool // else everything runs as this process does
	owner     credential
	smtpd     credential
	smtp      credential
	dropGroup int // of maildrop
}

// readAccounts looks the accounts up. Only root needs them.
func readAccounts(c *config.Config) (a accounts, err error) {
	if os.Geteuid() != 0 {
		return a, nil
	}
	a.root = true
	group := config.SetgidGroup.Of(c)
	if a.dropGroup, err = groupID(group); err != nil {
		return a, fmt.Errorf("setgid_group: %w; create the group, or name another in main.cf", err)
	}
	for _, u := range []struct {
		param config.String
		to    *credential
	}{{config.MailOwner, &a.owner}, {config.SmtpdUser, &a.smtpd}, {config.SmtpUser, &a.smtp}} {
		if *u.to, err = lookUser(u.param.Of(c)); err != nil {
			return a, fmt.Errorf("%s: %w; create the user, or name another in main.cf", u.param.Name, err)
		}
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
	case s.Command == "smtpd":
		return &a.smtpd
	case s.Command == "smtp":
		return &a.smtp
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

func lookUser(name string) (credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return credential{}, err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return credential{}, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return credential{}, err
	}
	return credential{UID: uid, GID: gid, Groups: []int{gid}}, nil
}

func groupID(name string) (int, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(g.Gid)
}
