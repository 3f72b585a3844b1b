package account

import (
	"errors"
	"fmt"
	"os/user"
	"strings"
	"testing"

	"yubin/internal/ipc"
)

// pairs is a lookup table; nil is one that cannot be read.
type pairs map[string]string

func (p pairs) Lookup(key string) (string, bool, error) {
	if p == nil {
		return "", false, errors.New("unreadable")
	}
	v, ok := p[key]
	return v, ok, nil
}

func brief(a *ipc.Account, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	if a == nil {
		return "none"
	}
	return fmt.Sprintf("%s %s %d:%d home %s beneath %t owned %t", a.Base, a.Mailbox, a.UID, a.GID, a.Home, a.Beneath, a.Owned)
}

func TestOf(t *testing.T) {
	t.Parallel()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	places := Places{HomeMailbox: "Maildir/", Spool: "/var/mail/", VirtualBase: "/var/vmail/", VirtualUser: me.Username}
	for name, c := range map[string]struct {
		p      Person
		change func(*Places)
		want   string
	}{
		"in the base": {Person{Name: "ann@example.org", UID: "5000", GID: "5001"}, nil,
			"/var/vmail example.org/ann/Maildir 5000:5001 home /var/vmail/example.org/ann beneath true owned false"},
		"a home in the base": {Person{Name: "ann@example.org", UID: "5000", GID: "5001", Home: "/var/vmail/a"}, nil,
			"/var/vmail a/Maildir 5000:5001 home /var/vmail/a beneath true owned false"},
		"a home elsewhere": {Person{Name: "ann@example.org", UID: "5000", GID: "5001", Home: "/srv/%d/%n/"}, nil,
			"/srv/example.org ann/Maildir 5000:5001 home /srv/example.org/ann/ beneath true owned false"},
		"mail": {Person{Name: "ann@example.org", UID: "5000", GID: "5001", Mail: "maildir:~/mail/in"}, nil,
			"/var/vmail example.org/ann/mail/in 5000:5001 home /var/vmail/example.org/ann beneath true owned false"},
		"mail elsewhere": {Person{Name: "ann@example.org", UID: "5000", GID: "5001", Mail: "maildir:/srv/%{domain}/%Ln"}, nil,
			"/srv/example.org ann 5000:5001 home /var/vmail/example.org/ann beneath true owned false"},
		"mail in another format":    {Person{Name: "ann@example.org", UID: "5000", GID: "5001", Mail: "mdbox:~/mdbox"}, nil, "error: the account's mail location is not of the form maildir:PATH, the only one that is known here"},
		"mail with options":         {Person{Name: "ann@example.org", UID: "5000", GID: "5001", Mail: "maildir:~/M:LAYOUT=fs"}, nil, "error: the account's mail location is not of the form maildir:PATH, the only one that is known here"},
		"no base":                   {Person{Name: "ann@example.org", UID: "5000", GID: "5001"}, func(p *Places) { p.VirtualBase = "" }, "error: the account has no home, and virtual_mailbox_base is not set to an absolute path"},
		"a name that is a path":     {Person{Name: "..@example.org", UID: "5000", GID: "5001"}, nil, `error: the name of "..@example.org" cannot be that of a mailbox`},
		"a domain that is a path":   {Person{Name: "ann@..", UID: "5000", GID: "5001"}, nil, `error: the name of "ann@.." cannot be that of a mailbox`},
		"a path in a name":          {Person{Name: "a/../b@example.org", UID: "5000", GID: "5001", Home: "/srv/%n"}, nil, `error: the name of "a/../b@example.org" cannot be that of a mailbox`},
		"below the minimum":         {Person{Name: "ann@example.org", UID: "99", GID: "99"}, func(p *Places) { p.MinimumUID = 100 }, "error: the user ID 99 of the account is below virtual_minimum_uid (100)"},
		"the owner of mailboxes":    {Person{Name: "ann@example.org"}, nil, "/var/vmail example.org/ann/Maildir " + me.Uid + ":" + me.Gid + " home /var/vmail/example.org/ann beneath true owned false"},
		"an owner by name":          {Person{Name: "ann@example.org", UID: me.Username, GID: "5"}, nil, "/var/vmail example.org/ann/Maildir " + me.Uid + ":5 home /var/vmail/example.org/ann beneath true owned false"},
		"a user of the system":      {Person{Name: "ann", UID: "1001", GID: "1002", Home: "/home/ann"}, nil, "/home/ann Maildir/ 1001:1002 home /home/ann beneath false owned false"},
		"in the spool":              {Person{Name: "ann", UID: "1001", GID: "1002", Home: "/home/ann"}, func(p *Places) { p.HomeMailbox = "" }, "/var/mail/ ann 1001:1002 home /home/ann beneath true owned true"},
		"keep the IDs, says 2^32-1": {Person{Name: "ann@example.org", UID: "4294967295", GID: "1"}, nil, "error: the account's user ID is neither a number nor an account of this system: user: unknown user 4294967295"},
		"tables first": {Person{Name: "ann@example.org", UID: "5000", GID: "5001"}, func(p *Places) {
			p.Tables = &Virtual{Mailboxes: pairs{"ann@example.org": "old/ann/"}, UIDs: pairs{"ann@example.org": "6000"}, GIDs: pairs{}, Base: "/var/vmail"}
		}, "/var/vmail/ old/ann/ 6000:5001 home /var/vmail/example.org/ann beneath true owned false"},
		"a catch-all is not hers": {Person{Name: "ann@example.org", UID: "5000", GID: "5001"}, func(p *Places) {
			p.Tables = &Virtual{Mailboxes: pairs{"@example.org": "old/all/"}, UIDs: pairs{}, GIDs: pairs{}, Base: "/var/vmail"}
		}, "/var/vmail example.org/ann/Maildir 5000:5001 home /var/vmail/example.org/ann beneath true owned false"},
		"an unreadable table": {Person{Name: "ann@example.org", UID: "5000", GID: "5001"}, func(p *Places) {
			p.Tables = &Virtual{Mailboxes: pairs(nil), UIDs: pairs{}, GIDs: pairs{}, Base: "/var/vmail"}
		}, "error: virtual_mailbox_maps: lookup failed: unreadable"},
	} {
		p := places
		if c.change != nil {
			c.change(&p)
		}
		before := c.p
		if got := brief(p.Of(&c.p)); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
		if c.p != before {
			t.Errorf("%s: the person has changed: %+v", name, c.p)
		}
	}
}

