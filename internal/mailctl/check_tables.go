package mailctl

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"yubin/internal/access"
	"yubin/internal/aliases"
	"yubin/internal/config"
	"yubin/internal/header"
	"yubin/internal/match"
	"yubin/internal/table"
)

var (
	// mapLists are the parameters whose elements are tables.
	mapLists = []config.List{
		config.AliasMaps, config.AliasDatabase, config.LocalRecipientMaps, config.RelayRecipientMaps,
		config.VirtualMailboxMaps, config.VirtualUIDMaps, config.VirtualGIDMaps,
		config.TransportMaps, config.SmtpdSenderLoginMaps, config.SenderRelayhostMaps, config.SenderTransportMaps,
		config.SmtpGenericMaps.SMTP, config.SmtpGenericMaps.LMTP,
	}
	// matchLists are the parameters whose elements may be tables and files.
	matchLists = []config.List{
		config.Mydestination, config.RelayDomains, config.FastFlushDomains, config.VirtualMailboxDomains, config.Mynetworks,
		config.AuthorizedMailqUsers, config.AuthorizedFlushUsers, config.AuthorizedSubmitUsers,
	}
)

// A tableLook reads tables, each once.
type tableLook struct {
	aliases  table.Option
	seen     map[string]bool
	problems []config.Problem
}

// inspectTables reads every table and file that a list names, and those in the
// values of parameters that hold tables or restrictions.
func inspectTables(c *config.Config, services []config.MasterService) []config.Problem {
	l := &tableLook{aliases: table.Aliases(), seen: map[string]bool{}}
	if c.Check([]*config.Def{config.AliasMaps.Def, config.AliasDatabase.Def}) == nil {
		l.aliases = table.Aliases(slices.Concat(config.AliasMaps.Of(c), config.AliasDatabase.Of(c))...)
	}
	for _, p := range mapLists {
		if c.Check([]*config.Def{p.Def}) != nil {
			continue
		}
		for _, spec := range p.Of(c) {
			l.look(c, p.Name, spec)
		}
	}
	if c.Check([]*config.Def{config.AliasMaps.Def}) == nil {
		for _, p := range aliases.Loops(config.AliasMaps.Of(c)) {
			p.Mend = "name somebody who reads it"
			l.problems = append(l.problems, p)
		}
	}
	for _, p := range matchLists {
		l.lookAtList(c, p)
	}
	for _, name := range c.Names() {
		l.lookAtValue(c, name)
	}
	for _, s := range services {
		over, names := c.In(s)
		before := len(l.problems)
		for _, name := range names {
			l.lookAtValue(over, name)
		}
		for i := range l.problems[before:] {
			if p := &l.problems[before+i]; p.File == "" {
				p.File, p.Line = s.File, s.Line
			}
		}
	}
	return l.problems
}

// look reads one table.
func (l *tableLook) look(c *config.Config, name, spec string) {
	if l.seen[spec] {
		return
	}
	l.seen[spec] = true
	note := func(p config.Problem, mend string) {
		if p.File == "" {
			at := c.Problem(name, p.What)
			p.File, p.Line, p.What = at.File, at.Line, at.What
		}
		if p.Mend == "" {
			p.Mend = mend
		}
		l.problems = append(l.problems, p)
	}
	for _, p := range table.Check(spec, l.aliases) {
		note(p, sourceless(spec, "correct the table, or take it out of "+name))
	}
	path := filePath(spec)
	if info, err := os.Stat(path); path != "" && err == nil && info.Mode().Perm()&0o002 != 0 {
		note(config.Problem{File: path, What: fmt.Sprintf("everybody can change where mail goes (mode %#o)", info.Mode().Perm())}, "chmod o-w "+path)
	}
}

// sourceless is how to mend a table of which only what postmap made is there: the
// text is what is read here.
func sourceless(spec, mend string) string {
	path := filePath(spec)
	if path == "" {
		return mend
	}
	if _, err := os.Stat(path); err == nil {
		return mend
	}
	for _, end := range []string{".db", ".lmdb", ".cdb", ".pag"} {
		if _, err := os.Stat(path + end); err == nil {
			return fmt.Sprintf("the text is read here, and only %s%s is there: put %s back (Postfix's postmap -s prints it)", path, end, path)
		}
	}
	return mend
}

// filePath is the file of a table that is one, else "".
func filePath(spec string) string {
	kind, path, _ := strings.Cut(strings.TrimPrefix(spec, "proxy:"), ":")
	switch kind {
	case "hash", "btree", "dbm", "sdbm", "lmdb", "cdb", "texthash", "regexp", "pcre", "cidr":
		return path
	}
	return ""
}

