package imapd

import (
	"context"
	"maps"
	"slices"
	"strings"

	"yubin/internal/imap"
	"yubin/internal/mailbox"
)

// A node is a name in the tree of mailboxes.
type node struct {
	name       string
	exists     bool
	subscribed bool
	uses       []string
	children   bool // mailboxes below it
	// Below it is something subscribed, or with a special use (RFC 5258,
	// CHILDINFO).
	below, belowUse bool
}

// tree returns all names, sorted, INBOX first: mailboxes, what is subscribed,
// and the levels above them.
func (v *visit) nodes() ([]*node, error) {
	folders, err := v.tree.Folders()
	if err != nil {
		return nil, v.failed("list", err)
	}
	subscribed, err := v.tree.Subscriptions()
	if err != nil {
		return nil, v.failed("list", err)
	}
	uses, err := v.usesOf(folders)
	if err != nil {
		return nil, v.failed("list", err)
	}
	all := map[string]*node{}
	at := func(name string) *node {
		if all[name] == nil {
			all[name] = &node{name: name}
		}
		return all[name]
	}
	for _, name := range folders {
		n := at(name)
		n.exists, n.uses = true, uses[name]
		for _, up := range above(name) {
			u := at(up)
			u.children = true
			u.belowUse = u.belowUse || len(n.uses) > 0
		}
	}
	for _, name := range subscribed {
		at(name).subscribed = true
		for _, up := range above(name) {
			at(up).below = true
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b *node) int {
		if (a.name == mailbox.Inbox) != (b.name == mailbox.Inbox) {
			return map[bool]int{true: -1, false: 1}[a.name == mailbox.Inbox]
		}
		return strings.Compare(a.name, b.name)
	}), nil
}

// above are the names of the levels above a mailbox.
func above(name string) (list []string) {
	for i := range len(name) {
		if name[i] == '/' {
			list = append(list, name[:i])
		}
	}
	return list
}

// usual are the special uses of mailboxes by their names, where none has been
// given the use: Dovecot's, as shipped, and \Archive.
var usual = []struct{ name, use string }{
	{"Drafts", `\Drafts`}, {"Junk", `\Junk`}, {"Trash", `\Trash`}, {"Sent", `\Sent`}, {"Sent Messages", `\Sent`}, {"Archive", `\Archive`},
}

// uses are the special uses of folders.
func (v *visit) uses() (map[string][]string, error) {
	folders, err := v.tree.Folders()
	if err != nil {
		return nil, err
	}
	return v.usesOf(folders)
}

func (v *visit) usesOf(folders []string) (map[string][]string, error) {
	given, err := v.tree.Uses()
	if err != nil {
		return nil, err
	}
	taken := map[string]bool{}
	for _, list := range given {
		for _, u := range list {
			taken[u] = true
		}
	}
	for _, u := range usual {
		if !taken[u.use] && slices.Contains(folders, u.name) {
			given[u.name] = append(given[u.name], u.use)
		}
	}
	return given, nil
}

// list is LIST (RFC 9051, 6.3.9; RFC 5258; RFC 5819; RFC 6154).
func (v *visit) list(context.Context) (reply, error) {
	v.d.SP()
	l := v.d.ListCommand()
	v.d.End()
	v.checkStatus(l.Status)
	if err := v.d.Err(); err != nil {
		return reply{}, err
	}
	if !l.Extended && l.Patterns[0] == "" {
		return reply{}, v.Printf("* LIST (\\Noselect) \"/\" \"\"\r\n")
	}
	if err := v.patterns(&l); err != nil {
		return reply{}, err
	}
	nodes, err := v.nodes()
	if err != nil {
		return reply{}, err
	}
	parents := v.parents(nodes, &l)
	for _, n := range nodes {
		chosen := n.chosen(&l)
		if !v.named(n, &l) || !chosen && !parents[n.name] {
			continue
		}
		if err := v.sayList("LIST", n.name, v.attributes(n, &l), childInfo(n, &l)); err != nil {
			return reply{}, err
		}
		if len(l.Status) > 0 && n.exists && chosen {
			// A mailbox that cannot be looked at has no STATUS, nor has one that is there
			// for what is below it (RFC 5819, 2).
			if err := v.sayStatus(n.name, l.Status); err != nil && !isRefusal(err) {
				return reply{}, err
			}
		}
	}
	return reply{}, nil
}

