package aliases

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"yubin/internal/account"
	"yubin/internal/route"
	"yubin/internal/smtp"
)

// Limits of one expansion.
const (
	maxLists   = 1000   // aliases and files that are looked into
	maxMembers = 100000 // that come out
)

// A Form is what a member of an expansion is.
type Form int

// The forms.
const (
	Address Form = iota
	Mailbox      // the mailbox of the user that Text is the address of
	File         // an mbox file, or a Maildir whose name ends in /
	Command
	List   // an :include: file that could not be read: Err says why
	Broken // what is none of these: Err says why
)

// A Member is one that an expansion comes to in the end.
type Member struct {
	Form  Form
	Text  string          // address in internal form, path, command
	Exact bool            // of an address: alias_maps has nothing more to say
	As    *account.Person // of a file or command: whose rights; nil: default_privs
	Err   error           // why it cannot be delivered to; nil: it can
	// Sender replaces the envelope sender when not nil (owner-aliases).
	Sender *string
	// From is where it stands, for people: type:name: alias, or file:line.
	From string
	via  string // the :include: file that it came by, if any
	key  string // of Broken: see Expansion.name
}

// A Step is one thing that was asked on the way to a result.
type Step struct {
	Where string // table or file
	What  string // what it said
}

// An Expansion is what an address stands for.
type Expansion struct {
	Members []Member
	Steps   []Step
	seen    map[string]bool // names of aliases and files that were looked into
}

// A Kind is where a list stands; the words are those of allow_mail_to_commands.
type Kind string

// The kinds.
const (
	InAlias   Kind = "alias"
	InForward Kind = "forward"
	InInclude Kind = "include"
)

// Maps are alias_maps.
type Maps interface {
	// FindOwned returns the value of a key, the type:name of the table that has it,
	// and who owns that table: 0 where it is no file.
	FindOwned(key string) (value, spec string, owner int, found bool, err error)
}

// Users are those of the system. A nil Person: there is none.
type Users interface {
	User(name string) (*account.Person, error)
	UserByID(uid int) (*account.Person, error)
}

// An Expander expands addresses. Its fields do not change.
type Expander struct {
	Maps  Maps
	Users Users
	Open  Opener
	Local func(domain string) (bool, error) // mydestination

	Origin, Delimiters      string // myorigin, recipient_delimiter
	Commands, Files         []Kind // allow_mail_to_commands, allow_mail_to_files
	Propagate               []Kind // propagate_unmatched_extensions
	Owners                  bool   // owner_request_special
	ExpandOwner, ResetOwner bool   // expand_owner_alias, reset_owner_alias
	Remember                int    // duplicate_filter_limit
	ForwardPath             []string
	ForwardFilter           string
	// Warn is told of files that do not count, and why.
	Warn func(text string)
}

// A source is the list that an element stands in.
type source struct {
	kind   Kind
	name   string // the alias or user whose list it is
	domain string // of the recipient: local, whatever mydestination says
	rest   string // the delimiter and extension that no key has matched
	from   string
	via    string
	as     *account.Person // nil: default_privs
	user   *account.Person // whose .forward file this began with
	sender *string
}

// A list is an alias that was found.
type list struct {
	source
	value string
}

// A run is the expansion of one address.
type run struct {
	*Expander
	pending []list
	seen    map[string]bool // names of aliases and files that were looked into
	members []Member
	have    map[string]bool
	circle  bool // an element was left out since it leads back
	steps   []Step
}

func (x *Expander) newRun() *run {
	return &run{Expander: x, seen: map[string]bool{}, have: map[string]bool{}}
}

func (r *run) note(where, format string, args ...any) {
	r.steps = append(r.steps, Step{where, fmt.Sprintf(format, args...)})
}

// Alias returns what a local part stands for by alias_maps; nil: it is no alias.
// domain is the recipient's.
func (x *Expander) Alias(local, domain string) (*Expansion, error) {
	r := x.newRun()
	e, err := r.alias(local, source{domain: domain})
	if e == nil || err != nil {
		return nil, err
	}
	if err := r.expand(*e); err != nil {
		return nil, err
	}
	return r.end(e.name)
}

// IsAlias tells whether alias_maps has a local part.
func (x *Expander) IsAlias(local string) (bool, error) {
	e, err := x.newRun().alias(local, source{})
	return e != nil, err
}

func (r *run) end(name string) (*Expansion, error) {
	switch {
	case len(r.members) > 0:
		e := &Expansion{r.members, r.steps, r.seen}
		return e, e.name()
	case r.circle:
		return nil, looped("alias loop: %q leads back to itself", name)
	}
	return nil, misconfigured(nil, "alias %q is empty", name)
}

