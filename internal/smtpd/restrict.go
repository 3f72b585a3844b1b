package smtpd

import (
	"fmt"
	"strings"

	"yubin/internal/config"
	"yubin/internal/maillog"
	"yubin/internal/route"
	"yubin/internal/smtp"
)

// A stage is one list of restrictions.
type stage int

const (
	stageClient stage = iota
	stageHelo
	stageSender
	stageRelay
	stageRecipient
	stageData
	stageEndOfData
	stageEtrn
	stages
)

// lists are the parameters of the stages.
var lists = [stages]config.List{
	config.SmtpdClientRestrictions, config.SmtpdHeloRestrictions, config.SmtpdSenderRestrictions,
	config.SmtpdRelayRestrictions, config.SmtpdRecipientRestrictions,
	config.SmtpdDataRestrictions, config.SmtpdEndOfDataRestrictions, config.SmtpdEtrnRestrictions,
}

// subjects are what a stage is about: of whom a reply speaks that names
// nothing else.
var subjects = [stages]subject{
	aboutClient, aboutHelo, aboutSender, aboutRecipient, aboutRecipient, aboutData, aboutEndOfData, aboutEtrn,
}

// A subject is what a restriction looks at.
type subject int

const (
	aboutClient subject = iota
	aboutHelo
	aboutSender
	aboutRecipient
	aboutData
	aboutEndOfData
	aboutEtrn
	aboutCcert
	aboutReverse
)

// classes are the words of replies: the same as Postfix's, which people and
// programs search logs for.
var classes = [...]string{
	aboutClient: "Client host", aboutHelo: "Helo command", aboutSender: "Sender address",
	aboutRecipient: "Recipient address", aboutData: "Data command", aboutEndOfData: "End-of-data",
	aboutEtrn: "Etrn command", aboutCcert: "Client certificate", aboutReverse: "Unverified Client host",
}

// An action is what a rule says.
type action int

const (
	dunno  action = iota // the next rule is asked
	permit               // the list is done
	refuse               // the request is refused
)

// A verdict is the answer of one rule.
type verdict struct {
	action action
	reply  smtp.Reply
}

// A rule is one element of a restriction list.
type rule struct {
	ask  func(q *query) verdict
	warn bool // warn_if_reject: refusals are only logged
}

// A rulebook has the rules of every stage.
type rulebook [stages][]rule

// A query is one request as rules see it.
type query struct {
	s         *session
	stage     stage
	recipient string // "" outside of RCPT when there are several
	site      string // the domain of ETRN
	route     *route.Result
}

// resolve finds out, once, how the recipient is delivered.
func (q *query) resolve() (route.Result, error) {
	if q.route != nil {
		return *q.route, nil
	}
	r, err := q.s.srv.router.Resolve(q.s.resolvable(q.recipient), q.s.msg.sender)
	if err == nil {
		q.route = &r
	}
	return r, err
}

// resolvable is an address as routing wants it: completed, but for the postmaster
// whom every host has (RFC 5321, 4.5.1).
func (s *session) resolvable(addr string) string {
	if strings.EqualFold(addr, "postmaster") {
		return addr
	}
	return s.complete(addr)
}

// name is the text that stands for a subject in replies.
func (q *query) name(about subject) string {
	switch about {
	case aboutClient:
		return q.s.client().String()
	case aboutReverse:
		return q.s.client().reverse
	case aboutHelo:
		return q.s.helo
	case aboutSender:
		return q.s.msg.original
	case aboutRecipient:
		return q.recipient
	case aboutData:
		return "DATA"
	case aboutEtrn:
		return q.site
	case aboutCcert:
		if q.s.tls == nil {
			return ""
		}
		return q.s.tls.CertFingerprint
	}
	return "END-OF-MESSAGE"
}

// rejected is a refusal in the words that all of them have.
func (q *query) rejected(about subject, code int, d smtp.Detail, why string) verdict {
	return verdict{refuse, smtp.Reply{
		Code: code, Detail: d, Text: fmt.Sprintf("<%s>: %s rejected: %s", q.name(about), classes[about], why),
	}}
}