// lookAtList reads the tables and files of a list.
func (l *tableLook) lookAtList(c *config.Config, p config.List) {
	if c.Check([]*config.Def{p.Def}) != nil {
		return
	}
	_, err := match.Of(c, p)
	l.problems = append(l.problems, faults(err)...)
	for _, spec := range p.Of(c) {
		spec = strings.TrimPrefix(spec, "!")
		if isTable(spec) {
			l.look(c, p.Name, spec)
		}
		if !strings.HasPrefix(spec, "/") || err != nil {
			continue
		}
		if _, err := os.ReadFile(spec); err != nil {
			wrong := c.Problem(p.Name, err.Error())
			wrong.Mend = "correct the list"
			l.problems = append(l.problems, wrong)
		}
	}
}

// lookAtValue reads the tables that stand in a value, if those of the parameter
// do: in lists of tables, and behind restrictions such as check_client_access. The
// passwords of relays are authd's alone to read.
func (l *tableLook) lookAtValue(c *config.Config, name string) {
	if !strings.HasSuffix(name, "_maps") && !strings.HasSuffix(name, "_restrictions") && !slices.Contains(classes(c), name) ||
		strings.HasSuffix(name, "_sasl_password_maps") {
		return
	}
	raw, _ := c.Raw(name)
	value, err := c.Expand(raw)
	if err != nil {
		return // Lint says so
	}
	words, err := config.SplitBraces(value, ", \t\r\n")
	if err != nil {
		return
	}
	for i, word := range words {
		if !isTable(word) {
			continue
		}
		l.look(c, name, word)
		if i > 0 && strings.HasPrefix(words[i-1], "check_") && strings.HasSuffix(words[i-1], "_access") {
			l.actions(c, name, word)
		}
		if slices.Contains(addressMaps, name) && table.IsText(word) {
			l.addresses(c, name, word)
		}
	}
}

// maxEntries bounds the entries of a table that are named.
const maxEntries = 20

// addressMaps are the parameters with tables of addresses.
var addressMaps = []string{
	config.CanonicalMaps.Name, config.SenderCanonicalMaps.Name, config.RecipientCanonicalMaps.Name, config.VirtualAliasMaps.Name,
	config.SenderBccMaps.Name, config.RecipientBccMaps.Name, config.SmtpGenericMaps.SMTP.Name, config.SmtpGenericMaps.LMTP.Name,
}

// addresses finds values that are no addresses: mail for their keys waits. Behind
// the name of a domain, which makes it one of virtual aliases, anything may stand.
func (l *tableLook) addresses(c *config.Config, name, spec string) {
	if l.seen["addresses of "+spec] {
		return
	}
	l.seen["addresses of "+spec] = true
	left := maxEntries
	// look says of a table that cannot be read.
	_ = table.Each(spec, func(key, value string) bool {
		if !strings.Contains(key, "@") {
			return true
		}
		to := strings.TrimSpace(value)
		if strings.HasPrefix(to, "@") {
			to = "x" + to // the key's local part comes before it
		}
		if list, err := header.ParseTargets(to); err != nil || len(list) == 0 {
			p := c.Problem(name, fmt.Sprintf("%s in %s: want addresses, have %.100q: mail for it waits", key, filePath(spec), value))
			p.Mend = "correct the entry"
			l.problems = append(l.problems, p)
			left--
		}
		return left > 0
	})
}

// actions finds what smtpd does not do of what an access table says: it defers the
// mail then.
func (l *tableLook) actions(c *config.Config, name, spec string) {
	if l.seen["actions of "+spec] {
		return
	}
	l.seen["actions of "+spec] = true
	left := maxEntries
	named := classes(c)
	known := func(word string) bool { return access.Alone(word) || slices.Contains(named, word) }
	// look says of a table that cannot be read.
	_ = table.EachValue(spec, func(value string) bool {
		if access.Parse(value, known).Kind == access.Unknown {
			p := c.Problem(name, fmt.Sprintf("%s: action %.100q is not supported here: what it is for gets 451", spec, value))
			p.Mend = "write OK, DUNNO, REJECT, DEFER, another action that smtpd(8) names, a code 4NN or 5NN with a text, or restrictions without tables"
			l.problems = append(l.problems, p)
			left--
		}
		return left > 0
	})
}

// classes are the names of restriction classes.
func classes(c *config.Config) []string {
	raw, _ := c.Raw("smtpd_restriction_classes")
	return strings.FieldsFunc(raw, func(r rune) bool { return strings.ContainsRune(", \t\n", r) })
}

func isTable(spec string) bool {
	kind, _, ok := strings.Cut(spec, ":")
	return ok && slices.Contains(table.Types(), kind)
}
