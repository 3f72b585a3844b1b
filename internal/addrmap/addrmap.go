// Package addrmap replaces addresses by what tables of addresses have for them,
// as Postfix's address mapping does: smtp_generic_maps asks it. It changes one
// address into one; it expands nothing and follows no chain.
//
// For user+extension@domain the tables are asked for, in this order:
//
//	user+extension@domain  user@domain
//	user+extension  user     where the domain is one of this host's
//	@domain
//
// A value of the form @other keeps the local part. One without a domain is in
// myorigin. An extension that no key has matched is appended to the value where
// propagate_unmatched_extensions has the class of the tables.
package addrmap

import (
	"fmt"
	"slices"
	"strings"

	"yubin/internal/config"
	"yubin/internal/header"
	"yubin/internal/match"
	"yubin/internal/route"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// Params are the parameters that Open reads beside that of the tables.
func Params() []*config.Def {
	return []*config.Def{
		config.Myorigin.Def, config.Mydestination.Def, config.InetInterfaces.Def, config.ProxyInterfaces.Def,
		config.RecipientDelimiter.Def, config.ParentDomainMatchesSubdomains.Def, config.PropagateExtensions.Def, config.QueueDirectory.Def,
	}
}

// A Map maps addresses. It does not change; its methods are safe for concurrent
// use.
type Map struct {
	name      string // of the parameter
	maps      *table.Maps
	delimiter string
	propagate bool
	origin    string
	local     func(domain string) (bool, error)
}

// Open opens the tables of a parameter; nil when there are none. class is what
// propagate_unmatched_extensions calls them. Its error is a config.Problem.
func Open(c *config.Config, p config.List, class string, report table.Option) (*Map, error) {
	maps, err := table.OpenMaps(p.Of(c), report, table.Sockets(config.QueueDirectory.Of(c)))
	if err != nil {
		return nil, c.Fault(p.Def, err.Error())
	}
	destinations, err := match.Of(c, config.Mydestination)
	if err != nil {
		return nil, err
	}
	if maps.Empty() {
		return nil, nil
	}
	origin := config.Myorigin.Of(c)
	own := route.OwnAddresses(append(config.InetInterfaces.Of(c), config.ProxyInterfaces.Of(c)...))
	return &Map{
		name: p.Name, maps: maps, delimiter: config.RecipientDelimiter.Of(c),
		propagate: slices.Contains(config.PropagateExtensions.Of(c), class), origin: origin,
		local: func(domain string) (bool, error) {
			if a, literal := smtp.ParseLiteral(domain); literal {
				return own(a), nil
			}
			if strings.EqualFold(domain, origin) {
				return true, nil
			}
			return destinations.Domain(domain)
		},
	}, nil
}

// Address returns what the tables have for an address, or the address itself.
// Both are in internal form; one without a domain is looked for in myorigin. An
// error is temporary. A nil Map has nothing.
func (m *Map) Address(addr string) (string, error) {
	if m == nil || addr == "" {
		return addr, nil
	}
	local, domain := smtp.SplitAddress(addr)
	if domain == "" {
		domain = m.origin
	}
	ours, err := m.local(domain)
	if err != nil {
		return "", fmt.Errorf("%s: %s: %w", m.name, addr, err)
	}
	ask := table.Table.Lookup // the first key is the whole address
	for _, key := range route.Keys(smtp.JoinAddress(local, domain), m.delimiter, ours) {
		value, found, err := ask(m.maps, key)
		ask = table.Part
		if err != nil {
			return "", fmt.Errorf("%s: %s: %w", m.name, key, err)
		}
		if found {
			return m.result(value, key, local)
		}
	}
	return addr, nil
}

// result makes an address of a table's value.
func (m *Map) result(value, key, local string) (string, error) {
	bad := func() (string, error) {
		return "", fmt.Errorf("%s: %s: want one address, have %.100q", m.name, key, value)
	}
	if domain, ok := strings.CutPrefix(strings.TrimSpace(value), "@"); ok {
		value = smtp.Quote(smtp.JoinAddress(local, domain))
	}
	list, err := header.ParseAddressList(value)
	if err != nil || len(list) != 1 || list[0].Addr == "" {
		return bad()
	}
	base, extension := route.SplitExtension(local, m.delimiter)
	whole := strings.HasPrefix(key, local) || strings.HasPrefix(key, "@")
	to, domain := smtp.SplitAddress(list[0].Addr)
	if domain == "" {
		domain = m.origin
	}
	if m.propagate && !whole && extension != "" {
		to += local[len(base):]
	}
	result := smtp.JoinAddress(to, domain)
	if smtp.Check(result) != nil {
		return bad()
	}
	return result, nil
}
