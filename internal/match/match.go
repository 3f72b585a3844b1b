// Package match is Postfix's match lists: the values of parameters such as
// mydestination, mynetworks and authorized_mailq_users. It does no name
// service.
//
// A list is searched from left to right and the first element that matches
// decides. The elements are
//
//	word          the same name, in any letter case
//	example.com   that domain, and its subdomains where the parameter is listed
//	              in parent_domain_matches_subdomains
//	.example.com  the subdomains of example.com
//	192.0.2.0/24  the addresses in that network; [2001:db8::]/32 likewise
//	192.0.2.1     that address; [2001:db8::1] likewise
//	type:name     whatever is a key of that lookup table
//	/file         the elements in that file, read again when it changes
//	!element      the opposite: what matches element is not in the list
//
// A table or file that cannot be read makes the answer a temporary error,
// unless an element before it has decided.
package match

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"yubin/internal/config"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// unknown is how a user without a name is matched.
const unknown = "unknown"

// A List is one match list. Its methods are safe for concurrent use.
type List struct {
	elements sequence
}

// A query is what is looked for: a name, an address, or either.
type query struct {
	name   string     // in lower case, "" for none
	domain bool       // name is a domain: the domains above it count
	addr   netip.Addr // IPv4 when it is IPv4, not valid for none
}

// New compiles the patterns of the parameter called name. Subdomains match as
// Postfix's default of parent_domain_matches_subdomains says.
func New(name string, patterns []string) (*List, error) {
	l, err := compile(compiler{}, patterns, slices.Contains(strings.Split(config.ParentDomainMatchesSubdomains.Default, ", "), name))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return l, nil
}

// Of compiles the value that p has in c. Its error is a config.Problem.
func Of(c *config.Config, p config.List, options ...table.Option) (*List, error) {
	l, err := compile(compiler{tables: append(slices.Clone(options), table.Site(c))}, p.Of(c), slices.Contains(config.ParentDomainMatchesSubdomains.Of(c), p.Name))
	if err != nil {
		return nil, c.Fault(p.Def, err.Error())
	}
	return l, nil
}

func compile(k compiler, patterns []string, subdomains bool) (*List, error) {
	k.subdomains = subdomains
	elements, err := k.all(patterns)
	return &List{elements}, err
}

// Domain tells whether the domain or host name d is in the list.
func (l *List) Domain(d string) (bool, error) {
	return l.match(query{name: smtp.FoldKey(d), domain: true})
}

// Address tells whether addr is in the list.
func (l *List) Address(addr netip.Addr) (bool, error) {
	return l.Client("", addr)
}

// Client tells whether a host is in the list by its name or by its address,
// whichever an element speaks of. The name is "" when nothing vouches for it.
func (l *List) Client(name string, addr netip.Addr) (bool, error) {
	return l.match(query{strings.ToLower(name), true, addr.Unmap().WithZone("")})
}

// User tells whether a user is in the list. The superuser always is. A uid
// without a name ("") matches as "unknown".
func (l *List) User(name string, uid int) (bool, error) {
	if uid == 0 {
		return true, nil
	}
	if name == "" {
		name = unknown
	}
	return l.match(query{name: strings.ToLower(name)})
}

// ByName tells whether the name of a host matters: whether more than networks
// are in the list.
func (l *List) ByName() bool {
	return slices.ContainsFunc(l.elements, func(e element) bool {
		for {
			n, negated := e.(not)
			if !negated {
				break
			}
			e = n.element
		}
		_, address := e.(network)
		return !address
	})
}

func (l *List) match(q query) (bool, error) {
	v, err := l.elements.match(q)
	return v == in, err
}

// Names returns the plain names and domains of the list, for the checks that
// compare lists. Tables and files are left out.
func (l *List) Names() []string {
	var names []string
	for _, e := range l.elements {
		if d, ok := e.(domain); ok {
			names = append(names, d.name)
		}
	}
	return names
}