// expand follows a list through the aliases that it names.
func (r *run) expand(e list) error {
	r.seen[e.name] = true
	r.pending = append(r.pending, e)
	for len(r.pending) > 0 {
		next := r.pending[0]
		r.pending = r.pending[1:]
		if err := r.takeAll(&next.source, parseAll(next.value)); err != nil {
			return err
		}
	}
	return nil
}

// alias looks a local part up: with its extension, then without. The new list
// inherits from the one that it was named in.
func (r *run) alias(local string, in source) (*list, error) {
	local = strings.ToLower(local)
	base, _ := route.SplitExtension(local, r.Delimiters)
	for _, name := range slices.Compact([]string{local, base}) {
		value, spec, owner, found, err := r.Maps.FindOwned(name)
		if err != nil {
			return nil, unread("alias_maps", err)
		}
		if !found {
			continue
		}
		r.note(spec, "%s is %s", name, value)
		e := &list{source{
			kind: InAlias, name: name, domain: in.domain, rest: local[len(name):], from: spec + ": " + name, user: in.user, sender: in.sender,
		}, value}
		if owner != 0 {
			if e.as, err = r.Users.UserByID(owner); err != nil {
				return nil, unread("user", err)
			}
			if e.as == nil {
				return nil, misconfigured(fmt.Errorf("table %s belongs to uid %d, who is no user", spec, owner), "cannot find alias database owner")
			}
		}
		return e, r.ownedBy(e)
	}
	return nil, nil
}

// ownedBy sets the sender of an alias with an owner-.
func (r *run) ownedBy(e *list) error {
	if !r.Owners {
		return nil
	}
	owner := "owner-" + e.name
	value, spec, _, found, err := r.Maps.FindOwned(owner)
	switch {
	case err != nil:
		return unread("alias_maps", err)
	case !found && r.ResetOwner:
		e.sender = nil
		return nil
	case !found:
		return nil
	}
	sender := r.qualify(owner)
	if r.ExpandOwner {
		if elements, err := parseList(value); err == nil && len(elements) == 1 && elements[0].form <= exact {
			sender = r.qualify(elements[0].text)
		}
	}
	r.note(spec, "%s is there: the sender becomes %s", owner, sender)
	e.sender = &sender
	return nil
}

func (r *run) takeAll(in *source, elements []element) error {
	for _, e := range elements {
		if err := r.take(in, e); err != nil {
			return err
		}
	}
	return nil
}

// take takes one element of a list.
func (r *run) take(in *source, e element) error {
	m := Member{Text: e.text, As: in.as, Sender: in.sender, From: in.from, via: in.via}
	switch e.form {
	case broken:
		return r.add(breaks(m, in, e.err))
	case include:
		return r.include(in, e.text)
	case command:
		m.Form = Command
		if !slices.Contains(r.Commands, in.kind) {
			m.Err = restricted("command")
		}
		return r.add(m)
	case file:
		return r.file(in, m)
	}
	m.Text = r.qualify(e.text)
	local, domain := smtp.SplitAddress(m.Text)
	ours, err := r.isLocal(domain, in.domain)
	if err != nil {
		return err
	}
	switch {
	case ours && e.form == exact:
		m.Form = Mailbox
		return r.add(m)
	case ours && in.kind != InAlias && r.isUser(local, in.user):
		m.Form, m.Text = Mailbox, smtp.JoinAddress(in.user.Name, domain)
		return r.add(m)
	}
	if in.rest != "" && slices.Contains(r.Propagate, in.kind) {
		local += in.rest
		m.Text = smtp.JoinAddress(local, domain)
	}
	if !ours {
		return r.add(m)
	}
	return r.local(in, m, local)
}

// local takes an address of this system: an alias is followed.
func (r *run) local(in *source, m Member, local string) error {
	e, err := r.alias(local, *in)
	switch {
	case err != nil:
		return err
	case e == nil && in.user != nil && in.kind == InAlias && r.isUser(local, in.user):
		// The user's own list leads back to her by an alias.
		m.Form, m.Text = Mailbox, smtp.JoinAddress(in.user.Name, in.domain)
		return r.add(m)
	case e == nil:
		// The names that fall to root are resolved when it is their turn. In a user's
		// own list aliases have their turn then, too.
		m.Exact = in.user == nil && !IsRoot(local, r.Delimiters)
		return r.add(m)
	case in.kind == InAlias && e.name == in.name:
		// "ann: ann, bob" keeps a copy for the user herself.
		m.Exact = true
		return r.add(m)
	case r.seen[e.name]:
		r.circle = true
		return nil
	case len(r.seen) >= maxLists:
		return misconfigured(nil, "%q leads to more than %d aliases and files", in.name, maxLists)
	case in.user != nil:
		return r.aliasOfOthers(in, m, e)
	}
	r.seen[e.name] = true
	r.pending = append(r.pending, *e)
	return nil
}

