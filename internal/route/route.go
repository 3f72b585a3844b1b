// Package route decides how an address is delivered: which class its domain
// belongs to, which transport takes it to which next hop, and whether its
// recipient exists. It rewrites nothing and asks no name service.
//
// # Classes
//
// A domain belongs to the first of these that it matches, as in Postfix's
// ADDRESS_CLASS_README:
//
//	local    mydestination, and address literals of this host  local_transport
//	alias    virtual_alias_domains                             none: see below
//	virtual  virtual_mailbox_domains                           virtual_transport
//	relay    relay_domains                                     relay_transport
//	default  every other domain                                default_transport
//
// Nobody is left in a domain of class alias when virtual_alias_maps have been
// applied (package rewrite), so that its mail goes back: no table changes that.
//
// # Next hops
//
// These change the transport and the next hop that the class gives; what
// stands further down overrules what stands above it, as in Postfix:
//
//	sender_dependent_default_transport_maps  class default
//	relayhost, or for a sender
//	sender_dependent_relayhost_maps          classes relay and default, when no next hop is named yet
//	transport_maps                           all classes but alias
//	relocated_maps                           all classes: mail goes back
//
// Without any of them the next hop is the recipient's domain. Result.Rule says
// which rule it was, Explain what all of them said. way.go has them, hop.go
// what a next hop means to SMTP and LMTP.
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
//	RFC 5321, 4.1.3          address literals: hop.go
//	RFC 5321, 4.5.1          postmaster
//	RFC 2142                 abuse
package route

import (
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
	Alias   Class = "alias"
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
	// Nexthop is where the transport takes the mail: see ParseHops. Of error,
	// retry and discard it is an enhanced status code and text, or "".
	Nexthop   string
	Rule      string // what chose them: "relayhost", "transport_maps hash:/etc/yubin/transport: example.com"
	Recipient string // the address with its domain, in lower case, and without a final dot
	// Mailbox is the same for all addresses of one mailbox; "" when the
	// transport does not deliver to mailboxes, but to its next hop.
	Mailbox string
	// Authorized tells whether strangers may send to the address: the domain
	// is ours to deliver or to relay, and the local part asks for no relaying.
	// A bare postmaster always is (RFC 5321, 4.5.1).
	Authorized bool
}

// A Router resolves addresses. Its methods are safe for concurrent use.
type Router struct {
	classes    []domainClass // in the order in which they are tried
	others     domainClass
	overrides  overrides
	relocated  maps
	own        func(netip.Addr) bool
	proxied    func(netip.Addr) bool // at addresses of a proxy or translator before this host
	hostname   string
	origin     string
	delimiters string
	problems   []config.Problem
}

// A domainClass is a row of the table in the package comment.
type domainClass struct {
	class      Class
	list       string // the parameter that has its domains
	domains    *match.List
	way        way         // without a next hop: the recipient's domain
	recipients *table.Maps // who exists; nil or empty: everyone
	table      string      // what recipients is called in replies to clients
	fixed      bool        // no table changes the way
}

// Problems returns what `mailctl check` should say about the routing
// parameters.
func (r *Router) Problems() []config.Problem { return r.problems }

// Resolve tells how addr, in internal form, is delivered when sender has sent
// the mail. "" is the null address, which postmasters get. The error is
// temporary.
func (r *Router) Resolve(addr, sender string) (Result, error) {
	return r.resolve(addr, sender, nil)
}

// Explain is Resolve that also returns what each rule said, in order.
func (r *Router) Explain(addr, sender string) (Result, []Step, error) {
	var t trace
	res, err := r.resolve(addr, sender, &t)
	return res, t, err
}

func (r *Router) resolve(addr, sender string, t *trace) (Result, error) {
	p, ok := r.part(addr)
	if !ok {
		return Result{
			Class: Invalid, Transport: "error", Nexthop: "5.1.3 Bad recipient address syntax", Rule: "address syntax",
			Recipient: addr,
		}, nil
	}
	d, err := r.classify(p.domain, t)
	if err != nil {
		return Result{}, fmt.Errorf("resolve %s: %w", addr, err)
	}
	w, err := r.way(d, p, sender, t)
	if err != nil {
		return Result{}, fmt.Errorf("resolve %s: %w", addr, err)
	}
	return Result{
		Class: d.class, Transport: w.transport, Nexthop: w.nexthop, Rule: w.rule,
		Recipient:  smtp.JoinAddress(p.local, p.domain),
		Mailbox:    r.mailbox(p, w.transport),
		Authorized: d.class != Default && !routed(p.local, d.class) || strings.EqualFold(addr, "postmaster"),
	}, nil
}

// way finds the transport and the next hop of p, whose domain is of row d.
func (r *Router) way(d *domainClass, p parted, sender string, t *trace) (way, error) {
	w, err := d.way, error(nil)
	t.note(w.rule, w.transport, ":", w.nexthop)
	if d.class == Default {
		w, err = r.defaultWay(w, sender, t)
	}
	if err == nil && (d.class == Default || d.class == Relay) {
		w, err = r.relayed(w, sender, t)
	}
	if err == nil && !d.fixed {
		w, err = r.recipientWay(w, p, t)
	}
	if err == nil {
		w, err = r.moved(w, d, p, t)
	}
	if w.nexthop == "" && !w.inner() {
		w.nexthop = p.domain
	}
	return w, err
}

// mailbox names what deliveries to p contend for, by the transports that
// deliver to mailboxes.
func (r *Router) mailbox(p parted, transport string) string {
	base, _ := SplitExtension(strings.ToLower(p.local), r.delimiters)
	switch transport {
	case "local":
		return base
	case "virtual":
		return base + "@" + p.domain
	}
	return ""
}

// classify returns the row that domain, in lower case, belongs to.
func (r *Router) classify(domain string, t *trace) (*domainClass, error) {
	if ip, ok := smtp.ParseLiteral(domain); ok {
		for _, ours := range []struct {
			name string
			has  func(netip.Addr) bool
		}{{config.InetInterfaces.Name, r.own}, {config.ProxyInterfaces.Name, r.proxied}} {
			if ours.has(ip.Unmap()) {
				t.note(ours.name, "has ", domain)
				return &r.classes[0], nil
			}
		}
	}
	for i := range r.classes {
		d := &r.classes[i]
		ours, err := d.domains.Domain(domain)
		if err != nil {
			return nil, err
		}
		if ours {
			t.note(d.list, "has ", domain)
			return d, nil
		}
		t.note(d.list, "does not have ", domain)
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
	if _, literal := smtp.ParseLiteral(p.domain); literal {
		return p, p.local != ""
	}
	// Postfix: an address without brackets is no domain.
	_, err := netip.ParseAddr(p.domain)
	return p, p.local != "" && err != nil && smtp.ValidDomain(p.domain)
}

// routed tells whether a local part names another destination, in the hope
// that some host on the way forwards to it.
func routed(local string, class Class) bool {
	return strings.Contains(local, "@") || class == Relay && strings.ContainsAny(local, "%!")
}
