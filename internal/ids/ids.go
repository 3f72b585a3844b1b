// Package ids finds the numbers of the accounts that the configuration names:
// those that programs run as and trust. It decides nothing.
package ids

import (
	"os"
	"os/user"
	"strconv"
)

// An Account is a user's number and that of the user's own group.
type Account struct{ UID, GID int }

// User returns the account of a name.
func User(name string) (Account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return Account{}, err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return Account{}, err
	}
	gid, err := strconv.Atoi(u.Gid)
	return Account{uid, gid}, err
}

// Group returns the number of a group.
func Group(name string) (int, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(g.Gid)
}

// Trusted are root, this process's own user, and those of the names that exist:
// whom a daemon listens to on a socket (SO_PEERCRED).
func Trusted(names ...string) map[uint32]bool {
	t := map[uint32]bool{0: true, uint32(os.Geteuid()): true}
	for _, name := range names {
		if a, err := User(name); err == nil {
			t[uint32(a.UID)] = true
		}
	}
	return t
}