// aliasOfOthers takes an alias that a .forward file names. It is mailed to, as
// everybody mails to it, unless it leads back to the user: then its members take
// its place, the user's mailbox among them.
func (r *run) aliasOfOthers(in *source, m Member, e *list) error {
	sub := &run{Expander: r.Expander, seen: maps.Clone(r.seen), have: map[string]bool{}}
	if err := sub.expandFor(in, e); err != nil {
		return err
	}
	if !slices.ContainsFunc(sub.members, func(m Member) bool { return m.Form == Mailbox && r.isUser(localPart(m.Text), in.user) }) {
		return r.add(m)
	}
	r.steps = append(r.steps, sub.steps...)
	for _, m := range sub.members {
		if err := r.add(m); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) expandFor(in *source, e *list) error {
	e.user = in.user
	r.seen[e.name] = true
	return r.takeAll(&e.source, parseAll(e.value))
}

func localPart(addr string) string {
	local, _ := smtp.SplitAddress(addr)
	return local
}

// isUser tells whether mail for a local part is u's, apart from aliases.
func (x *Expander) isUser(local string, u *account.Person) bool {
	if u == nil {
		return false
	}
	base, _ := route.SplitExtension(local, x.Delimiters)
	return strings.EqualFold(local, u.Name) || strings.EqualFold(base, u.Name)
}

// file takes a file or a Maildir.
func (r *run) file(in *source, m Member) error {
	m.Form = File
	switch {
	case strings.HasPrefix(m.Text, "~/") && in.as != nil && strings.HasPrefix(in.as.Home, "/"):
		m.Text = strings.TrimSuffix(in.as.Home, "/") + m.Text[1:]
	case strings.HasPrefix(m.Text, "~"):
		m.Err = &Error{5, smtp.Detail{Subject: 3, Detail: 5}, "a file name that begins with ~ has no home directory to stand for", nil}
	}
	if !slices.Contains(r.Files, in.kind) {
		m.Err = restricted("file")
	}
	return r.add(m)
}

// add adds a member, unless it is there.
func (r *run) add(m Member) error {
	if m.Form == Address || m.Form == Mailbox {
		if err := smtp.Check(m.Text); err != nil {
			m.Form, m.Err = Broken, misconfigured(fmt.Errorf("%s: %w", m.From, err), "a list has a member that is not an address")
		}
	}
	key := fmt.Sprintf("%d %t %s", m.Form, m.Exact, m.Text)
	if r.have[key] {
		return nil
	}
	if len(r.members) >= maxMembers {
		return misconfigured(nil, "a list stands for more than %d addresses", maxMembers)
	}
	if r.Remember == 0 || len(r.have) < r.Remember {
		r.have[key] = true
	}
	r.members = append(r.members, m)
	return nil
}

// qualify adds myorigin to an address without a domain.
func (x *Expander) qualify(addr string) string {
	local, domain := smtp.SplitAddress(addr)
	if domain == "" {
		domain = x.Origin
	}
	return smtp.JoinAddress(local, domain)
}

// isLocal tells whether mail for a domain comes to this system's users: own is
// the domain of a recipient that did.
func (x *Expander) isLocal(domain, own string) (bool, error) {
	if strings.EqualFold(domain, own) {
		return true, nil
	}
	ok, err := x.Local(domain)
	if err != nil {
		return false, unread("mydestination", err)
	}
	return ok, nil
}

// IsRoot tells whether root answers for a local part that is neither an alias
// nor a user: RFC 5321, 4.5.1 (postmaster), RFC 2142, 4 (abuse), and the sender
// that other systems give their notices.
func IsRoot(local, delimiters string) bool {
	base, _ := route.SplitExtension(local, delimiters)
	return route.Reserved(local) || route.Reserved(base)
}

// One is the address that a text is, complete.
func (x *Expander) One(text string) (Member, error) {
	elements, err := parseList(text)
	if err == nil && (len(elements) != 1 || elements[0].form > exact) {
		err = fmt.Errorf("want one address, have %q", text)
	}
	if err != nil {
		return Member{}, err
	}
	m := Member{Text: x.qualify(elements[0].text)}
	return m, smtp.Check(m.Text)
}
