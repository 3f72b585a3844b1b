package smtpd

import (
	"fmt"
	"slices"
	"strings"

	"yubin/internal/access"
	"yubin/internal/config"
	"yubin/internal/route"
	"yubin/internal/smtp"
)

// A keyword is a restriction that main.cf may name.
type keyword struct {
	name    string
	operand string // what follows; "": nothing
	closes  bool   // no stranger's mail for elsewhere gets past it
	build   func(k *compiler, arg string) (func(*query) verdict, error)
}

// aTable is the operand of most.
const aTable = "a table type:name"

// keywords are the restrictions. Those of Postfix that are missing need DNS lists or
// probes of addresses, which smtpd does not have yet.
var keywords []keyword

// Tables are among them, whose actions name them: no variable can begin so.
func init() {
	keywords = []keyword{
		{name: "permit", build: plain(func(*query) verdict { return verdict{action: permit} })},
		{name: "reject", closes: true, build: rejectAll(config.RejectCode, smtp.NotAuthorized, "Access denied")},
		{name: "defer", closes: true, build: rejectAll(config.DeferCode, smtp.SystemShutdown, "Try again later")},
		{name: "defer_if_permit", build: doubtful("defer_if_permit", func(q *query) **smtp.Reply { return &q.doubts.ifPermit })},
		{name: "defer_if_reject", build: doubtful("defer_if_reject", func(q *query) **smtp.Reply { return &q.doubts.ifReject })},
		{name: "permit_mynetworks", build: plain(permitNetworks)},
		{name: "permit_inet_interfaces", build: permitInterfaces},
		{name: "permit_sasl_authenticated", build: plain(permitLogin)},
		{name: "permit_tls_clientcerts", build: plain(permitCertificates)},
		{name: "permit_tls_all_clientcerts", build: plain(permitVerified)},
		{name: "permit_auth_destination", build: plain(permitDestination)},
		{name: "reject_unauth_destination", closes: true, build: relayDenied(config.RelayDomainsRejectCode)},
		{name: "defer_unauth_destination", closes: true, build: relayDeferred},
		{name: "reject_plaintext_session", build: rejectPlaintext},
		{name: "reject_sender_login_mismatch", build: rejectMismatch(mismatch{loggedIn: true, strangers: true})},
		{name: "reject_authenticated_sender_login_mismatch", build: rejectMismatch(mismatch{loggedIn: true})},
		{name: "reject_unauthenticated_sender_login_mismatch", build: rejectMismatch(mismatch{strangers: true})},
		{name: "reject_known_sender_login_mismatch", build: rejectMismatch(mismatch{loggedIn: true, strangers: true, known: true})},
		{name: "reject_unauth_pipelining", build: plain(pass)}, // smtpd_forbid_unauth_pipelining is for everybody
		{name: "reject_unlisted_recipient", build: about(aboutRecipient, rejectUnlisted)},
		{name: "check_recipient_maps", build: about(aboutRecipient, rejectUnlisted)}, // its old name
		{name: "reject_unlisted_sender", build: about(aboutSender, rejectUnlisted)},
		{name: "reject_invalid_helo_hostname", build: rejectInvalidHelo},
		{name: "reject_invalid_hostname", build: rejectInvalidHelo}, // its old name
		{name: "reject_non_fqdn_helo_hostname", build: rejectBareHelo},
		{name: "reject_non_fqdn_hostname", build: rejectBareHelo}, // its old name
		{name: "reject_non_fqdn_sender", build: rejectBareAddress(aboutSender)},
		{name: "reject_non_fqdn_recipient", build: rejectBareAddress(aboutRecipient)},
		{name: "reject_multi_recipient_bounce", build: rejectBounces},
		{name: "reject_unknown_client_hostname", build: rejectNameless},
		{name: "reject_unknown_client", build: rejectNameless}, // its old name
		{name: "reject_unknown_reverse_client_hostname", build: rejectNoReverse},
		{name: "check_reverse_client_hostname_access", operand: aTable, build: checkAccess(aboutReverse)},
		{name: "check_client_access", operand: aTable, build: checkAccess(aboutClient)},
		{name: "check_ccert_access", operand: aTable, build: checkAccess(aboutCcert)},
		{name: "check_helo_access", operand: aTable, build: checkAccess(aboutHelo)},
		{name: "check_sender_access", operand: aTable, build: checkAccess(aboutSender)},
		{name: "check_recipient_access", operand: aTable, build: checkAccess(aboutRecipient)},
		{name: "check_etrn_access", operand: aTable, build: checkAccess(aboutEtrn)},
		{name: "check_sasl_access", operand: aTable, build: checkUser},
		{name: "check_policy_service", operand: "a policy server inet:host:port or unix:path", build: checkPolicy},
	}
}

