// Package route decides how an address is delivered: which class its domain
// belongs to, which transport takes it and whether its recipient exists. It
// rewrites nothing and asks no name service.
//
// # Classes
//
// A domain belongs to the first of these that it matches, as in Postfix's
// ADDRESS_CLASS_README:
//
//	local    mydestination, and address literals of this host  local_transport
//	virtual  virtual_mailbox_domains                           virtual_transport
//	relay    relay_domains                                     relay_transport
//	default  every other domain                                default_transport
//
// # Addresses that want to be relayed
//
// Operators of old mail systems in the local part ("user%host", "host!user",
// "@host:user") are not obeyed: the domain behind the last @ alone decides.
// Since a next hop might obey them, a local part with an @, or for relay
// domains with % or !, is not authorized: see Result.Authorized.
//
// # Standards
//
//	RFC 5321, 2.3.11, 3.6.1  the local part is for the destination alone; source routes
//	RFC 5321, 4.1.3          address literals
//	RFC 5321, 4.5.1          postmaster
//	RFC 2142                 abuse
package route

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"yubin/internal/config"
	"yubin/internal/match"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// A Class is what this system is to a domain.
type Class string

// The classes.
const (
	Local   Class = "local"
	Virtual Class = "virtual"
	Relay   Class = "relay"
	Default Class = "default"
	// Invalid is the class of what cannot be an address. Its transport is
	// error and its nexthop the reason.
	Invalid Class = "invalid"
)

// A Result is how one address is delivered.
type Result struct {
	Class     Class
	Transport string // the name of a service in master.cf, or error, retry, discard
	Nexthop   string // for error and retry: enhanced status code and text
	Recipient string // the address with its domain, in lower case, and without a final dot
	// Mailbox is the same for all addresses of one mailbox; for addresses
	// elsewhere it is the nexthop.
	Mailbox string
	// Authorized tells whether strangers may send to the address: the domain
	// is ours to deliver or to relay, and the local part asks for no relaying.
	// A bare postmaster always is (RFC 5321, 4.5.1).
	Authorized bool
}

// Params are the parameters that New reads.
func Params() []*config.Def {
	return []*config.Def{
		config.Myhostname.Def, config.Myorigin.Def, config.Mydestination.Def, config.InetInterfaces.Def,
		config.RecipientDelimiter.Def, config.ParentDomainMatchesSubdomains.Def,
		config.LocalTransport.Def, config.LocalRecipientMaps.Def, config.AliasMaps.Def, config.AliasDatabase.Def,
		config.VirtualTransport.Def, config.VirtualMailboxDomains.Def, config.VirtualMailboxMaps.Def,
		config.RelayTransport.Def, config.RelayDomains.Def, config.RelayRecipientMaps.Def,
		config.DefaultTransport.Def,
	}
}

// A Router resolves addresses. Its methods are safe for concurrent use.
type Router struct {
	classes    []domainClass // in the order in which they are tried
	others     domainClass
	own        func(netip.Addr) bool
	hostname   string
	origin     string
	delimiters string
	problems   []config.Problem
}

// A domainClass is a row of the table in the package comment.
type domainClass struct {
	class      Class
	domains    *match.List
	transport  string
	nexthop    string      // "": the recipient's domain
	recipients *table.Maps // who exists; nil or empty: everyone
	table      string      // what recipients is called in replies to clients
}

// New reads the routing parameters of c. report takes what tables have to
// leave out; it may be nil.
func New(c *config.Config, report func(config.Problem)) (*Router, error) {
	if report == nil {
		report = func(config.Problem) {}
	}
	b := builder{c: c, options: []table.Option{
		table.Aliases(config.AliasMaps.Of(c)...), table.Aliases(config.AliasDatabase.Of(c)...), table.Report(report),
	}}
	r := &Router{
		classes: []domainClass{
			b.class(Local, config.Mydestination, config.LocalTransport, config.LocalRecipientMaps, "local recipient table"),
			b.class(Virtual, config.VirtualMailboxDomains, config.VirtualTransport, config.VirtualMailboxMaps, "virtual mailbox table"),
			b.class(Relay, config.RelayDomains, config.RelayTransport, config.RelayRecipientMaps, "relay recipient table"),
		},
		others:     domainClass{class: Default},
		own:        ownAddresses(config.InetInterfaces.Of(c)),
		hostname:   strings.ToLower(config.Myhostname.Of(c)),
		origin:     strings.ToLower(config.Myorigin.Of(c)),
		delimiters: config.RecipientDelimiter.Of(c),
	}
	b.setTransport(&r.others, config.DefaultTransport)
	if b.err != nil {
		return nil, b.err
	}
	r.compare()
	return r, nil
}

// A builder makes classes and remembers the first error.
type builder struct {
	c       *config.Config
	options []table.Option
	err     error
}

