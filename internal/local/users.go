package local

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"yubin/internal/account"
	"yubin/internal/aliases"
	"yubin/internal/ipc"
	"yubin/internal/route"
	"yubin/internal/smtp"
)

// The transports, as master.cf calls them.
const (
	relayLocal   = "local"
	relayVirtual = "virtual"
)

// users is the transport local: aliases, .forward files, then users of the
// system. Its fields do not change.
type users struct {
	x      *aliases.Expander
	places *account.Places
	limits *limits
	ids    *switcher

	final         *account.Final
	commands      *commands
	privs         identity // default_privs
	privsErr      error    // why there is none
	strict        bool     // strict_mailbox_ownership
	home          bool     // require_home_directory
	forwardHeader bool     // prepend_delivered_header has forward
}

func (t *users) find(l *letter, r *ipc.Recipient) (*action, error) {
	local, domain := smtp.SplitAddress(r.Address)
	if !r.Exact && r.Member == "" {
		// An exact recipient, and a member, came out of the expansion that put its
		// own Delivered-To there.
		passed, err := l.passed(r.Address)
		if err != nil {
			return nil, mailboxFailure(err)
		}
		if passed {
			return nil, bounced(smtp.RoutingLoop, "mail forwarding loop for %s", r.Address)
		}
	}
	if !r.Exact && r.Member != aliases.OwnMailbox {
		if act, err := t.alias(r, local, domain); act != nil || err != nil {
			return act, err
		}
	}
	u, err := t.x.Users.User(local)
	if u == nil && err == nil && aliases.IsRoot(local, t.x.Delimiters) {
		if !r.Exact {
			if act, err := t.alias(r, "root", domain); act != nil || err != nil {
				return act, err
			}
		}
		u, err = t.x.Users.User("root")
	}
	if err != nil {
		return nil, unexpanded(unplaced(err))
	}
	if u != nil && r.Member != aliases.OwnMailbox {
		if act, err := t.forward(r, u); act != nil || err != nil {
			return act, err
		}
	}
	return t.toMailbox(l, r, local, u)
}

// alias is what alias_maps makes of a recipient; nil: nothing.
func (t *users) alias(r *ipc.Recipient, local, domain string) (*action, error) {
	e, err := t.x.Alias(local, domain)
	if e == nil || err != nil {
		return nil, unexpanded(err)
	}
	return t.expanded(r, e, nil)
}

// forward is what a .forward file makes of a recipient; nil: nothing.
func (t *users) forward(r *ipc.Recipient, u *account.Person) (*action, error) {
	if t.home {
		if err := t.atHome(u); err != nil {
			return nil, err
		}
	}
	e, err := t.x.Forward(u, r.Address)
	if e == nil || err != nil {
		return nil, unexpanded(err)
	}
	return t.expanded(r, e, u)
}

// atHome wants the home directory of u.
func (t *users) atHome(u *account.Person) error {
	as, err := identityOf(u)
	if err == nil {
		err = t.ids.do(as, func() error {
			info, err := os.Stat(u.Home)
			if err == nil && !info.IsDir() {
				err = fs.ErrNotExist
			}
			return err
		})
	}
	if err != nil {
		return deferred(smtp.Detail{Subject: 2}, err, "the home directory of user %q is not there", u.Name)
	}
	return nil
}

// toMailbox is where mail goes that nothing sends elsewhere; u is nil when there
// is no user.
func (t *users) toMailbox(l *letter, r *ipc.Recipient, local string, u *account.Person) (*action, error) {
	name, _ := route.SplitExtension(strings.ToLower(local), t.x.Delimiters)
	if u != nil {
		name = u.Name
	}
	end, err := t.final.Of(name, u != nil)
	switch {
	case err != nil:
		return nil, unplaced(err)
	case end.Transport != "":
		return redirected(r, end.Transport), nil
	case end.Relay != "":
		return t.relay(r, end.Relay)
	case u == nil:
		return nil, bounced(smtp.BadMailbox, "unknown user: %q", strings.ToLower(local))
	case end.Command != "":
		return t.program(l, r, end.Command, u, nil)
	}
	as, err := identityOf(u)
	if err != nil {
		return nil, err
	}
	if file, spool := t.places.Mbox(u); spool {
		return &action{to: t.limits.inSpool(file, as, t.strict)}, nil
	} else if file != "" {
		b := &textbox{as: as, opener: as}
		b.place.Path, b.place.Limit, b.place.Lock = file, t.limits.size, t.limits.lock
		b.place.Owned, b.place.Owner = t.strict, as.uid
		return &action{to: b}, nil
	}
	a, err := t.places.System(u)
	if err != nil {
		return nil, unplaced(err)
	}
	return &action{to: mailboxOf(a, t.limits.size)}, nil
}

// relay sends mail for a user whom nobody knows to luser_relay.
func (t *users) relay(r *ipc.Recipient, relay string) (*action, error) {
	m, err := t.x.Relay(relay, r.Address)
	if err != nil {
		return nil, misconfigured(err, "luser_relay is not an address")
	}
	return &action{results: t.expandedResults(r, []ipc.Target{{Address: m.Text}}, nil)}, nil
}

// redirected hands a recipient to another transport.
func redirected(r *ipc.Recipient, to string) *action {
	transport, nexthop, _ := strings.Cut(to, ":")
	return &action{results: []ipc.Result{{
		Index: r.Index, Status: ipc.Redirected, Code: smtp.Undefined.Code(2), Relay: relayLocal,
		Text: "handed to transport " + clip(transport), Transport: transport, Nexthop: nexthop,
	}}}
}

// identityOf is who a user is to the kernel.
func identityOf(u *account.Person) (identity, error) {
	uid, err1 := account.ParseID(u.UID)
	gid, err2 := account.ParseID(u.GID)
	if err := errors.Join(err1, err2); err != nil {
		return identity{}, misconfigured(err, "the user's account entry has no user ID")
	}
	return identity{uid, gid}, nil
}
