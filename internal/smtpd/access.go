package smtpd

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"yubin/internal/access"
	"yubin/internal/config"
	"yubin/internal/route"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// An accessTable is an access(5) table and how it is asked.
type accessTable struct {
	k          *compiler
	t          table.Table
	spec       string // type:name
	what       subject
	parents    string // what stands before a parent domain: "" or "."
	delimiters string
	null       string // the key of the null sender
	nexthop    string // of FILTER without one
	rejectCode int
	deferCode  int
}

func checkAccess(what subject) func(*compiler, string) (func(*query) verdict, error) {
	return func(k *compiler, spec string) (func(*query) verdict, error) {
		a, err := openAccess(k, spec, what)
		if err != nil {
			return nil, err
		}
		return a.ask, nil
	}
}

// checkUser asks a table for the user who has logged in.
func checkUser(k *compiler, spec string) (func(*query) verdict, error) {
	a, err := openAccess(k, spec, aboutClient)
	if err != nil {
		return nil, err
	}
	return func(q *query) verdict {
		if q.s.user() == "" {
			return verdict{}
		}
		return a.find(q, [][]string{{q.s.user()}})
	}, nil
}

func openAccess(k *compiler, spec string, what subject) (*accessTable, error) {
	t, err := table.Open(spec, table.Report(func(p config.Problem) { k.log.Warn("%v", p) }), table.Site(k.c))
	if err != nil {
		return nil, err
	}
	a := readActions(k)
	a.t, a.spec, a.what, a.parents = t, spec, what, "."
	a.delimiters, a.null = config.RecipientDelimiter.Of(k.c), config.SmtpdNullAccessLookupKey.Of(k.c)
	if slices.Contains(config.ParentDomainMatchesSubdomains.Of(k.c), "smtpd_access_maps") {
		a.parents = ""
	}
	return &a, nil
}

// readActions reads what actions need.
func readActions(k *compiler) accessTable {
	return accessTable{
		k: k, nexthop: config.DefaultFilterNexthop.Of(k.c),
		rejectCode: config.AccessMapRejectCode.Of(k.c), deferCode: config.AccessMapDeferCode.Of(k.c),
	}
}

func (a *accessTable) ask(q *query) verdict { return a.find(q, a.keys(q)) }

func (a *accessTable) find(q *query, keys [][]string) verdict {
	for _, group := range keys {
		switch value, found, err := table.First(a.t, group); {
		case err != nil:
			return q.unsure(a.what, err)
		case found:
			return a.verdict(q, value)
		}
	}
	return verdict{}
}

// keys are what the table is asked for, in order: access(5). The first of each
// group is the whole of something, the others are parts of it.
func (a *accessTable) keys(q *query) [][]string {
	switch a.what {
	case aboutClient:
		return [][]string{a.domainKeys(q.s.client().known()), addressKeys(q.s.peer.ip)}
	case aboutReverse:
		return [][]string{a.domainKeys(q.s.client().reversed())}
	case aboutHelo:
		return [][]string{a.domainKeys(q.s.helo)}
	case aboutCcert:
		var keys [][]string
		for _, f := range q.s.fingerprints() {
			keys = append(keys, []string{f})
		}
		return keys
	case aboutEtrn:
		return [][]string{a.domainKeys(q.site)}
	case aboutSender:
		if !q.s.inTransaction() {
			return nil
		}
		if q.s.msg.original == "" {
			return [][]string{{a.null}}
		}
	}
	addr := q.name(a.what)
	if addr == "" {
		return nil
	}
	return [][]string{a.mailKeys(addr)}
}

// mailKeys are user+ext@domain, user@domain, domain, parents, user+ext@, user@.
func (a *accessTable) mailKeys(addr string) []string {
	local, domain := smtp.SplitAddress(addr)
	locals := []string{local}
	if base, _ := route.SplitExtension(local, a.delimiters); base != local {
		locals = append(locals, base)
	}
	var keys []string
	if domain != "" {
		for _, l := range locals {
			keys = append(keys, l+"@"+domain)
		}
		keys = append(keys, a.domainKeys(domain)...)
	}
	for _, l := range locals {
		keys = append(keys, l+"@")
	}
	return keys
}

// domainKeys are a name and the domains above it.
func (a *accessTable) domainKeys(name string) []string {
	if name == "" {
		return nil
	}
	return route.Domains(name, a.parents)
}

// addressKeys are an address and the networks above it, at octets (IPv4) or
// groups (IPv6).
func addressKeys(ip netip.Addr) []string {
	if !ip.IsValid() {
		return nil
	}
	sep := "."
	if ip.Is6() {
		sep = ":"
	}
	var keys []string
	for text := ip.String(); ; {
		if text != "" && !strings.HasSuffix(text, sep) {
			keys = append(keys, text)
		}
		i := strings.LastIndex(text, sep)
		if i < 0 {
			return keys
		}
		text = text[:i]
	}
}

