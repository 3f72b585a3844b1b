package account

import (
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"path"
	"strconv"
	"strings"

	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// An Error says why a mailbox is not known now. Text names the setting, and no
// path.
type Error struct {
	Detail smtp.Detail // of the deferral that it means
	Text   string
	Err    error // the cause, for the log
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Text
	}
	return e.Text + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// misconfigured is what the administrator has to mend.
func misconfigured(err error, format string, args ...any) error {
	return &Error{smtp.Detail{Subject: 3, Detail: 5}, fmt.Sprintf(format, args...), err}
}

// incomplete is an account that lacks something.
func incomplete(format string, args ...any) error {
	return &Error{smtp.Detail{Subject: 2}, fmt.Sprintf(format, args...), nil}
}

// unread is a lookup that could not be made.
func unread(parameter string, err error) error {
	return &Error{smtp.LocalProcessing, parameter + ": lookup failed", err}
}

// A Person is what a backend says of a user, in the words of Dovecot's userdb.
type Person struct {
	Name     string // login name, or user@domain; in lower case
	UID, GID string // numbers or names; "": none
	Home     string
	Shell    string
	Mail     string // userdb_mail: maildir:PATH
	Quota    string // quota_rule
}

// MaxID is the highest user or group ID. The one above it, all bits set, means
// "leave as it is" to the kernel.
const MaxID = 1<<32 - 2

var errID = errors.New("not a user or group ID")

// ParseID reads a user or group ID. What is out of range is an error here and
// not another user.
func ParseID(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n > MaxID {
		return 0, errID
	}
	return int(n), nil
}

// Places are the parameters that say where mailboxes are. Its fields do not
// change.
type Places struct {
	HomeMailbox string   // home_mailbox
	Spool       string   // mail_spool_directory
	VirtualBase string   // virtual_mailbox_base
	VirtualUser string   // virtual_mailbox_user
	MinimumUID  int      // virtual_minimum_uid
	Tables      *Virtual // what decides before the account itself (OpenBefore); nil: nothing
}

// PlaceParams are the parameters that NewPlaces reads.
var PlaceParams = []*config.Def{
	config.HomeMailbox.Def, config.MailSpoolDirectory.Def, config.VirtualMailboxBase.Def,
	config.VirtualMailboxUser.Def, config.VirtualMinimumUID.Def,
}

// NewPlaces reads the parameters.
func NewPlaces(c *config.Config) *Places {
	return &Places{
		HomeMailbox: config.HomeMailbox.Of(c), Spool: config.MailSpoolDirectory.Of(c), VirtualBase: config.VirtualMailboxBase.Of(c),
		VirtualUser: config.VirtualMailboxUser.Of(c), MinimumUID: config.VirtualMinimumUID.Of(c),
	}
}

// ParsePasswd reads a line of passwd(5): name:password:uid:gid:gecos:home:shell.
func ParsePasswd(line string) (*Person, error) {
	f := strings.Split(line, ":")
	if len(f) != 7 {
		return nil, misconfigured(nil, "the user's account entry has %d fields, want 7", len(f))
	}
	return &Person{Name: f[0], UID: f[2], GID: f[3], Home: f[5], Shell: f[6]}, nil
}

// Mbox is the path of a user's mailbox where it is an mbox file; "": it is a
// Maildir, which System knows. spool tells that it is in mail_spool_directory. Of
// an account with a fault there is no path either.
func (p *Places) Mbox(u *Person) (file string, spool bool) {
	switch {
	case strings.HasSuffix(p.HomeMailbox, "/") || p.HomeMailbox == "" && strings.HasSuffix(p.Spool, "/"):
		return "", false
	case p.HomeMailbox != "" && strings.HasPrefix(u.Home, "/"):
		return path.Join(u.Home, p.HomeMailbox), false
	case p.HomeMailbox == "" && segment(u.Name):
		return path.Join(p.Spool, u.Name), true
	}
	return "", false
}

// System is the account of a user of the system whose mailbox is a Maildir.
func (p *Places) System(u *Person) (*ipc.Account, error) {
	uid, err := ParseID(u.UID)
	if err != nil {
		return nil, misconfigured(err, "the user's account entry has no user ID")
	}
	gid, err := ParseID(u.GID)
	if err != nil {
		return nil, misconfigured(err, "the user's account entry has no group ID")
	}
	a := &ipc.Account{User: u.Name, UID: uid, GID: gid, Home: u.Home, Quota: u.Quota}
	if p.HomeMailbox != "" {
		switch {
		case !strings.HasPrefix(u.Home, "/"):
			return nil, incomplete("user %q has no home directory", u.Name)
		case !strings.HasSuffix(p.HomeMailbox, "/"):
			return nil, noMbox("home_mailbox")
		}
		a.Base, a.Mailbox = u.Home, p.HomeMailbox
		return a, nil
	}
	if !fs.ValidPath(u.Name) || u.Name == "." || strings.Contains(u.Name, "/") {
		return nil, misconfigured(nil, "the name of user %q cannot be that of a mailbox", u.Name)
	}
	if !strings.HasSuffix(p.Spool, "/") {
		return nil, noMbox("mail_spool_directory")
	}
	// Everybody may be able to make entries in the spool: a link or a directory
	// that somebody put in a user's place is not that user's mailbox.
	a.Base, a.Mailbox, a.Beneath, a.Owned = p.Spool, u.Name, true, true
	return a, nil
}

// noMbox is the error of a mailbox that is not a Maildir, for those who read it.
func noMbox(parameter string) error {
	return misconfigured(nil, "%s names an mbox file, which is delivered to but not served here; set home_mailbox = Maildir/", parameter)
}

// Of is the account of somebody that a backend knows. One without a domain and
// with a user ID is a user like those of the system.
func (p *Places) Of(person *Person) (*ipc.Account, error) {
	u := new(Person)
	*u = *person
	local, domain := smtp.SplitAddress(u.Name)
	if domain == "" && u.Mail == "" && u.UID != "" {
		var err error
		if u.UID, u.GID, err = p.ids(u); err != nil {
			return nil, err
		}
		return p.System(u)
	}
	if !segment(local) || domain != "" && !segment(domain) {
		// A name that somebody logs in with may come as far as this.
		return nil, incomplete("the name of %q cannot be that of a mailbox", u.Name)
	}
	listed, err := p.listed(u, domain)
	if err != nil {
		return nil, err
	}
	uid, gid, err := p.ids(u)
	if err != nil {
		return nil, err
	}
	a := &ipc.Account{User: u.Name, Quota: u.Quota, Beneath: true}
	a.UID, _ = strconv.Atoi(uid)
	a.GID, _ = strconv.Atoi(gid)
	if a.UID < p.MinimumUID {
		return nil, misconfigured(nil, "the user ID %d of the account is below virtual_minimum_uid (%d)", a.UID, p.MinimumUID)
	}
	a.Home = p.expand(u.Home, local, domain, "")
	if a.Home == "" && domain != "" && path.IsAbs(p.VirtualBase) {
		a.Home = path.Join(p.VirtualBase, domain, local)
	}
	if listed != "" {
		a.Base, a.Mailbox = p.VirtualBase, listed
		return a, nil
	}
	box, err := p.maildir(u, a.Home, local, domain)
	if err != nil {
		return nil, err
	}
	a.Base, a.Mailbox = p.split(box, a.Home)
	return a, nil
}

// listed is the mailbox that tables give an account by its address, "" where they
// do not; what they say of its owner goes into u.
func (p *Places) listed(u *Person, domain string) (string, error) {
	if p.Tables == nil || domain == "" {
		return "", nil
	}
	// Not for its catch-all: that mailbox is somebody else's to read.
	mailbox, _, err := p.Tables.mailbox([]string{u.Name})
	if err == nil && mailbox != "" && !strings.HasSuffix(mailbox, "/") {
		err = misconfigured(nil, "virtual_mailbox_maps names an mbox file, which is delivered to but not served here; end the path in / for a Maildir")
	}
	if err != nil {
		return "", err
	}
	for _, t := range []struct {
		parameter string
		table     Lookup
		to        *string
	}{{"virtual_uid_maps", p.Tables.UIDs, &u.UID}, {"virtual_gid_maps", p.Tables.GIDs, &u.GID}} {
		value, found, err := table.First(t.table, []string{u.Name})
		if err != nil {
			return "", unread(t.parameter, err)
		}
		if found {
			*t.to = value
		}
	}
	return mailbox, nil
}

// ids are whose the mailbox of u is.
func (p *Places) ids(u *Person) (uid, gid string, err error) {
	uid, gid = u.UID, u.GID
	if uid == "" || gid == "" {
		owner, err := user.Lookup(p.VirtualUser)
		if err != nil {
			return "", "", misconfigured(err, "the account names no user and group ID, and virtual_mailbox_user (%s) is no account of this system", p.VirtualUser)
		}
		if uid == "" {
			uid = owner.Uid
		}
		if gid == "" {
			gid = owner.Gid
		}
	}
	if _, err := ParseID(uid); err != nil {
		o, err := user.Lookup(uid)
		if err != nil {
			return "", "", misconfigured(err, "the account's user ID is neither a number nor an account of this system")
		}
		uid = o.Uid
	}
	if _, err := ParseID(gid); err != nil {
		g, err := user.LookupGroup(gid)
		if err != nil {
			return "", "", misconfigured(err, "the account's group ID is neither a number nor a group of this system")
		}
		gid = g.Gid
	}
	return uid, gid, nil
}

// maildir is the absolute path of the mailbox.
func (p *Places) maildir(u *Person, home, local, domain string) (string, error) {
	mailbox := p.HomeMailbox
	if mailbox == "" {
		mailbox = "Maildir/"
	}
	if u.Mail != "" {
		rest, ok := strings.CutPrefix(u.Mail, "maildir:")
		dir, options, _ := strings.Cut(rest, ":")
		if !ok || options != "" {
			return "", misconfigured(nil, "the account's mail location is not of the form maildir:PATH, the only one that is known here")
		}
		mailbox = p.expand(dir, local, domain, home)
	} else if !strings.HasSuffix(mailbox, "/") {
		return "", noMbox("home_mailbox")
	}
	if strings.HasPrefix(mailbox, "~/") || !path.IsAbs(mailbox) {
		if !path.IsAbs(home) {
			return "", incomplete("the account has no home, and virtual_mailbox_base is not set to an absolute path")
		}
		mailbox = path.Join(home, strings.TrimPrefix(mailbox, "~/"))
	}
	return path.Clean(mailbox), nil
}

// split parts the path of a mailbox into a base, which must exist, and what is
// made below it when it is missing.
func (p *Places) split(box, home string) (base, mailbox string) {
	for _, b := range []string{p.VirtualBase, path.Dir(path.Clean(home))} {
		if rest, ok := Below(b, box); ok {
			return path.Clean(b), rest
		}
	}
	return path.Dir(box), path.Base(box)
}

// Below tells whether a path is below a base, and what of it is.
func Below(base, box string) (rest string, ok bool) {
	base = path.Clean(base)
	if !path.IsAbs(base) {
		return "", false
	}
	rest, ok = strings.CutPrefix(path.Clean(box), strings.TrimSuffix(base, "/")+"/")
	return rest, ok && rest != ""
}

// expand fills in Dovecot's variables: %u name, %n user, %d domain, %h home,
// with L between for lower case, which names are in anyway.
func (p *Places) expand(text, local, domain, home string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	name := local
	if domain != "" {
		name += "@" + domain
	}
	var pairs []string
	for _, v := range []struct{ short, long, value string }{
		{"u", "user", name}, {"n", "username", local}, {"d", "domain", domain}, {"h", "home", home},
	} {
		pairs = append(pairs, "%"+v.short, v.value, "%L"+v.short, v.value, "%{"+v.long+"}", v.value, "%{"+v.long+"|lower}", v.value)
	}
	return strings.NewReplacer(append(pairs, "%%", "%")...).Replace(text)
}

// segment tells whether a name can stand for one directory.
func segment(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00")
}
