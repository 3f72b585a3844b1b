package mailctl

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"yubin/internal/account"
	"yubin/internal/config"
	"yubin/internal/passdb"
)

// mailboxParams are the parameters that inspectMailboxes reads.
var mailboxParams = slices.Concat(account.PlaceParams, passdb.Params, []*config.Def{
	config.MailboxCommand.Def, config.MailboxTransport.Def, config.VirtualMailboxDomains.Def, config.VirtualUIDMaps.Def, config.VirtualMailboxMaps.Def,
})

// maxAccounts bounds the accounts that are looked at, maxWrong those that are
// named.
const (
	maxAccounts = 100_000
	maxWrong    = 20
)

// inspectMailboxes finds mailboxes that pop3d(8) and imapd(8) could not serve, or
// that mail could not be delivered to.
func inspectMailboxes(c *config.Config, services []config.MasterService) []config.Problem {
	if c.Check(mailboxParams) != nil {
		return nil // Lint has said what is wrong
	}
	problems := append(inspectBase(c), inspectCommand(c)...)
	if !slices.ContainsFunc(services, func(s config.MasterService) bool { return s.Command == "pop3d" || s.Command == "imapd" }) {
		return problems
	}
	problems = append(problems, inspectHomes(c)...)
	return append(problems, inspectAccounts(c)...)
}

// inspectBase looks at virtual_mailbox_base.
func inspectBase(c *config.Config) []config.Problem {
	base := config.VirtualMailboxBase.Of(c)
	if len(config.VirtualMailboxDomains.Of(c)) == 0 || base == "" {
		return nil
	}
	p := c.Problem(config.VirtualMailboxBase.Name, "")
	say := func(mend, format string, args ...any) []config.Problem {
		p.What += fmt.Sprintf(format, args...)
		p.Mend = mend
		return []config.Problem{p}
	}
	owner := "the owner of the mailboxes"
	uid, fixed := -1, false
	if maps := config.VirtualUIDMaps.Of(c); len(maps) == 1 {
		if id, ok := strings.CutPrefix(maps[0], "static:"); ok {
			if n, err := account.ParseID(id); err == nil {
				uid, fixed, owner = n, true, id
			}
		}
	}
	info, err := os.Stat(base)
	switch {
	case os.IsPermission(err):
		return nil // not ours to know
	case err != nil:
		return say(fmt.Sprintf("mkdir -m 700 %s; chown %s %s", base, owner, base), "%v: mail for virtual mailboxes waits", err)
	case !info.IsDir():
		return say("name a directory", "%s is no directory", base)
	case info.Mode().Perm()&0o002 != 0 && info.Mode()&os.ModeSticky == 0:
		return say("chmod o-w "+base, "everybody can change what is in %s (mode %#o)", base, info.Mode().Perm())
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && fixed && int(st.Uid) != uid && info.Mode().Perm()&0o022 == 0 {
		return say(fmt.Sprintf("chown %d %s", uid, base), "%s belongs to user %d, and new mailboxes in it to user %d of virtual_uid_maps: they cannot be made", base, st.Uid, uid)
	}
	return nil
}

// inspectCommand looks at mailbox_command, where it begins with the path of a program.
func inspectCommand(c *config.Config) []config.Problem {
	words := strings.Fields(config.MailboxCommand.Of(c))
	if len(words) == 0 || !strings.HasPrefix(words[0], "/") || strings.ContainsAny(words[0], `$'"\;|&<>*?`) {
		return nil // the shell's to know
	}
	err := program(words[0])
	if err == nil || os.IsPermission(err) {
		return nil
	}
	p := c.Problem(config.MailboxCommand.Name, err.Error()+": mail for users of this system cannot be delivered")
	p.Mend = "install it, or correct mailbox_command"
	return []config.Problem{p}
}

// inspectHomes looks at where the mail of users of this system goes.
func inspectHomes(c *config.Config) []config.Problem {
	if !slices.ContainsFunc(config.AuthBackends.Of(c), func(word string) bool {
		word = strings.Trim(word, "{} \t")
		return word == "shadow" || word == "pam" || strings.HasPrefix(word, "pam:")
	}) {
		return nil // they do not log in
	}
	places := account.NewPlaces(c)
	var problems []config.Problem
	note := func(warning bool, name, what, mend string) {
		p := c.Problem(name, what)
		p.Mend, p.Warning = mend, warning
		problems = append(problems, p)
	}
	if _, err := places.System(&account.Person{Name: "x", UID: "1", GID: "1", Home: "/home/x"}); err != nil {
		name := config.MailSpoolDirectory.Name
		if places.HomeMailbox != "" {
			name = config.HomeMailbox.Name
		}
		note(false, name, "mail of users of this system goes to mbox files, which POP3 and IMAP do not serve", "set home_mailbox = Maildir/, or remove pop3d and imapd from master.cf")
	}
	for name, value := range map[string]string{
		config.MailboxCommand.Name: config.MailboxCommand.Of(c), config.MailboxTransport.Name: config.MailboxTransport.Of(c),
	} {
		if strings.TrimSpace(value) != "" {
			note(true, name, "decides where mail of users of this system goes, and POP3 and IMAP serve home_mailbox", "see to it that it delivers there")
		}
	}
	return problems
}

// inspectAccounts looks at the mailbox of each account that can be listed.
func inspectAccounts(c *config.Config) []config.Problem {
	places := account.NewPlaces(c)
	tables, err := account.OpenBefore(c)
	if err != nil {
		return faults(err)
	}
	places.Tables = tables
	var problems []config.Problem
	looked := 0
	passdb.Listed(c, func(file string, line int, p *account.Person) bool {
		looked++
		if what, mend := unserved(places, p); what != "" {
			problems = append(problems, config.Problem{File: file, Line: line, What: p.Name + ": " + what, Mend: mend})
		}
		return looked < maxAccounts && len(problems) < maxWrong
	})
	return problems
}

// unserved is why the mailbox of an account cannot be served; "": it can.
func unserved(places *account.Places, p *account.Person) (what, mend string) {
	a, err := places.Of(p)
	if err != nil {
		return "POP3 and IMAP cannot serve the mailbox: " + err.Error(), "correct the account, or the setting"
	}
	box := strings.TrimSuffix(mailboxPath(a), "/")
	info, err := os.Stat(box)
	if err != nil {
		return "", "" // it is made with the first letter, or is not ours to know
	}
	if !info.IsDir() {
		return "the mailbox " + box + " is a file, and POP3 and IMAP serve Maildirs", "move it away, or name another place"
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != a.UID {
		return fmt.Sprintf("the mailbox %s belongs to user %d, and the account is user %d", box, st.Uid, a.UID), "chown -R " + strconv.Itoa(a.UID) + " " + box
	}
	return "", ""
}
