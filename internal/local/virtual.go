package local

import (
	"path"
	"strings"

	"yubin/internal/ipc"
	"yubin/internal/maildir"
	"yubin/internal/route"
	"yubin/internal/smtp"
)

// virtual is the transport virtual: mailboxes that are in tables alone.
type virtual struct {
	mailboxes  lookup // virtual_mailbox_maps: address to path
	uids, gids lookup // virtual_uid_maps, virtual_gid_maps
	base       string // virtual_mailbox_base
	delimiter  string // recipient_delimiter
	minimumUID int    // virtual_minimum_uid
}

func (t *virtual) find(_ *letter, r *ipc.Recipient) (*mailbox, []ipc.Result, error) {
	where, found, err := t.lookup(t.mailboxes, r.Address)
	switch {
	case err != nil:
		return nil, nil, noTable("virtual_mailbox_maps", err)
	case !found:
		return nil, nil, bounced(smtp.BadMailbox, "unknown user: %q", strings.ToLower(r.Address))
	case !strings.HasSuffix(where, "/"):
		return nil, nil, misconfigured(nil, "virtual_mailbox_maps names an mbox file, which this version does not deliver to; end the path in / for a Maildir")
	case strings.Trim(where, "/.") == "":
		return nil, nil, misconfigured(nil, "virtual_mailbox_maps has no path for this mailbox")
	case !path.IsAbs(t.base):
		return nil, nil, misconfigured(nil, "virtual_mailbox_base is not set to an absolute path")
	}
	uid, err := t.id("virtual_uid_maps", t.uids, r.Address)
	if err != nil {
		return nil, nil, err
	}
	if uid < t.minimumUID {
		return nil, nil, misconfigured(nil, "the user ID %d in virtual_uid_maps is below virtual_minimum_uid (%d)", uid, t.minimumUID)
	}
	gid, err := t.id("virtual_gid_maps", t.gids, r.Address)
	if err != nil {
		return nil, nil, err
	}
	return &mailbox{maildir.Place{Base: t.base, Path: where, Beneath: true}, identity{uid, gid}}, nil, nil
}

// id looks up whose the mailbox of addr is.
func (t *virtual) id(parameter string, table lookup, addr string) (int, error) {
	value, found, err := t.lookup(table, addr)
	switch {
	case err != nil:
		return 0, noTable(parameter, err)
	case !found:
		return 0, misconfigured(nil, "%s has no entry for this mailbox", parameter)
	}
	id, err := parseID(value)
	if err != nil {
		return 0, misconfigured(err, "the entry in %s is not a number", parameter)
	}
	return id, nil
}

// lookup asks for the address, for it without its extension, and for the
// catch-all of its domain.
func (t *virtual) lookup(table lookup, addr string) (value string, found bool, err error) {
	for _, key := range route.Keys(strings.ToLower(addr), t.delimiter, false) {
		value, found, err = table.Lookup(key)
		if err != nil || found {
			return value, found, err
		}
	}
	return "", false, nil
}