// lookUp finds the restriction of that name.
func lookUp(name string) (*keyword, error) {
	folded := strings.ToLower(name)
	i := slices.IndexFunc(keywords, func(k keyword) bool { return k.name == folded })
	if i < 0 {
		var known []string
		for _, k := range keywords {
			known = append(known, k.name)
		}
		return nil, fmt.Errorf("restriction %q is not known or not supported yet, want a name in smtpd_restriction_classes, %s, %s",
			name, access.WarnIfReject, strings.Join(known, ", "))
	}
	return &keywords[i], nil
}

// plain is a restriction without parameters.
func plain(ask func(*query) verdict) func(*compiler, string) (func(*query) verdict, error) {
	return func(*compiler, string) (func(*query) verdict, error) { return ask, nil }
}

func about(what subject, ask func(*query, subject) verdict) func(*compiler, string) (func(*query) verdict, error) {
	return plain(func(q *query) verdict { return ask(q, what) })
}

func pass(*query) verdict { return verdict{} }

func rejectAll(code config.Int, d smtp.Detail, why string) func(*compiler, string) (func(*query) verdict, error) {
	return func(k *compiler, _ string) (func(*query) verdict, error) {
		n := code.Of(k.c)
		return func(q *query) verdict { return q.rejected(q.about, n, d, why) }, nil
	}
}

// doubtful is a restriction that has the request put off if it comes to an end.
func doubtful(name string, at func(*query) **smtp.Reply) func(*compiler, string) (func(*query) verdict, error) {
	return plain(func(q *query) verdict {
		return putOff(at(q), q.rejected(q.about, 450, smtp.Detail{Subject: 7}, name+" requested"))
	})
}

func permitNetworks(q *query) verdict {
	switch ours, err := q.s.listed(q.s.srv.networks); {
	case err != nil:
		return q.unsure(aboutClient, err)
	case ours:
		return verdict{action: permit}
	}
	return verdict{}
}

// permitInterfaces permits clients that are this host.
func permitInterfaces(k *compiler, _ string) (func(*query) verdict, error) {
	own := route.OwnAddresses(config.InetInterfaces.Of(k.c))
	return func(q *query) verdict {
		if own(q.s.peer.ip) {
			return verdict{action: permit}
		}
		return verdict{}
	}, nil
}

func permitDestination(q *query) verdict {
	if q.recipient == "" {
		return verdict{}
	}
	switch r, err := q.resolve(); {
	case err != nil:
		return q.unsure(aboutRecipient, err)
	case r.Authorized:
		return verdict{action: permit}
	}
	return verdict{}
}

func relayDenied(code config.Int) func(*compiler, string) (func(*query) verdict, error) {
	return func(k *compiler, _ string) (func(*query) verdict, error) { return denyRelay(code.Of(k.c)), nil }
}

func relayDeferred(*compiler, string) (func(*query) verdict, error) { return denyRelay(454), nil }

func denyRelay(code int) func(*query) verdict {
	return func(q *query) verdict {
		if q.recipient == "" {
			return verdict{}
		}
		switch r, err := q.resolve(); {
		case err != nil:
			return q.unsure(aboutRecipient, err)
		case r.Authorized:
			return verdict{}
		}
		return verdict{refuse, smtp.Reply{
			Code: code, Detail: smtp.NotAuthorized, Text: "<" + q.recipient + ">: Relay access denied",
		}}
	}
}

