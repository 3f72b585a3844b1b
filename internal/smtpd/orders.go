package smtpd

import (
	"slices"
	"strings"

	"yubin/internal/access"
	"yubin/internal/header"
	"yubin/internal/queue"
	"yubin/internal/rewrite"
)

// orders are what access tables say of a message beside whether it may come: access(5).
type orders struct {
	filter   string   // transport:nexthop in place of content_filter
	redirect string   // the one recipient in place of all
	copies   []string // further recipients
	fields   []string // header fields in front of all others
	discard  bool     // it is taken, and forgotten
	hold     bool     // it is put on hold
	octets   int      // of what has been added
}

// given returns the orders that a restriction adds to: those of the message at hand,
// or of all messages of the session.
func (q *query) given() *orders {
	if q.s.inTransaction() {
		return &q.s.msg.orders
	}
	return &q.s.orders
}

// discarded tells whether nothing more is to be asked of a message: nobody gets it.
func (q *query) discarded() bool { return q.site == "" && q.given().discard }

// clone is o for a message: what it adds is its own.
func (o orders) clone() orders {
	o.copies, o.fields = slices.Clone(o.copies), slices.Clone(o.fields)
	return o
}

// order notes what an action asks for. It returns false where that makes no sense, or
// comes too late: the envelope is written before the content.
func (q *query) order(act access.Action, nexthop string) bool {
	o := q.given()
	if q.site != "" { // ETRN is about no message
		o = &orders{}
	}
	if q.stage >= stageEndOfData && act.Kind != access.Discard {
		return false
	}
	// A client may say EHLO for ever, and each may add something.
	if o.octets += len(act.Text); o.octets > maxOrders {
		return false
	}
	switch act.Kind {
	case access.Filter:
		full, err := rewrite.FilterOf(act.Text, nexthop)
		if err != nil || !strings.Contains(act.Text, ":") {
			return false
		}
		o.filter = full
	case access.Redirect, access.BCC:
		list, err := header.ParseAddressList(act.Text)
		if err != nil || len(list) != 1 || !strings.Contains(list[0].Addr, "@") {
			return false
		}
		if act.Kind == access.Redirect {
			o.redirect = list[0].Addr
		} else if !slices.Contains(o.copies, list[0].Addr) {
			o.copies = append(o.copies, list[0].Addr)
		}
	case access.Hold:
		o.hold = true
	case access.Discard:
		o.discard = true
	case access.Prepend:
		field, ok := cleanField(act.Text)
		if !ok {
			return false
		}
		o.fields = append(o.fields, field)
	}
	return true
}

// maxOrders bounds the texts that are kept of a message, or a session, in octets.
const maxOrders = 4 << 20

// maxPrepended bounds a field of a table, whose pattern may have put a client's text
// into it.
const maxPrepended = 2000

// cleanField is a header field in one line, if text is one.
func cleanField(text string) (string, bool) {
	name, _, ok := strings.Cut(text, ":")
	valid := ok && name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' })
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return ' '
		}
		return r
	}, text), valid && len(text) <= maxPrepended
}

// contentFilter is where the message goes first; "": where its recipients are.
func (s *session) contentFilter() string {
	switch {
	case s.srv.local: // pickup(8) decides
		return ""
	case s.msg.orders.redirect != "": // it overrides all else
		return ""
	case s.msg.orders.filter != "":
		return s.msg.orders.filter
	}
	return s.srv.p().filter
}

// withCopies are the recipients and those whom restrictions have added: for them
// nobody gets a notice.
func (s *session) withCopies() []queue.Recipient {
	list := s.msg.recipients
	for _, addr := range s.msg.orders.copies {
		list = append(list[:len(list):len(list)], queue.Recipient{Address: s.complete(addr), Attrs: rewrite.NoNotice})
	}
	return list
}

// redirected puts one recipient into the place of all. Notices go on about the first.
func (s *session) redirected(env *queue.Envelope) {
	if to := s.msg.orders.redirect; to != "" {
		first := s.msg.recipients[0]
		env.Recipients = []queue.Recipient{{Address: s.complete(to), Original: first.Original, Attrs: first.Attrs}}
	}
}

// prepended are the fields in front of our own.
func (s *session) prepended() string {
	var b strings.Builder
	for _, f := range s.msg.orders.fields {
		b.WriteString(f + "\n")
	}
	return b.String()
}