func (b *builder) class(class Class, domains config.List, transport config.String, recipients config.List, name string) domainClass {
	d := domainClass{class: class, table: name}
	b.setTransport(&d, transport)
	var err error
	if d.domains, err = match.Of(b.c, domains); err != nil {
		b.err = errors.Join(b.err, err)
	}
	if d.recipients, err = table.OpenMaps(recipients.Of(b.c), b.options...); err != nil {
		b.err = errors.Join(b.err, fmt.Errorf("%s: %w", recipients.Name, err))
	}
	return d
}

func (b *builder) setTransport(d *domainClass, p config.String) {
	d.transport, d.nexthop, _ = strings.Cut(p.Of(b.c), ":")
	if d.transport = strings.TrimSpace(d.transport); d.transport == "" {
		b.err = errors.Join(b.err, fmt.Errorf("%s: want transport or transport:nexthop, have %q", p.Name, p.Of(b.c)))
	}
	d.nexthop = strings.TrimSpace(d.nexthop)
}

// compare looks for domains that stand in two classes: the second is never
// reached, which is the commonest mistake with virtual domains.
func (r *Router) compare() {
	parameters := map[Class]string{
		Local: config.Mydestination.Name, Virtual: config.VirtualMailboxDomains.Name, Relay: config.RelayDomains.Name,
	}
	for i, later := range r.classes {
		for _, name := range later.domains.Names() {
			for _, earlier := range r.classes[:i] {
				// A table that cannot be read now says nothing now.
				if both, err := earlier.domains.Domain(name); err == nil && both {
					r.problems = append(r.problems, config.Problem{
						What: fmt.Sprintf("domain %s is in both %s and %s", name, parameters[earlier.class], parameters[later.class]),
						Mend: fmt.Sprintf("%s counts; remove the domain from one of them", parameters[earlier.class]),
					})
				}
			}
		}
	}
}

// Problems returns what `mailctl check` should say about the routing
// parameters.
func (r *Router) Problems() []config.Problem { return r.problems }

// Resolve tells how addr, in internal form, is delivered. "" is the null
// address, which postmasters get. The error is temporary.
func (r *Router) Resolve(addr string) (Result, error) {
	p, ok := r.part(addr)
	if !ok {
		return Result{
			Class: Invalid, Transport: "error", Nexthop: "5.1.3 Bad recipient address syntax",
			Recipient: addr, Mailbox: addr,
		}, nil
	}
	d, err := r.classify(p.domain)
	if err != nil {
		return Result{}, fmt.Errorf("resolve %s: %w", addr, err)
	}
	res := Result{
		Class: d.class, Transport: d.transport, Nexthop: d.nexthop,
		Recipient:  smtp.JoinAddress(p.local, p.domain),
		Authorized: d.class != Default && !routed(p.local, d.class) || strings.EqualFold(addr, "postmaster"),
	}
	if res.Nexthop == "" {
		res.Nexthop = p.domain
	}
	res.Mailbox = r.mailbox(p, d.class, res.Nexthop)
	return res, nil
}

// mailbox names what deliveries to p contend for.
func (r *Router) mailbox(p parted, class Class, nexthop string) string {
	base, _ := SplitExtension(strings.ToLower(p.local), r.delimiters)
	switch class {
	case Local:
		return base
	case Virtual:
		return base + "@" + p.domain
	}
	return nexthop
}

// classify returns the row that domain, in lower case, belongs to.
func (r *Router) classify(domain string) (*domainClass, error) {
	if ip, ok := smtp.ParseLiteral(domain); ok && r.own(ip.Unmap()) {
		return &r.classes[0], nil
	}
	for i := range r.classes {
		d := &r.classes[i]
		ours, err := d.domains.Domain(domain)
		if err != nil {
			return nil, err
		}
		if ours {
			return d, nil
		}
	}
	return &r.others, nil
}

// A parted address has a domain in lower case.
type parted struct{ local, domain string }

// part supplies what an address lacks. ok is false for what cannot be one.
func (r *Router) part(addr string) (p parted, ok bool) {
	if addr == "" {
		return parted{"MAILER-DAEMON", r.hostname}, true
	}
	i := strings.LastIndexByte(addr, '@')
	if i < 0 {
		return parted{addr, r.origin}, true
	}
	p = parted{addr[:i], strings.ToLower(addr[i+1:])}
	// A name that ends in a dot is the same name (RFC 1034, 3.1).
	p.domain = strings.TrimSuffix(p.domain, ".")
	_, literal := smtp.ParseLiteral(p.domain)
	return p, p.local != "" && (literal || smtp.ValidDomain(p.domain))
}

// routed tells whether a local part names another destination, in the hope
// that some host on the way forwards to it.
func routed(local string, class Class) bool {
	return strings.Contains(local, "@") || class == Relay && strings.ContainsAny(local, "%!")
}