// rejectUnlisted refuses addresses in our domains that nobody has, and those
// that routing sends back: a notice later would only hit who was forged.
func rejectUnlisted(q *query, what subject) verdict {
	addr := q.name(what)
	if addr == "" {
		return verdict{}
	}
	addr = q.s.resolvable(addr)
	switch known, err := q.s.srv.rewrite.Known(addr, what == aboutSender); {
	case err != nil:
		return q.unsure(what, err)
	case known:
		return verdict{}
	}
	res, err := q.s.srv.router.Resolve(addr, q.s.msg.sender)
	switch {
	case err != nil:
		return q.unsure(what, err)
	case res.Class == route.Alias:
		return q.unknownUser(what, route.AliasTable)
	case res.Transport == "error":
		return q.undeliverable(what, 550, res.Nexthop)
	case res.Transport == "retry":
		return q.undeliverable(what, 450, res.Nexthop)
	}
	exists, table, err := q.s.srv.router.Known(addr)
	switch {
	case err != nil:
		return q.unsure(what, err)
	case exists:
		return verdict{}
	}
	return q.unknownUser(what, table)
}

// undeliverable says what the transport error, or retry, would say.
func (q *query) undeliverable(what subject, code int, text string) verdict {
	d, text := leadingCode(text, code/100, noMailbox(what))
	if text == "" {
		text = "Address is undeliverable"
	}
	return q.rejected(what, code, d, text)
}

// noMailbox is the detail of "no such address".
func noMailbox(what subject) smtp.Detail {
	if what == aboutSender {
		return smtp.Detail{Subject: 1}
	}
	return smtp.BadMailbox
}

// unknownUser says that an address does not exist, in the words that senders'
// systems look for.
func (q *query) unknownUser(what subject, table string) verdict {
	p := q.s.srv.p()
	why := "User unknown"
	if p.showTable && table != "" {
		why += " in " + table
	}
	return q.rejected(what, p.unknownCode(table), noMailbox(what), why)
}

// rejectInvalidHelo refuses names that cannot be a host's.
func rejectInvalidHelo(k *compiler, _ string) (func(*query) verdict, error) {
	code := config.InvalidHostnameRejectCode.Of(k.c)
	return func(q *query) verdict {
		if q.s.helo == "" || validHost(q.s.helo) {
			return verdict{}
		}
		return q.rejected(aboutHelo, code, smtp.BadSyntax, "Invalid name")
	}, nil
}

// rejectBareHelo refuses names without a domain.
func rejectBareHelo(k *compiler, _ string) (func(*query) verdict, error) {
	code := config.NonFQDNRejectCode.Of(k.c)
	return func(q *query) verdict {
		if q.s.helo == "" || validHost(q.s.helo) && qualified(q.s.helo) {
			return verdict{}
		}
		return q.rejected(aboutHelo, code, smtp.BadSyntax, "need fully-qualified hostname")
	}, nil
}

func validHost(name string) bool {
	_, literal := smtp.ParseLiteral(name)
	return literal || smtp.ValidDomain(name)
}

// qualified tells whether a valid host name has a domain.
func qualified(host string) bool {
	return strings.Contains(host, ".") || strings.HasPrefix(host, "[")
}

func rejectBareAddress(what subject) func(*compiler, string) (func(*query) verdict, error) {
	return func(k *compiler, _ string) (func(*query) verdict, error) {
		code := config.NonFQDNRejectCode.Of(k.c)
		return func(q *query) verdict {
			addr := q.name(what)
			_, domain := smtp.SplitAddress(addr)
			if addr == "" || qualified(domain) || what == aboutRecipient && strings.EqualFold(addr, "postmaster") {
				return verdict{}
			}
			return q.rejected(what, code, smtp.BadSyntax, "need fully-qualified address")
		}, nil
	}
}

// rejectBounces refuses a notice to several recipients: no system makes one.
func rejectBounces(k *compiler, _ string) (func(*query) verdict, error) {
	return func(q *query) verdict {
		if !q.s.inTransaction() || q.s.msg.original != "" || len(q.s.msg.recipients) < 2 {
			return verdict{}
		}
		return q.rejected(q.about, 550, smtp.TooManyRecipients, "Multi-recipient bounce")
	}, nil
}
