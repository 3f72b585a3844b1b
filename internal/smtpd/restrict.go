package smtpd

import (
	"fmt"
	"slices"
	"strings"

	"yubin/internal/config"
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
	// about is what a restriction that names nothing is about: what the stage is, or the
	// table that named the restriction.
	about  subject
	doubts doubts
	depth  int // of lists within lists
}

// doubts are refusals that count only when a list, or the request, comes to the end
// that they name; nil: none. The first of its kind counts.
type doubts struct {
	ifPermit *smtp.Reply // the request
	ifReject *smtp.Reply // the list
}

// putOff notes a refusal that is in doubt.
func putOff(at **smtp.Reply, v verdict) verdict {
	if *at == nil {
		*at = &v.reply
	}
	return verdict{}
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

// check asks the rules of one or more stages about one request. recipient is a
// domain at ETRN.
func (s *session) check(recipient string, at ...stage) (r smtp.Reply, refused bool) {
	q := &query{s: s, recipient: recipient, doubts: s.doubts}
	if slices.Contains(at, stageEtrn) {
		q.recipient, q.site = "", recipient
	}
	if q.discarded() {
		return r, false
	}
	if s.inTransaction() {
		q.doubts = s.msg.doubts
	}
	for _, q.stage = range at {
		q.about, q.doubts.ifReject = subjects[q.stage], nil
		v := q.ask(s.srv.p().rules[q.stage])
		switch {
		case q.discarded():
			return r, false
		case v.action != refuse:
			v = s.unlisted(q)
		}
		if v.action == refuse {
			return s.refused(q, v), true
		}
	}
	return s.undoubted(q)
}

// undoubted ends a request that nothing refuses. What comes before RCPT keeps its
// doubts for that.
func (s *session) undoubted(q *query) (r smtp.Reply, refused bool) {
	switch {
	case q.stage < stageSender:
		s.doubts = q.doubts
	case q.stage == stageSender:
		s.msg.doubts = q.doubts
	case q.doubts.ifPermit != nil:
		return s.refused(q, verdict{refuse, *q.doubts.ifPermit}), true
	}
	return r, false
}

// maxDepth bounds lists that name each other.
const maxDepth = 100

// ask asks rules in turn; the first that knows an answer counts.
func (q *query) ask(rules []rule) verdict {
	if q.depth++; q.depth > maxDepth {
		q.s.srv.log.Warn("restrictions at %s: classes or access tables name each other without end", q.s.where)
		return verdict{refuse, misconfigured}
	}
	defer func() { q.depth-- }()
	for _, rule := range rules {
		before := q.doubts
		v := rule.ask(q)
		if rule.warn {
			v = q.warned(before, v)
		}
		if v.action != dunno {
			return v
		}
	}
	return verdict{}
}

// warned logs what a rule behind warn_if_reject would refuse, or have in doubt.
func (q *query) warned(before doubts, v verdict) verdict {
	for _, pair := range [...]struct{ had, has *smtp.Reply }{
		{before.ifPermit, q.doubts.ifPermit}, {before.ifReject, q.doubts.ifReject},
	} {
		if pair.has != pair.had {
			q.s.logRecipient("reject_warning", q.s.where, *pair.has, q.recipient)
		}
	}
	q.doubts = before
	if v.action != refuse {
		return v
	}
	q.s.logRecipient("reject_warning", q.s.where, v.reply, q.recipient)
	return verdict{}
}

// unlisted asks whether the address exists, when the lists have let it pass.
func (s *session) unlisted(q *query) verdict {
	switch {
	case s.srv.p().override.Unchecked:
	case q.stage == stageRecipient && s.srv.p().unlistedRecipient:
		return rejectUnlisted(q, aboutRecipient)
	case q.stage == stageSender && s.srv.p().unlistedSender:
		return rejectUnlisted(q, aboutSender)
	}
	return verdict{}
}

// refused is the reply to a refused request. One for good waits for what is in doubt.
func (s *session) refused(q *query, v verdict) smtp.Reply {
	if v.reply.Code >= 500 && q.doubts.ifReject != nil {
		v.reply = *q.doubts.ifReject
	}
	s.errors++
	s.ruled = troubleOfRule(v.reply)
	s.logRecipient("reject", s.where, v.reply, q.recipient)
	return v.reply
}
