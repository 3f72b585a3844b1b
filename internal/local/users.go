package local

import (
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"yubin/internal/ipc"
	"yubin/internal/maildir"
	"yubin/internal/route"
	"yubin/internal/smtp"
)

// The transports, as master.cf calls them.
const (
	relayLocal   = "local"
	relayVirtual = "virtual"
)

// A lookup is a table or a list of tables. An error is temporary.
type lookup interface {
	Lookup(key string) (value string, found bool, err error)
}

// A domains is a list of domains.
type domains interface {
	Domain(d string) (bool, error)
}

// users is the transport local: aliases, then users of the system.
type users struct {
	aliases      lookup  // alias_maps
	passwd       lookup  // name to a line of passwd(5)
	destinations domains // mydestination
	origin       string  // myorigin
	delimiter    string  // recipient_delimiter
	homeMailbox  string  // home_mailbox
	spool        string  // mail_spool_directory
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

// An account is what passwd(5) says of a user.
type account struct {
	name string
	as   identity
	home string
}

// user looks a local part up as a user, nil if there is none.
func (t *users) user(local string) (*account, error) {
	for _, name := range bases(local, t.delimiter) {
		line, found, err := t.passwd.Lookup(name)
		if err != nil {
			return nil, deferred(smtp.LocalProcessing, err, "user lookup failed")
		}
		if found {
			return parseUser(line)
		}
	}
	return nil, nil
}

// parseUser reads name:password:uid:gid:gecos:home:shell.
func parseUser(line string) (*account, error) {
	f := strings.Split(line, ":")
	if len(f) != 7 {
		return nil, misconfigured(nil, "the user's account entry has %d fields, want 7", len(f))
	}
	uid, err := parseID(f[2])
	if err != nil {
		return nil, misconfigured(err, "the user's account entry has no user ID")
	}
	gid, err := parseID(f[3])
	if err != nil {
		return nil, misconfigured(err, "the user's account entry has no group ID")
	}
	return &account{f[0], identity{uid, gid}, f[5]}, nil
}

var errID = errors.New("not a user or group ID")

// parseID reads a user or group ID. What is out of range is an error here and
// not another user.
func parseID(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n > maxID {
		return 0, errID
	}
	return int(n), nil
}

// mailbox is where the mail of u goes.
func (t *users) mailbox(u *account) (*mailbox, error) {
	if t.homeMailbox != "" {
		switch {
		case !strings.HasSuffix(t.homeMailbox, "/"):
			return nil, errMbox("home_mailbox")
		case !strings.HasPrefix(u.home, "/"):
			return nil, deferred(smtp.Detail{Subject: 2}, nil, "user %q has no home directory", u.name)
		}
		return &mailbox{maildir.Place{Base: u.home, Path: t.homeMailbox}, u.as}, nil
	}
	if !strings.HasSuffix(t.spool, "/") {
		return nil, errMbox("mail_spool_directory")
	}
	if !fs.ValidPath(u.name) || u.name == "." || strings.Contains(u.name, "/") {
		return nil, misconfigured(nil, "the name of user %q cannot be that of a mailbox", u.name)
	}
	// Everybody may be able to make entries in the spool: a link or a directory
	// that somebody put in a user's place is not that user's mailbox.
	return &mailbox{maildir.Place{Base: t.spool, Path: u.name, Beneath: true, Owned: true, Owner: u.as.uid}, u.as}, nil
}

// errMbox is the deferral for a mailbox that is not a Maildir.
func errMbox(parameter string) error {
	return misconfigured(nil, "%s names an mbox file, which this version does not deliver to; set home_mailbox = Maildir/", parameter)
}
