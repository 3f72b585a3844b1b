package local

import (
	"yubin/internal/account"
	"yubin/internal/aliases"
)

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
