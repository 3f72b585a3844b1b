package route

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"yubin/internal/config"
	"yubin/internal/match"
	"yubin/internal/nss"
	"yubin/internal/table"
)

// Params are the parameters that New reads.
func Params() []*config.Def {
	return append(nss.Params(), []*config.Def{
		config.Myhostname.Def, config.Myorigin.Def, config.Mydestination.Def, config.InetInterfaces.Def, config.ProxyInterfaces.Def,
		config.RecipientDelimiter.Def, config.ParentDomainMatchesSubdomains.Def,
		config.LocalTransport.Def, config.LocalRecipientMaps.Def, config.AliasMaps.Def, config.AliasDatabase.Def,
		config.VirtualAliasDomains.Def, config.VirtualAliasMaps.Def, config.RelocatedMaps.Def, config.ShowUserUnknownTableName.Def,
		config.VirtualTransport.Def, config.VirtualMailboxDomains.Def, config.VirtualMailboxMaps.Def,
		config.RelayTransport.Def, config.RelayDomains.Def, config.RelayRecipientMaps.Def,
		config.DefaultTransport.Def, config.Relayhost.Def, config.TransportMaps.Def,
		config.SenderRelayhostMaps.Def, config.NullRelayhostKey.Def,
		config.SenderTransportMaps.Def, config.NullTransportKey.Def,
	}...)
}

// New reads the routing parameters of c. report takes what tables have to
// leave out; it may be nil. The error is the join of a config.Problem for each
// wrong value.
func New(c *config.Config, report func(config.Problem)) (*Router, error) {
	if report == nil {
		report = func(config.Problem) {}
	}
	b := builder{c: c, options: []table.Option{
		table.Aliases(config.AliasMaps.Of(c)...), table.Aliases(config.AliasDatabase.Of(c)...), table.Report(report), table.Site(c), table.Warm(),
	}}
	r := &Router{
		classes: []domainClass{
			b.class(Local, config.Mydestination, config.LocalTransport, config.LocalRecipientMaps, "local recipient table"),
			b.aliases(),
			b.class(Virtual, config.VirtualMailboxDomains, config.VirtualTransport, config.VirtualMailboxMaps, "virtual mailbox table"),
			b.class(Relay, config.RelayDomains, config.RelayTransport, config.RelayRecipientMaps, "relay recipient table"),
		},
		others:     domainClass{class: Default},
		own:        OwnAddresses(config.InetInterfaces.Of(c)),
		proxied:    OwnAddresses(config.ProxyInterfaces.Of(c)),
		hostname:   strings.ToLower(config.Myhostname.Of(c)),
		origin:     strings.ToLower(config.Myorigin.Of(c)),
		delimiters: config.RecipientDelimiter.Of(c),
	}
	b.setTransport(&r.others, config.DefaultTransport)
	r.overrides = b.overrides()
	r.relocated = b.maps(config.RelocatedMaps)
	if b.errs != nil {
		return nil, errors.Join(b.errs...)
	}
	r.compare(c)
	return r, nil
}

// A builder makes classes and remembers what is wrong with values.
type builder struct {
	c       *config.Config
	options []table.Option
	errs    []error // each a config.Problem
}

func (b *builder) fail(d *config.Def, what string) {
	b.errs = append(b.errs, b.c.Fault(d, strings.TrimPrefix(what, d.Name+": ")))
}

func (b *builder) class(class Class, domains config.List, transport config.String, recipients config.List, name string) domainClass {
	d := domainClass{class: class, list: domains.Name, table: name}
	b.setTransport(&d, transport)
	var err error
	if d.domains, err = match.Of(b.c, domains, b.options...); err != nil {
		b.errs = append(b.errs, err)
	}
	d.recipients = b.maps(recipients).Maps
	return d
}

// aliases is the class of virtual_alias_domains.
func (b *builder) aliases() domainClass {
	d := domainClass{class: Alias, list: config.VirtualAliasDomains.Name, fixed: true, table: AliasTable}
	d.way = way{"error", "5.1.1 User unknown", d.list}
	if config.ShowUserUnknownTableName.Of(b.c) {
		d.way.nexthop += " in " + d.table
	}
	var err error
	if d.domains, err = match.Of(b.c, config.VirtualAliasDomains, b.options...); err != nil {
		b.errs = append(b.errs, err)
	}
	return d
}

func (b *builder) setTransport(d *domainClass, p config.String) {
	d.way = way{}.changed(p.Of(b.c), p.Name)
	if d.way.transport == "" {
		b.fail(p.Def, fmt.Sprintf("want transport or transport:nexthop, have %q", p.Of(b.c)))
	}
}

func (b *builder) maps(p config.List, more ...table.Option) maps {
	m, err := table.OpenMaps(p.Of(b.c), append(slices.Clone(b.options), more...)...)
	if err != nil {
		b.fail(p.Def, err.Error())
	}
	return maps{p.Name, m}
}

func (b *builder) overrides() overrides {
	o := overrides{
		relayhost:  strings.TrimSpace(config.Relayhost.Of(b.c)),
		relayhosts: bySender{b.maps(config.SenderRelayhostMaps, table.Plain()), config.NullRelayhostKey.Of(b.c)},
		transports: bySender{b.maps(config.SenderTransportMaps, table.Plain()), config.NullTransportKey.Of(b.c)},
		recipients: b.maps(config.TransportMaps, table.Plain()),
		parent:     ".",
	}
	if slices.Contains(config.ParentDomainMatchesSubdomains.Of(b.c), config.TransportMaps.Name) {
		o.parent = ""
	}
	if o.relayhost != "" {
		if _, err := ParseHops(o.relayhost); err != nil {
			b.fail(config.Relayhost.Def, err.Error())
		}
	}
	return o
}

// compare looks for domains that stand in two classes: the second is never
// reached, which is the commonest mistake with virtual domains.
func (r *Router) compare(c *config.Config) {
	for i := range r.classes {
		for j := range i {
			r.compareTwo(c, &r.classes[j], &r.classes[i])
		}
	}
}

// compareTwo looks at the names in each list that the other, which may be a table,
// has too. A table that cannot be read now says nothing now.
func (r *Router) compareTwo(c *config.Config, earlier, later *domainClass) {
	seen := map[string]bool{}
	for _, two := range [...][2]*domainClass{{earlier, later}, {later, earlier}} {
		for _, name := range two[0].domains.Names() {
			if both, err := two[1].domains.Domain(name); err != nil || !both || seen[name] {
				continue
			}
			seen[name] = true
			p := c.Problem(later.list, fmt.Sprintf("domain %s is in %s, too, which counts", name, earlier.list))
			p.Mend = "remove it from one of the two"
			r.problems = append(r.problems, p)
		}
	}
}
