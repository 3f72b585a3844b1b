package table

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/nss"
	"yubin/internal/smtp"
)

// A userTable is userdb:FIELD: what authd knows of accounts.
type userTable struct {
	value func(a *ipc.Account, base string) (string, error)
	bare  bool // a key without "@" is a user, not a domain
	o     *options
}

// userFields are the fields.
var userFields = map[string]userTable{
	"mailbox": {value: belowBase},
	"uid":     {value: func(a *ipc.Account, _ string) (string, error) { return strconv.Itoa(a.UID), nil }},
	"gid":     {value: func(a *ipc.Account, _ string) (string, error) { return strconv.Itoa(a.GID), nil }},
	"quota":   {value: func(a *ipc.Account, _ string) (string, error) { return a.Quota, nil }},
	"domain":  {},
	"user":    {value: func(a *ipc.Account, _ string) (string, error) { return a.User, nil }, bare: true},
}

func openUserdb(name string, o *options, _ bool) (Table, error) {
	t, ok := userFields[name]
	if !ok {
		var want []string
		for f := range userFields {
			want = append(want, f)
		}
		slices.Sort(want)
		return nil, fmt.Errorf("want one of %s, have %q", strings.Join(want, ", "), name)
	}
	t.o = o
	return t, nil
}

// Lookup asks for an address, or, for a key without "@", whether a domain has
// accounts. There are no accounts for all of a domain.
func (t userTable) Lookup(key string) (string, bool, error) {
	key = strings.ToLower(key)
	i := strings.LastIndexByte(key, '@')
	switch {
	case key == "" || i == 0:
		return "", false, nil
	case i < 0 && !t.bare:
		r, err := t.ask("@" + key)
		return key, err == nil && r.Domain, err
	case t.value == nil:
		return "", false, nil
	}
	r, err := t.ask(key)
	if err != nil || r.Account == nil {
		return "", false, err
	}
	value, err := t.value(r.Account, t.o.base)
	return value, err == nil && value != "", err // no quota is none
}

// ask asks for what key names. Domains come in A-labels, where account files may
// have U-labels.
func (t userTable) ask(key string) (ipc.UserReply, error) {
	r, err := t.o.users(key)
	if other := smtp.UnicodeAddress(key); err == nil && r.Account == nil && !r.Domain && other != key {
		return t.o.users(other)
	}
	return r, err
}

// belowBase is the path of a mailbox as virtual_mailbox_maps has it.
func belowBase(a *ipc.Account, base string) (string, error) {
	full := path.Join(a.Base, a.Mailbox)
	rest, ok := strings.CutPrefix(full, strings.TrimSuffix(path.Clean(base), "/")+"/")
	if !ok || !path.IsAbs(base) {
		return "", fmt.Errorf("the mailbox of %s is not below virtual_mailbox_base: set that to a directory above all mailboxes", a.User)
	}
	return rest + "/", nil
}

// Site has tables ask the programs of this system: those of type userdb ask
// authd, those of type unix pamd, if there is one (package nss). The tables
// opened with one Option share connections.
func Site(c *config.Config) Option {
	if err := c.Check(append([]*config.Def{config.VirtualMailboxBase.Def}, nss.Params()...)); err != nil {
		return Users(func(string) (ipc.UserReply, error) { return ipc.UserReply{}, err })
	}
	ask := (&authd{path: path.Join(config.QueueDirectory.Of(c), "public/authd")}).user
	system := nss.New(c)
	return func(o *options) {
		o.users, o.base, o.system, o.queue = ask, config.VirtualMailboxBase.Of(c), system, config.QueueDirectory.Of(c)
	}
}

// Users has tables of type userdb ask ask for accounts: for that of a user, or,
// for "@domain", whether that has any.
func Users(ask func(user string) (ipc.UserReply, error)) Option {
	return func(o *options) { o.users = ask }
}

func nobodyToAsk(string) (ipc.UserReply, error) {
	return ipc.UserReply{}, errors.New("accounts cannot be asked for here")
}
