package local

import (
	"strconv"

	"yubin/internal/account"
	"yubin/internal/aliases"
	"yubin/internal/ipc"
	"yubin/internal/nss"
	"yubin/internal/route"
	"yubin/internal/smtp"

	"strings"
)

// system are the users of the system, as package aliases asks for them.
type system struct {
	passwd     account.Lookup // name to a line of passwd(5)
	byID       func(uid uint32) (*ipc.NSSUser, error)
	delimiters string
}

func newSystem(passwd account.Lookup, c *nss.Client, delimiters string) *system {
	return &system{passwd, c.UserByID, delimiters}
}

// User looks a local part up as a user: in lower case, with its extension, then
// without.
func (s *system) User(local string) (*account.Person, error) {
	local = strings.ToLower(local)
	base, _ := route.SplitExtension(local, s.delimiters)
	for _, name := range []string{local, base} {
		line, found, err := s.passwd.Lookup(name)
		if err != nil {
			return nil, deferred(smtp.LocalProcessing, err, "user lookup failed")
		}
		if found {
			return account.ParsePasswd(line)
		}
		if base == local {
			break
		}
	}
	return nil, nil
}

// UserByID is the user with a user ID.
func (s *system) UserByID(uid int) (*account.Person, error) {
	u, err := s.byID(uint32(uid))
	if u == nil || err != nil {
		return nil, err
	}
	return &account.Person{
		Name: u.Name, UID: strconv.FormatUint(uint64(u.UID), 10), GID: strconv.FormatUint(uint64(u.GID), 10), Home: u.Home, Shell: u.Shell,
	}, nil
}

// opener reads files with the rights of users.
func opener(ids *switcher) aliases.Opener {
	return func(path string, as *account.Person, nofollow bool) (c *aliases.Content, err error) {
		if as == nil {
			return aliases.Read(path, nofollow)
		}
		id, err := identityOf(as)
		if err != nil {
			return nil, err
		}
		err = ids.do(id, func() (err error) { c, err = aliases.Read(path, nofollow); return err })
		return c, err
	}
}