// Delivery by the tables userdb: and the account itself name one mailbox and one
// owner, whatever stands before them.
func TestOnePlace(t *testing.T) {
	t.Parallel()
	p := Places{HomeMailbox: "Maildir/", VirtualBase: "/var/vmail", VirtualUser: "nobody", MinimumUID: 100}
	ann := Person{Name: "ann@example.org", UID: "5000", GID: "5001"}
	for name, first := range map[string]*Virtual{
		"nothing else":   {Mailboxes: pairs{}, UIDs: pairs{}, GIDs: pairs{}},
		"another owner":  {Mailboxes: pairs{}, UIDs: pairs{"ann@example.org": "7000"}, GIDs: pairs{}},
		"all in tables":  {Mailboxes: pairs{"ann@example.org": "x/ann/"}, UIDs: pairs{"ann@example.org": "7000"}, GIDs: pairs{"ann@example.org": "7001"}},
		"the place only": {Mailboxes: pairs{"ann@example.org": "x/ann/"}, UIDs: pairs{}, GIDs: pairs{}},
	} {
		first.Base = p.VirtualBase
		p := p
		p.Tables = first
		read, err := p.Of(&ann)
		if err != nil {
			t.Fatal(err)
		}
		rest, _ := Below(p.VirtualBase, read.Base+"/"+read.Mailbox)
		v := Virtual{Base: p.VirtualBase, MinimumUID: 100,
			Mailboxes: both{first.Mailboxes, pairs{"ann@example.org": rest + "/"}},
			UIDs:      both{first.UIDs, pairs{"ann@example.org": fmt.Sprint(read.UID)}},
			GIDs:      both{first.GIDs, pairs{"ann@example.org": fmt.Sprint(read.GID)}},
		}
		delivered, err := v.Find("Ann@example.org")
		if err != nil {
			t.Fatal(err)
		}
		at, _ := Below(p.VirtualBase, delivered.Base+"/"+delivered.Mailbox)
		if at != rest || delivered.UID != read.UID || delivered.GID != read.GID {
			t.Errorf("%s: read at %s (%s), delivered to %s", name, brief(read, nil), rest, brief(delivered, nil))
		}
	}
}

// both are two tables in their order.
type both [2]Lookup

func (b both) Lookup(key string) (string, bool, error) {
	if v, found, err := b[0].Lookup(key); found || err != nil {
		return v, found, err
	}
	return b[1].Lookup(key)
}
