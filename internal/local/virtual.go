package local

import (
	"errors"
	"strings"

	"yubin/internal/account"
	"yubin/internal/ipc"
	"yubin/internal/maildir"
	"yubin/internal/smtp"
)

// virtual is the transport virtual: mailboxes that are in tables alone.
type virtual struct{ *account.Virtual }

func (t virtual) find(_ *letter, r *ipc.Recipient) (*mailbox, []ipc.Result, error) {
	a, err := t.Find(r.Address)
	switch {
	case err != nil:
		return nil, nil, unplaced(err)
	case a == nil:
		return nil, nil, bounced(smtp.BadMailbox, "unknown user: %q", strings.ToLower(r.Address))
	}
	return mailboxOf(a), nil, nil
}

// mailboxOf is where the mail of an account goes.
func mailboxOf(a *ipc.Account) *mailbox {
	return &mailbox{
		maildir.Place{Base: a.Base, Path: a.Mailbox, Beneath: a.Beneath, Owned: a.Owned, Owner: a.UID},
		identity{a.UID, a.GID},
		a.Quota,
	}
}

// unplaced is the deferral for an account whose mailbox is not known.
func unplaced(err error) error {
	var e *account.Error
	if errors.As(err, &e) {
		return deferred(e.Detail, e.Err, "%s", e.Text)
	}
	return err
}
