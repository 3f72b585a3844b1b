// Package addrmap replaces addresses by what tables of addresses have for them,
// as Postfix's address mapping does: smtp_generic_maps, canonical_maps,
// virtual_alias_maps and their like. It asks once and follows no chain; package
// rewrite does.
//
// For user+extension@domain the tables are asked for, in this order:
//
//	user+extension@domain  user@domain
//	user+extension  user     where the domain is one of this host's
//	@domain
//
// A value is a list of addresses. One that begins with @other keeps the local
// part in the first of them. An address without a domain is in myorigin; of
// several @ in one the last counts. An extension that no key has matched is
// appended to each where propagate_unmatched_extensions has the class of the
// tables.
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
		config.Mydomain.Def, config.AppendAtMyorigin.Def, config.AppendDotMydomain.Def, config.SwapBangpath.Def, config.AllowPercentHack.Def,
	}
}

// Completion returns how addresses without a domain, or without a whole one, are
// completed.
func Completion(c *config.Config) smtp.Completion {
	how := smtp.Completion{Bang: config.SwapBangpath.Of(c), Percent: config.AllowPercentHack.Of(c)}
	if config.AppendAtMyorigin.Of(c) {
		how.Origin = config.Myorigin.Of(c)
	}
	if config.AppendDotMydomain.Of(c) {
		how.Domain = config.Mydomain.Of(c)
	}
	return how
}

// A Map maps addresses. It does not change; its methods are safe for concurrent
// use.
type Map struct {
	name      string // of the parameter
	maps      *table.Maps
	delimiter string
	propagate bool
	origin    string
	complete  smtp.Completion
	local     func(domain string) (bool, error)
}

// A Hit is where tables have an address.
type Hit struct{ Parameter, Table, Key, Value string }

// Open opens the tables of a parameter; nil when there are none. class is what
// propagate_unmatched_extensions calls them. Its error is a config.Problem.
func Open(c *config.Config, p config.List, class string, report table.Option) (*Map, error) {
	maps, err := table.OpenMaps(p.Of(c), report, table.Sockets(config.QueueDirectory.Of(c)), table.Warm())
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
		propagate: slices.Contains(config.PropagateExtensions.Of(c), class), origin: origin, complete: Completion(c),
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
// error is temporary: a table cannot be read, or has something other than one
// address. A nil Map has nothing.
func (m *Map) Address(addr string) (string, error) {
	to, hit, err := m.Lookup(addr)
	switch {
	case err != nil:
		return "", err
	case to == nil:
		return addr, nil
	case len(to) != 1:
		return "", hit.wants("one address")
	}
	return to[0], nil
}

// Lookup returns the addresses that the tables have for addr, and where; none if
// they have nothing. An error is temporary. A nil Map has nothing.
func (m *Map) Lookup(addr string) (to []string, hit Hit, err error) {
	hit, found, err := m.Find(addr)
	if !found || err != nil {
		return nil, hit, err
	}
	local, _ := smtp.SplitAddress(addr)
	to, err = m.result(hit, local)
	return to, hit, err
}

// Find tells whether the tables have something for addr, and where.
func (m *Map) Find(addr string) (hit Hit, found bool, err error) {
	if m == nil || addr == "" {
		return hit, false, nil
	}
	local, domain := smtp.SplitAddress(addr)
	if domain == "" {
		domain = m.origin
	}
	ours, err := m.local(domain)
	if err != nil {
		return hit, false, fmt.Errorf("%s: %s: %w", m.name, addr, err)
	}
	ask := m.maps.Find // the first key is the whole address
	for _, key := range route.Keys(smtp.JoinAddress(local, domain), m.delimiter, ours) {
		value, spec, found, err := ask(key)
		ask = m.maps.FindPart
		if err != nil {
			return hit, false, fmt.Errorf("%s: %s: %w", m.name, key, err)
		}
		if found {
			return Hit{m.name, spec, key, value}, true, nil
		}
	}
	return hit, false, nil
}

// wants says what a value should be and is not.
func (h Hit) wants(what string) error {
	return fmt.Errorf("%s: %s: want %s, have %.100q", h.Parameter, h.Key, what, h.Value)
}

// result makes addresses of a table's value.
func (m *Map) result(hit Hit, local string) ([]string, error) {
	value := strings.TrimSpace(hit.Value)
	base, extension := route.SplitExtension(local, m.delimiter)
	if !m.propagate || strings.HasPrefix(hit.Key, local) || strings.HasPrefix(hit.Key, "@") {
		extension = ""
	}
	if rest, ok := strings.CutPrefix(value, "@"); ok {
		n := strings.IndexAny(rest+",", ", \t\n")
		value, extension = smtp.Quote(smtp.JoinAddress(local, rest[:n]))+rest[n:], ""
	}
	list, err := header.ParseTargets(value)
	if err != nil || len(list) == 0 {
		return nil, hit.wants("addresses")
	}
	to := make([]string, len(list))
	for i, a := range list {
		name, domain := smtp.SplitAddress(m.complete.Complete(a.Addr))
		if extension != "" {
			name += local[len(base):]
		}
		if to[i] = smtp.JoinAddress(name, domain); name == "" || smtp.Check(to[i]) != nil {
			return nil, hit.wants("addresses")
		}
	}
	return to, nil
}
