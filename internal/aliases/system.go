package aliases

import (
	"strconv"
	"strings"

	"yubin/internal/account"
	"yubin/internal/ipc"
	"yubin/internal/route"
	"yubin/internal/smtp"
)

// System are the users of the system. Its fields do not change.
type System struct {
	Passwd     account.Lookup // name to a line of passwd(5)
	ByID       func(uid uint32) (*ipc.NSSUser, error)
	Delimiters string
}

// User looks a local part up as a user: in lower case, with its extension, then
// without.
func (s *System) User(local string) (*account.Person, error) {
	local = strings.ToLower(local)
	base, _ := route.SplitExtension(local, s.Delimiters)
	for _, name := range []string{local, base} {
		line, found, err := s.Passwd.Lookup(name)
		if err != nil {
			return nil, &Error{4, smtp.LocalProcessing, "user lookup failed", err}
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
func (s *System) UserByID(uid int) (*account.Person, error) {
	u, err := s.ByID(uint32(uid))
	if u == nil || err != nil {
		return nil, err
	}
	return &account.Person{
		Name: u.Name, UID: strconv.FormatUint(uint64(u.UID), 10), GID: strconv.FormatUint(uint64(u.GID), 10), Home: u.Home, Shell: u.Shell,
	}, nil
}