// chosen tells whether the selection options are for the name.
func (n *node) chosen(l *imap.List) bool {
	switch {
	case l.Subscribed && l.SpecialUse:
		return n.subscribed && len(n.uses) > 0
	case l.Subscribed:
		return n.subscribed
	case l.SpecialUse:
		return len(n.uses) > 0
	}
	return n.exists || n.children
}

// named tells whether a pattern is for the name.
func (v *visit) named(n *node, l *imap.List) bool {
	return slices.ContainsFunc(l.Patterns, func(p string) bool { return matches(p, v.shown(n.name)) })
}

// parents are the names that RECURSIVEMATCH adds: what they are there for is below
// them, and is not in the answer itself (RFC 5258, 3.5, and 5, example 9).
func (v *visit) parents(nodes []*node, l *imap.List) map[string]bool {
	all := map[string]bool{}
	for _, n := range nodes {
		if !l.RecursiveMatch || !n.chosen(l) || v.named(n, l) {
			continue
		}
		for _, up := range above(n.name) {
			all[up] = true
		}
	}
	return all
}

// childInfo says what is below a name.
func childInfo(n *node, l *imap.List) string {
	if !l.RecursiveMatch {
		return ""
	}
	var words []string
	if l.Subscribed && n.below {
		words = append(words, `"SUBSCRIBED"`)
	}
	if l.SpecialUse && n.belowUse {
		words = append(words, `"SPECIAL-USE"`)
	}
	return strings.Join(words, " ")
}

// attributes are those of a name.
func (v *visit) attributes(n *node, l *imap.List) string {
	var list []string
	if !n.exists {
		if l.Extended || v.rev2 {
			list = append(list, `\NonExistent`)
		} else {
			list = append(list, `\Noselect`)
		}
	}
	if n.subscribed && (l.Subscribed || l.ReturnSubscribed) {
		list = append(list, `\Subscribed`)
	}
	if n.children {
		list = append(list, `\HasChildren`)
	} else {
		list = append(list, `\HasNoChildren`)
	}
	return strings.Join(append(list, n.uses...), " ")
}

// sayList sends a LIST or LSUB response.
func (v *visit) sayList(word, name, attributes, info string) error {
	b := append(v.out[:0], "* "+word+" ("+attributes+`) "/" `...)
	b = v.appendName(b, name)
	if info != "" {
		b = append(b, ` ("CHILDINFO" (`+info+`))`...)
	}
	b = append(b, "\r\n"...)
	v.out = b
	_, err := v.Write(b)
	return err
}

// lsub is LSUB (RFC 3501, 6.3.9): a level that is not subscribed is there for
// what is below it.
func (v *visit) lsub(context.Context) (reply, error) {
	v.d.SP()
	l := v.d.LSub()
	v.d.End()
	if err := v.d.Err(); err != nil {
		return reply{}, err
	}
	if err := v.patterns(&l); err != nil {
		return reply{}, err
	}
	nodes, err := v.nodes()
	if err != nil {
		return reply{}, err
	}
	pattern := l.Patterns[0]
	for _, n := range nodes {
		attributes := ""
		switch {
		case n.subscribed:
		case n.below && strings.HasSuffix(pattern, "%"):
			attributes = `\Noselect`
		default:
			continue
		}
		if !matches(pattern, v.shown(n.name)) {
			continue
		}
		if err := v.sayList("LSUB", n.name, attributes, ""); err != nil {
			return reply{}, err
		}
	}
	return reply{}, nil
}
