package local

import (
	"errors"
	"os"
	"path"
	"strings"
	"syscall"

	"yubin/internal/account"
	"yubin/internal/ipc"
	"yubin/internal/mbox"
	"yubin/internal/smtp"
)

// virtual is the transport virtual: mailboxes that are in tables alone.
type virtual struct {
	*account.Virtual
	limits *limits
	strict bool
}

func (t virtual) find(_ *letter, r *ipc.Recipient) (*action, error) {
	a, err := t.Find(r.Address)
	switch {
	case err != nil:
		return nil, unplaced(err)
	case a == nil:
		return nil, bounced(smtp.BadMailbox, "unknown user: %q", strings.ToLower(r.Address))
	case strings.HasSuffix(a.Mailbox, "/"):
		return &action{to: mailboxOf(a, t.limits.size)}, nil
	}
	return t.mbox(a)
}

// mbox is the mbox file of a virtual mailbox. Its path comes from a table and not
// from the user: no link leads out of the base.
func (t virtual) mbox(a *ipc.Account) (*action, error) {
	owner := identity{a.UID, a.GID}
	return &action{to: &textbox{
		place: mbox.Place{
			Path: path.Join(a.Base, a.Mailbox), Plain: true, Beneath: a.Base, Owned: t.strict, Owner: a.UID, Limit: t.limits.size, Lock: t.limits.lock,
		},
		as: owner, opener: owner,
	}}, nil
}

// unplaced is the deferral for an account whose mailbox is not known.
func unplaced(err error) error {
	var e *account.Error
	if errors.As(err, &e) {
		return deferred(e.Detail, e.Err, "%s", e.Text)
	}
	return err
}

// groupOf is the group of a file.
func groupOf(info os.FileInfo) (int, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Gid), true
}
