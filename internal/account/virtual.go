package account

import (
	"path"
	"slices"
	"strings"

	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/route"
	"yubin/internal/table"
)

// A Lookup is a table or a list of tables. An error is temporary.
type Lookup interface {
	Lookup(key string) (value string, found bool, err error)
}

// Virtual is the tables of virtual mailboxes. Its fields do not change.
type Virtual struct {
	Mailboxes  Lookup // virtual_mailbox_maps: address to path
	UIDs, GIDs Lookup // virtual_uid_maps, virtual_gid_maps
	Quotas     Lookup // the accounts' own rules; nil: there are none
	Base       string // virtual_mailbox_base
	Delimiter  string // recipient_delimiter
	MinimumUID int    // virtual_minimum_uid
}

// VirtualParams are the parameters that OpenVirtual reads.
var VirtualParams = []*config.Def{
	config.VirtualMailboxMaps.Def, config.VirtualUIDMaps.Def, config.VirtualGIDMaps.Def,
	config.VirtualMailboxBase.Def, config.RecipientDelimiter.Def, config.VirtualMinimumUID.Def,
}

// OpenVirtual opens the tables. Files that are missing or wrong fail in the
// lookups.
func OpenVirtual(c *config.Config, options ...table.Option) (*Virtual, error) {
	return openVirtual(c, func(specs []string) []string { return specs }, options...)
}

func openVirtual(c *config.Config, which func([]string) []string, options ...table.Option) (*Virtual, error) {
	v := &Virtual{
		Base: config.VirtualMailboxBase.Of(c), Delimiter: config.RecipientDelimiter.Of(c), MinimumUID: config.VirtualMinimumUID.Of(c),
	}
	// Addresses are strangers' to choose: they must not become paths and user IDs.
	options = append(slices.Clone(options), table.Trusted())
	for _, m := range []struct {
		to    *Lookup
		param config.List
	}{{&v.Mailboxes, config.VirtualMailboxMaps}, {&v.UIDs, config.VirtualUIDMaps}, {&v.GIDs, config.VirtualGIDMaps}} {
		maps, err := table.OpenMaps(which(m.param.Of(c)), options...)
		if err != nil {
			return nil, c.Fault(m.param.Def, err.Error())
		}
		*m.to = maps
	}
	var err error
	if v.Quotas, err = quotas(which(config.VirtualMailboxMaps.Of(c)), options); err != nil {
		return nil, err
	}
	return v, nil
}

// OpenBefore opens what comes before userdb: in each of these lists: what decides
// before an account's own word. It is for those who know that word.
func OpenBefore(c *config.Config, options ...table.Option) (*Virtual, error) {
	return openVirtual(c, func(specs []string) []string {
		if i := slices.IndexFunc(specs, func(s string) bool { return strings.Contains(s, "userdb:") }); i >= 0 {
			return specs[:i]
		}
		return specs
	}, options...)
}

// Find is the account that mail for addr belongs to: of the address, of it
// without its extension, or the catch-all of its domain. nil: there is none. Its
// mailbox is an mbox file where the name does not end in a slash.
func (v *Virtual) Find(addr string) (*ipc.Account, error) {
	keys := route.Keys(strings.ToLower(addr), v.Delimiter, false)
	where, found, err := v.mailbox(keys)
	if err != nil || !found {
		return nil, err
	}
	a := &ipc.Account{User: keys[0], Base: v.Base, Mailbox: where, Beneath: true}
	if a.UID, err = v.id("virtual_uid_maps", v.UIDs, keys); err != nil {
		return nil, err
	}
	if a.UID < v.MinimumUID {
		return nil, misconfigured(nil, "the user ID %d in virtual_uid_maps is below virtual_minimum_uid (%d)", a.UID, v.MinimumUID)
	}
	if a.GID, err = v.id("virtual_gid_maps", v.GIDs, keys); err != nil {
		return nil, err
	}
	a.Quota, err = v.quota(keys)
	return a, err
}

// mailbox is the path, below the base, that the first of the keys has.
func (v *Virtual) mailbox(keys []string) (where string, found bool, err error) {
	where, found, err = table.First(v.Mailboxes, keys)
	switch {
	case err != nil:
		return "", false, unread("virtual_mailbox_maps", err)
	case !found:
		return "", false, nil
	case strings.Trim(where, "/.") == "":
		return "", false, misconfigured(nil, "virtual_mailbox_maps has no path for this mailbox")
	case !path.IsAbs(v.Base):
		return "", false, misconfigured(nil, "virtual_mailbox_base is not set to an absolute path")
	}
	return where, true, nil
}

// id looks up whose the mailbox is.
func (v *Virtual) id(parameter string, ids Lookup, keys []string) (int, error) {
	value, found, err := table.First(ids, keys)
	switch {
	case err != nil:
		return 0, unread(parameter, err)
	case !found:
		return 0, misconfigured(nil, "%s has no entry for this mailbox", parameter)
	}
	id, err := ParseID(value)
	if err != nil {
		return 0, misconfigured(err, "the entry in %s is not a number", parameter)
	}
	return id, nil
}