// verdict does what a table says.
func (a *accessTable) verdict(q *query, value string) verdict {
	act := access.Parse(value, a.k.known)
	switch act.Kind {
	case access.Permit:
		return verdict{action: permit}
	case access.Dunno:
		return verdict{}
	case access.Reject:
		return a.refuse(q, cmp.Or(act.Code, a.rejectCode), act.Text, "Access denied")
	case access.Defer:
		return a.refuse(q, a.deferCode, act.Text, "Access denied")
	case access.DeferIfPermit:
		return putOff(&q.doubts.ifPermit, a.refuse(q, a.deferCode, act.Text, "Service unavailable"))
	case access.DeferIfReject:
		return putOff(&q.doubts.ifReject, a.refuse(q, a.deferCode, act.Text, "Service unavailable"))
	case access.List:
		return a.list(q, act.Words)
	case access.Info, access.Warn:
		q.s.logAction(saying[act.Kind], q.s.where, act.Text, q.recipient, 0)
		return verdict{}
	case access.Filter, access.Redirect, access.BCC, access.Prepend, access.Discard, access.Hold:
		if q.order(act, a.nexthop) {
			return a.ordered(q, act)
		}
	}
	// Guessing what was meant could let in or lose mail.
	q.s.srv.log.Warn("access table %s of %s: action %q is not known or not supported here", a.spec, classes[a.what], value)
	return verdict{refuse, misconfigured}
}

// saying are the words in the log of actions that do nothing else.
var saying = map[access.Kind]string{access.Info: "info", access.Warn: "warn"}

// ordered says in the log what becomes of a message, and goes on.
func (a *accessTable) ordered(q *query, act access.Action) verdict {
	switch act.Kind {
	case access.Filter:
		a.log(q, "filter", "triggers FILTER "+act.Text)
	case access.Redirect:
		a.log(q, "redirect", "triggers REDIRECT "+act.Text)
	case access.BCC:
		a.log(q, "bcc", "triggers BCC "+act.Text)
	case access.Hold:
		a.log(q, "hold", cmp.Or(act.Text, "triggers HOLD action"))
	case access.Discard:
		a.log(q, "discard", cmp.Or(act.Text, "triggers DISCARD action"))
		return verdict{action: permit}
	}
	return verdict{}
}

// list asks the restrictions that an action names.
func (a *accessTable) list(q *query, words []string) verdict {
	rules, err := a.k.said(words)
	if err != nil {
		q.s.srv.log.Warn("access table %s: %v", a.spec, err)
		return verdict{refuse, misconfigured}
	}
	about := q.about
	defer func() { q.about = about }()
	q.about = a.what
	return q.ask(rules)
}

func (a *accessTable) log(q *query, action, text string) {
	q.s.logAction(action, q.s.where, "<"+q.name(a.what)+">: "+classes[a.what]+" "+text, q.recipient, 0)
}

// misconfigured is the refusal where it is not known what the administrator wants.
var misconfigured = smtp.Reply{Code: 451, Detail: smtp.Detail{Subject: 3, Detail: 5}, Text: "Server configuration error"}

// refuse is a refusal in the words of the table.
func (a *accessTable) refuse(q *query, code int, text, otherwise string) verdict {
	d, text := leadingCode(text, code/100, smtp.NotAuthorized)
	return q.rejected(a.what, code, fitting(a.what, d), cmp.Or(text, otherwise))
}

// Details of addresses (RFC 3463, 3.2) say whose address is meant: those of a
// recipient's stand for those of a sender's, and back.
var (
	ofSender    = map[uint16]uint16{1: 7, 2: 8, 3: 7, 4: 7, 5: 0, 6: 7}
	ofRecipient = map[uint16]uint16{7: 3, 8: 2}
)

// fitting is a detail for what is refused: a table may be asked about several things.
func fitting(what subject, d smtp.Detail) smtp.Detail {
	if d.Subject != 1 {
		return d
	}
	of := ofRecipient
	switch what {
	case aboutSender:
		of = ofSender
	case aboutRecipient:
	default:
		return smtp.Detail{}
	}
	if other, ok := of[d.Detail]; ok {
		d.Detail = other
	}
	return d
}

// leadingCode takes an enhanced status code off the front of a text. It counts
// if its class is that of the reply (RFC 2034, 4).
func leadingCode(text string, class int, otherwise smtp.Detail) (smtp.Detail, string) {
	first, rest := cutWord(text)
	c, d, ok := smtp.ParseCode(first)
	if !ok {
		return otherwise, text
	}
	if c != class {
		d = otherwise
	}
	return d, rest
}
