package mailctl

import (
	"context"
	"errors"
	"path"
	"strings"

	"yubin/internal/account"
	"yubin/internal/aliases"
	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/route"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// local says what local(8) does with a recipient: aliases, .forward files, then
// the mailbox, or what stands in its place. exact says that aliases are done with.
func (t *trip) local(ctx context.Context, addr string, exact bool) {
	local, domain := smtp.SplitAddress(addr)
	if !exact && t.expansion(ctx)(t.expander.Alias(local, domain)) {
		return
	}
	u, err := t.expander.Users.User(local)
	if u == nil && err == nil && aliases.IsRoot(local, t.expander.Delimiters) {
		if !exact && t.expansion(ctx)(t.expander.Alias("root", domain)) {
			return
		}
		u, err = t.expander.Users.User("root")
	}
	switch {
	case err != nil:
		t.fail("waits", "%v", err)
	case u == nil || !t.expansion(ctx)(t.expander.Forward(u, addr)):
		t.mailbox(ctx, addr, u)
	}
}

// expansion returns what follows what an address stands for; false: it stands for
// itself.
func (t *trip) expansion(ctx context.Context) func(*aliases.Expansion, error) bool {
	return func(e *aliases.Expansion, err error) bool {
		var why *aliases.Error
		switch {
		case errors.As(err, &why) && why.Class == 5:
			t.fail("goes back", "%v", err)
			return true
		case err != nil:
			t.fail("waits", "%v", err)
			return true
		case e == nil:
			return false
		}
		for _, s := range e.Steps {
			name, _, _ := strings.Cut(s.What, " is ")
			t.print("asked", "%s: %s", table.WithLine(s.Where, name, true), s.What)
		}
		for i := range e.Members {
			t.member(ctx, &e.Members[i])
		}
		return true
	}
}

// member says what becomes of one member.
func (t *trip) member(ctx context.Context, m *aliases.Member) {
	var why *aliases.Error
	switch {
	case errors.As(m.Err, &why) && why.Class == 4:
		t.fail("waits", "%s: %v", m.Text, m.Err)
	case m.Err != nil:
		t.fail("goes back", "%s: %v", m.Text, m.Err)
	case m.Form == aliases.Command:
		t.print("command", "%s, with the rights of %s", m.Text, t.rights(m.As))
	case m.Form == aliases.File:
		t.print("file", "%s, with the rights of %s", m.Text, t.rights(m.As))
	case m.Form == aliases.Mailbox:
		local, _ := smtp.SplitAddress(m.Text)
		u, err := t.expander.Users.User(local)
		if err != nil {
			t.fail("waits", "%v", err)
			return
		}
		t.mailbox(ctx, m.Text, u)
	default:
		sender := t.sender
		if m.Sender != nil {
			sender = *m.Sender
		}
		t.next = append(t.next, leg{addr: m.Text, sender: sender, exact: m.Exact})
	}
}

// rights is whose a command or file is delivered to with.
func (t *trip) rights(u *account.Person) string {
	if u == nil || u.UID == "0" {
		return config.DefaultPrivs.Of(t.env.Config) + " (default_privs)"
	}
	return u.Name
}

// mailbox says where mail for an address goes that nothing sends elsewhere; u is
// nil when there is no such user.
func (t *trip) mailbox(ctx context.Context, addr string, u *account.Person) {
	local, _ := smtp.SplitAddress(addr)
	name, _ := route.SplitExtension(strings.ToLower(local), t.expander.Delimiters)
	if u != nil {
		name = u.Name
	}
	end, err := t.final.Of(name, u != nil)
	switch {
	case err != nil:
		t.fail("waits", "%v", err)
	case end.Transport != "":
		t.print("handed to", "%s, by %s", end.Transport, end.Rule())
		t.hand(ctx, addr, end.Transport)
	case end.Relay != "":
		m, err := t.expander.Relay(end.Relay, addr)
		if err != nil {
			t.fail("waits", "%s is not an address: %v", end.Rule(), err)
			return
		}
		t.print("goes to", "%s, by %s", m.Text, end.Rule())
		t.next = append(t.next, leg{addr: m.Text, sender: t.sender})
	case u == nil:
		t.fail("goes back", "unknown user: %q", name)
	case end.Command != "":
		t.print("command", "%s, with the rights of %s, by %s", end.Command, t.rights(u), end.Rule())
	default:
		t.box(u)
	}
}

// hand says what another transport does with mail that local(8) hands to it.
func (t *trip) hand(ctx context.Context, addr, to string) {
	res := route.Result{Recipient: addr}
	res.Transport, res.Nexthop, _ = strings.Cut(to, ":")
	_, domain := smtp.SplitAddress(addr)
	res.Nexthop = orElse(res.Nexthop, domain)
	switch {
	case t.kept(res):
	case res.Transport == "local":
		t.fail("waits", "mail transports hand the recipient on in a circle")
	case res.Transport == "virtual":
		t.service(res.Transport)
		t.virtual(addr)
	default:
		t.agent(ctx, res)
	}
}

// box says which mailbox of a user mail goes to.
func (t *trip) box(u *account.Person) {
	places, by := account.NewPlaces(t.env.Config), config.HomeMailbox.Name
	if places.HomeMailbox == "" {
		by = config.MailSpoolDirectory.Name
	}
	t.print("by", "%s", by)
	if file, _ := places.Mbox(u); file != "" {
		t.print("mailbox", "%s, an mbox file of %s", file, u.Name)
		return
	}
	a, err := places.System(u)
	t.maildir(a, err)
}

// maildir prints the mailbox of an account.
func (t *trip) maildir(a *ipc.Account, err error) {
	switch {
	case err != nil:
		t.fail("waits", "%v", err)
	case a == nil:
		t.fail("goes back", "there is no such mailbox")
	case strings.HasSuffix(a.Mailbox, "/"):
		t.print("mailbox", "%s/, a Maildir of uid %d", path.Join(a.Base, a.Mailbox), a.UID)
	case a.Base == config.MailSpoolDirectory.Of(t.env.Config):
		t.print("mailbox", "%s/, a Maildir of uid %d", path.Join(a.Base, a.Mailbox), a.UID)
	default:
		t.print("mailbox", "%s, an mbox file of uid %d", path.Join(a.Base, a.Mailbox), a.UID)
	}
}

// virtual says which mailbox virtual(8) delivers to.
func (t *trip) virtual(addr string) {
	v, err := account.OpenVirtual(t.env.Config, table.Site(t.env.Config))
	if err != nil {
		t.fail("waits", "%v", err)
		return
	}
	t.maildir(v.Find(addr))
}
