package command

import (
	"errors"
	"fmt"
	"os"

	"yubin/internal/config"
	"yubin/internal/ids"
)

// errNotRoot is the error of a private instance that is asked to run a program
// as somebody else.
var errNotRoot = errors.New("running a program as another user needs root, and this system runs without")

// A Guard knows whom no program of a delivery may run as.
type Guard struct {
	root   bool
	owner  ids.Account // mail_owner; -1 where there is none
	submit int         // setgid_group
}

// NewGuard looks the accounts up that the configuration names. One that does
// not exist guards nothing: nobody can run as it.
func NewGuard(c *config.Config) *Guard {
	g := &Guard{root: os.Geteuid() == 0, owner: ids.Account{UID: -1, GID: -1}, submit: -1}
	if a, err := ids.User(config.MailOwner.Of(c)); err == nil {
		g.owner = a
	}
	if n, err := ids.Group(config.SetgidGroup.Of(c)); err == nil {
		g.submit = n
	}
	return g
}

// Check says why no program may run as id; nil: it may. In a private instance
// only the system's own user may, whoever that is.
func (g *Guard) Check(id Identity) error {
	switch {
	case !g.root && id.UID != os.Geteuid():
		return errNotRoot
	case !g.root:
		return nil
	case id.UID <= 0:
		return fmt.Errorf("user ID %d: no program is run as root", id.UID)
	case id.UID == g.owner.UID:
		return fmt.Errorf("user ID %d: no program is run as mail_owner, who owns the queue", id.UID)
	}
	for _, gid := range append([]int{id.GID}, id.Groups...) {
		switch {
		case gid <= 0:
			return fmt.Errorf("group ID %d: no program is run in the group of root", gid)
		case gid == g.owner.GID:
			return fmt.Errorf("group ID %d: no program is run in the group of mail_owner", gid)
		case gid == g.submit:
			return fmt.Errorf("group ID %d: no program is run in setgid_group", gid)
		}
	}
	return nil
}