// unsure is the answer when a table cannot be asked: never "no such user".
func (q *query) unsure(about subject, err error) verdict {
	q.s.srv.log.Warn("%s of %v: %v", q.s.where, q.s.client(), err)
	return verdict{refuse, smtp.Reply{
		Code: 451, Detail: smtp.LocalProcessing, Text: fmt.Sprintf("<%s>: %s", q.name(about), lookupFailure),
	}}
}

// check asks the rules of one stage. recipient is a domain at ETRN.
func (s *session) check(at stage, recipient string) (r smtp.Reply, refused bool) {
	q := &query{s: s, stage: at, recipient: recipient}
	if at == stageEtrn {
		q.recipient, q.site = "", recipient
	}
	for _, rule := range s.srv.p().rules[at] {
		switch v := rule.ask(q); {
		case v.action == permit:
			return s.unlisted(q)
		case v.action == refuse && rule.warn:
			s.logRecipient("reject_warning", s.where, v.reply, q.recipient)
		case v.action == refuse:
			return s.refused(q, v), true
		}
	}
	return s.unlisted(q)
}

// unlisted asks whether the address exists, when the lists have let it pass.
func (s *session) unlisted(q *query) (r smtp.Reply, refused bool) {
	var v verdict
	switch {
	case s.srv.p().override.Unchecked:
	case q.stage == stageRecipient && s.srv.p().unlistedRecipient:
		v = rejectUnlisted(q, aboutRecipient)
	case q.stage == stageSender && s.srv.p().unlistedSender:
		v = rejectUnlisted(q, aboutSender)
	}
	if v.action != refuse {
		return r, false
	}
	return s.refused(q, v), true
}

func (s *session) refused(q *query, v verdict) smtp.Reply {
	s.errors++
	s.ruled = troubleOfRule(v.reply)
	s.logRecipient("reject", s.where, v.reply, q.recipient)
	return v.reply
}

// compileRules reads the restriction lists of c.
func compileRules(c *config.Config, log *maillog.Logger) (rulebook, error) {
	var book rulebook
	k := compiler{c: c, log: log}
	for at := range stages {
		k.relay = at == stageRelay || at == stageRecipient
		rules, err := k.list(lists[at].Of(c))
		if err != nil {
			return book, c.Fault(lists[at].Def, err.Error())
		}
		book[at] = rules
	}
	if !k.closed {
		// Postfix refuses to run then, too: the other way is an open relay.
		return book, c.Fault(lists[stageRelay].Def, "with "+lists[stageRecipient].Name+
			": want one of reject_unauth_destination, defer_unauth_destination, reject, defer; without it everybody may relay")
	}
	return book, nil
}

// A compiler turns words into rules.
type compiler struct {
	c      *config.Config
	log    *maillog.Logger
	closed bool          // a rule was met that ends relaying by strangers
	relay  bool          // the list at hand decides of that
	owners *senderOwners // nil until a restriction needs it
}

func (k *compiler) list(words []string) ([]rule, error) {
	var rules []rule
	warn := false
	for i := 0; i < len(words); i++ {
		if words[i] == "warn_if_reject" {
			warn = true
			continue
		}
		word, err := lookUp(words[i])
		if err != nil {
			return nil, err
		}
		arg := ""
		if word.table {
			if i++; i == len(words) || !strings.Contains(words[i], ":") {
				return nil, fmt.Errorf("%s: want a table type:name behind it", word.name)
			}
			arg = words[i]
		}
		ask, err := word.build(k, arg)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", word.name, err)
		}
		k.closed = k.closed || k.relay && word.closes && !warn
		rules = append(rules, rule{ask, warn})
		warn = false
	}
	if warn {
		return nil, fmt.Errorf("warn_if_reject: want a restriction behind it")
	}
	return rules, nil
}
