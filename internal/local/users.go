package local

import (
	"slices"
	"strings"

	"yubin/internal/account"
	"yubin/internal/ipc"
	"yubin/internal/route"
	"yubin/internal/smtp"
)

// The transports, as master.cf calls them.
const (
	relayLocal   = "local"
	relayVirtual = "virtual"
)

// A domains is a list of domains.
type domains interface {
	Domain(d string) (bool, error)
}

// users is the transport local: aliases, then users of the system.
type users struct {
	aliases      account.Lookup // alias_maps
	passwd       account.Lookup // name to a line of passwd(5)
	destinations domains        // mydestination
	origin       string         // myorigin
	delimiter    string         // recipient_delimiter
	places       *account.Places
}

func (t *users) find(l *letter, r *ipc.Recipient) (*mailbox, []ipc.Result, error) {
	local, domain := smtp.SplitAddress(r.Address)
	if !r.Exact {
		// An exact recipient came out of the expansion that put its own
		// Delivered-To there, and goes nowhere else from here.
		passed, err := l.passed(r.Address)
		if err != nil {
			return nil, nil, mailboxFailure(err)
		}
		if passed {
			return nil, nil, bounced(smtp.RoutingLoop, "mail forwarding loop for %s", r.Address)
		}
		if e, found, err := t.alias(local); err != nil || found {
			return t.forward(r, e, domain, err)
		}
	}
	u, err := t.user(local)
	if u == nil && err == nil && t.isRoot(local) {
		if e, found, err := t.alias("root"); !r.Exact && (err != nil || found) {
			return t.forward(r, e, domain, err)
		}
		u, err = t.user("root")
	}
	if err != nil {
		return nil, nil, err
	}
	if u == nil {
		return nil, nil, bounced(smtp.BadMailbox, "unknown user: %q", strings.ToLower(local))
	}
	box, err := t.mailbox(u)
	return box, nil, err
}

func (t *users) forward(r *ipc.Recipient, e entry, domain string, err error) (*mailbox, []ipc.Result, error) {
	if err != nil {
		return nil, nil, err
	}
	targets, err := t.expand(e, domain)
	if err != nil {
		return nil, nil, err
	}
	return nil, expandedResults(r, targets), nil
}

// isRoot tells whether root answers for a local part that is neither an alias
// nor a user: RFC 5321, 4.5.1 (postmaster), RFC 2142, 4 (abuse), and the sender
// that other systems give their notices.
func (t *users) isRoot(local string) bool {
	return slices.ContainsFunc(bases(local, t.delimiter), route.Reserved)
}

// user looks a local part up as a user, nil if there is none.
func (t *users) user(local string) (*account.Person, error) {
	for _, name := range bases(local, t.delimiter) {
		line, found, err := t.passwd.Lookup(name)
		if err != nil {
			return nil, deferred(smtp.LocalProcessing, err, "user lookup failed")
		}
		if found {
			u, err := account.ParsePasswd(line)
			if err != nil {
				return nil, unplaced(err)
			}
			return u, nil
		}
	}
	return nil, nil
}

// mailbox is where the mail of u goes.
func (t *users) mailbox(u *account.Person) (*mailbox, error) {
	a, err := t.places.System(u)
	if err != nil {
		return nil, unplaced(err)
	}
	return mailboxOf(a), nil
}
