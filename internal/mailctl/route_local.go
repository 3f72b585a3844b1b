package mailctl

import (
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
func (t *trip) local(addr string, exact bool) {
	local, domain := smtp.SplitAddress(addr)
	if !exact && t.expansion(t.expander.Alias(local, domain)) {
		return
	}
	u, err := t.expander.Users.User(local)
	if u == nil && err == nil && aliases.IsRoot(local, t.expander.Delimiters) {
		if !exact && t.expansion(t.expander.Alias("root", domain)) {
			return
		}
		u, err = t.expander.Users.User("root")
	}
	switch {
	case err != nil:
		t.fail("waits", "%v", err)
	case u == nil || !t.expansion(t.expander.Forward(u, addr)):
		t.mailbox(local, u)
	}
}

// expansion follows what an address stands for; false: it stands for itself.
func (t *trip) expansion(e *aliases.Expansion, err error) bool {
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
		t.member(&e.Members[i])
	}
	return true
}

// member says what becomes of one member.
func (t *trip) member(m *aliases.Member) {
	switch {
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
		t.mailbox(local, u)
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

// mailbox says where mail goes that nothing sends elsewhere; u is nil when there
// is no such user.
func (t *trip) mailbox(local string, u *account.Person) {
	c := t.env.Config
	name, _ := route.SplitExtension(strings.ToLower(local), t.expander.Delimiters)
	if u != nil {
		name = u.Name
	}
	if t.chosen("transport", name, config.MailboxTransportMaps, config.MailboxTransport) {
		return
	}
	if u == nil {
		switch {
		case t.chosen("transport", name, config.FallbackTransportMaps, config.FallbackTransport):
		case config.LuserRelay.Of(c) != "":
			t.print("goes to", "%s (luser_relay)", config.LuserRelay.Of(c))
		default:
			t.fail("goes back", "unknown user: %q", name)
		}
		return
	}
	if t.chosen("command", name, config.MailboxCommandMaps, config.MailboxCommand) {
		return
	}
	places := account.NewPlaces(c)
	if file, _ := places.Mbox(u); file != "" {
		t.print("mailbox", "%s, an mbox file of %s", file, u.Name)
		return
	}
	a, err := places.System(u)
	t.maildir(a, err)
}

// chosen prints what tables, or else the parameter behind them, have for a user.
func (t *trip) chosen(what, name string, maps config.List, otherwise config.String) bool {
	m, err := table.OpenMaps(maps.Of(t.env.Config), table.Site(t.env.Config), table.Trusted())
	if err != nil {
		t.fail("waits", "%s: %v", maps.Name, err)
		return true
	}
	value, spec, found, err := m.Find(name)
	switch {
	case err != nil:
		t.fail("waits", "%s: %s: %v", maps.Name, name, err)
	case found:
		t.print(what, "%s (%s %s)", value, maps.Name, table.WithLine(spec, name, false))
	case otherwise.Of(t.env.Config) != "":
		t.print(what, "%s (%s)", otherwise.Of(t.env.Config), otherwise.Name)
	default:
		return false
	}
	return true
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
