package rewrite

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"yubin/internal/addrmap"
	"yubin/internal/config"
	"yubin/internal/queue"
	"yubin/internal/route"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// maxRecipients bounds what the recipients of one message become: virtual aliases
// multiply what a client may say.
const maxRecipients = 100_000

// Options are what is not done to every message alike.
type Options struct {
	Copies   bool // always_bcc and its like: it is new, not a forward or a notice
	Unmapped bool // no_address_mappings: addresses are completed alone
}

// NoNotice are the attributes of an automatic copy, of which the sender hears nothing. They are
// shared: nobody changes them.
var NoNotice = map[string]string{queue.AttrNotify: smtp.NotifyNever.String()}

// Envelope gives an envelope the addresses that the message goes on with. A
// recipient keeps its attributes, and so does each that it becomes (RFC 3461,
// 5.2.7.3; see expands); Original is what the sender has given. Those whose aliases have been
// applied, and members of an expansion, stay. The error is an *Error, and leaves env as it was.
func (r *Rewriter) Envelope(env *queue.Envelope, o Options) error { return r.envelope(env, o, nil) }

func (r *Rewriter) envelope(env *queue.Envelope, o Options, t *trace) error {
	e := edition{Rewriter: r, o: o, t: t, list: make([]queue.Recipient, 0, len(env.Recipients))}
	sender, err := e.address(envelopeSender, env.Sender)
	if err != nil {
		return err
	}
	for i := range env.Recipients {
		if err := e.recipient(&env.Recipients[i]); err != nil {
			return err
		}
	}
	if o.Copies && !o.Unmapped {
		if err := e.copies(sender); err != nil {
			return err
		}
	}
	env.Sender, env.Recipients = sender, append(e.list, e.expanded...)
	return nil
}

// An edition is an envelope in the making.
type edition struct {
	*Rewriter
	o    Options
	t    *trace
	list []queue.Recipient
	seen map[pair]bool // nil as long as there is one recipient
	bcc  []string
	// expanded are aliases of several addresses whose sender wants to hear of
	// success.
	expanded []queue.Recipient
}

// A pair is what makes a recipient another one: addresses in lower case.
type pair struct {
	original, address string
	member            string
	exact             bool
}

// address is addr completed and, unless that is left out, mapped.
func (e *edition) address(is class, addr string) (string, error) {
	whole := e.Complete(addr)
	if whole != addr {
		e.t.note("completed", addr, " is ", whole)
	}
	if e.o.Unmapped {
		return whole, nil
	}
	return e.mapped(is, whole, e.t)
}

// recipient adds what a recipient becomes.
func (e *edition) recipient(r *queue.Recipient) error {
	given := r.Address
	if r.Original != "" {
		given = r.Original
	}
	if r.Exact || r.Member != "" { // local(8) finds it again by its address
		return e.add(*r, given)
	}
	addr, err := e.address(envelopeRecipient, r.Address)
	if err != nil {
		return err
	}
	if e.o.Copies && !e.o.Unmapped {
		if err := e.find(e.rcBcc, addr); err != nil {
			return err
		}
	}
	return e.aliases(addr, given, r.Attrs)
}

// aliases adds what an address becomes by virtual aliases.
func (e *edition) aliases(addr, given string, attrs map[string]string) error {
	list := []string{addr}
	if !e.o.Unmapped {
		var err error
		if list, err = e.expand(addr, e.t); err != nil {
			return err
		}
	}
	if len(list) > 1 {
		attrs = e.expands(addr, given, attrs)
	}
	for _, a := range list {
		if err := e.add(queue.Recipient{Address: a, Attrs: attrs}, given); err != nil {
			return err
		}
	}
	return nil
}

// expands notes an alias of several addresses of which the sender wants to hear,
// and returns what goes on to those: success is the alias's (RFC 3461, 5.2.7.3).
func (e *edition) expands(addr, given string, attrs map[string]string) map[string]string {
	n, err := smtp.ParseNotify(attrs[queue.AttrNotify])
	if err != nil || n&smtp.NotifySuccess == 0 {
		return attrs
	}
	alias := queue.Recipient{Address: addr, Attrs: maps.Clone(attrs)}
	if e.original && given != addr {
		alias.Original = given
	}
	alias.Attrs[queue.AttrExpanded] = "yes"
	e.expanded = append(e.expanded, alias)
	attrs = maps.Clone(attrs)
	attrs[queue.AttrNotify] = n.WithoutSuccess().String()
	return attrs
}

// add adds a recipient, unless it is there.
func (e *edition) add(r queue.Recipient, given string) error {
	r.Original = ""
	if e.original && given != r.Address {
		r.Original = given
	}
	switch {
	case len(e.list) == 0:
	case len(e.list) >= maxRecipients:
		return &Error{Addr: given, Expansion: true, Err: fmt.Errorf("more than %d recipients", maxRecipients)}
	case e.seen == nil:
		e.seen = map[pair]bool{}
		for i := range e.list {
			e.seen[e.pair(&e.list[i])] = true
		}
	}
	if e.seen != nil {
		p := e.pair(&r)
		if e.seen[p] {
			return nil
		}
		e.seen[p] = true
	}
	e.list = append(e.list, r)
	return nil
}

func (e *edition) pair(r *queue.Recipient) pair {
	p := pair{address: strings.ToLower(r.Address), member: r.Member, exact: r.Exact}
	if e.original {
		p.original = p.address
		if r.Original != "" {
			p.original = strings.ToLower(e.Complete(r.Original))
		}
	}
	return p
}

// find notes who gets a copy because a table has addr.
func (e *edition) find(m *addrmap.Map, addr string) error {
	to, hit, err := m.Lookup(addr)
	if err != nil {
		return &Error{Addr: addr, Err: err}
	}
	if len(to) > 0 {
		e.t.hit(hit)
		for _, a := range to {
			if !slices.Contains(e.bcc, a) {
				e.bcc = append(e.bcc, a)
			}
		}
	}
	return nil
}

// copies adds those who get automatic copies.
func (e *edition) copies(sender string) error {
	if err := e.find(e.senderBcc, sender); err != nil {
		return err
	}
	if e.always != "" {
		e.t.note(config.AlwaysBcc.Name, e.always)
		e.bcc = append(e.bcc, e.always)
	}
	for _, given := range e.bcc {
		given = e.Complete(given)
		addr, err := e.address(envelopeRecipient, given)
		if err == nil {
			err = e.aliases(addr, given, NoNotice)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A trace takes down what rules say, unless it is nil.
type trace []route.Step

func (t *trace) note(rule string, said ...string) {
	if t != nil {
		*t = append(*t, route.Step{Rule: rule, Said: strings.Join(said, "")})
	}
}

func (t *trace) hit(h addrmap.Hit) {
	if t != nil {
		t.note(h.Parameter+" "+table.WithLine(h.Table, h.Key, false)+": "+h.Key, h.Value)
	}
}

// Explain is Envelope for one recipient that also returns what has had a say, in
// order.
func (r *Rewriter) Explain(sender, addr string, o Options) (*queue.Envelope, []route.Step, error) {
	var t trace
	env := &queue.Envelope{Sender: sender, Recipients: []queue.Recipient{{Address: addr}}}
	err := r.envelope(env, o, &t)
	return env, t, err
}
