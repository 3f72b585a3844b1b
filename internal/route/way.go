package route

import (
	"fmt"
	"slices"
	"strings"

	"yubin/internal/config"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// A Step is one rule that was asked on the way to a Result, and what it said.
type Step struct{ Rule, Said string }

// A trace takes down what rules say, unless it is nil.
type trace []Step

func (t *trace) note(rule string, said ...string) {
	if t != nil {
		*t = append(*t, Step{rule, strings.Join(said, "")})
	}
}

// A way is a transport and a next hop, and the rule that chose them.
type way struct {
	transport, nexthop string
	rule               string
}

// inner tells whether qmgr itself does what the transport says. Its next hop
// is a text.
func (w way) inner() bool { return slices.Contains([]string{"error", "retry", "discard"}, w.transport) }

// overrides are the parameters that change what the class of a domain says.
type overrides struct {
	relayhost  string
	relayhosts bySender // sender_dependent_relayhost_maps
	transports bySender // sender_dependent_default_transport_maps
	recipients maps     // transport_maps
	parent     string   // what stands before a parent domain there: "" or "."
}

// maps is a parameter that holds tables.
type maps struct {
	name string
	*table.Maps
}

// bySender is tables that senders are the keys of.
type bySender struct {
	maps
	null string // the key of the null sender
}

// find asks for keys in turn, the first of which is the whole. rule is the name of the parameter, the table and
// the key.
func (m maps) find(keys []string, t *trace) (value, rule string, err error) {
	ask := m.Find // the first key is the whole, the others are parts of it
	for _, key := range keys {
		value, spec, found, err := ask(key)
		ask = m.FindPart
		if err != nil {
			return "", "", fmt.Errorf("look up %s in %s: %w", key, m.name, err)
		}
		if found {
			rule = m.name + " " + spec + ": " + key
			if t != nil {
				t.note(m.name+" "+table.WithLine(spec, key, false)+": "+key, value)
			}
			return strings.TrimSpace(value), rule, nil
		}
	}
	if t != nil {
		t.note(m.name, "nothing for ", strings.Join(keys, ", "))
	}
	return "", "", nil
}

// find asks for a sender; DUNNO, and nothing, leave the decision to the
// parameter that holds for all senders.
func (m bySender) find(r *Router, sender string, t *trace) (value, rule string, err error) {
	if m.Empty() {
		return "", "", nil
	}
	keys := []string{m.null}
	if sender != "" {
		p, _ := r.part(sender)
		keys = Keys(smtp.JoinAddress(p.local, p.domain), r.delimiters, false)
	}
	value, rule, err = m.maps.find(keys, t)
	if strings.EqualFold(value, "DUNNO") {
		return "", "", err
	}
	return value, rule, err
}

// defaultWay is w, that of default_transport, or what it is for a sender.
func (r *Router) defaultWay(w way, sender string, t *trace) (way, error) {
	value, rule, err := r.overrides.transports.find(r, sender, t)
	if value == "" || err != nil {
		return w, err
	}
	return w.changed(value, rule), nil
}

// relayed gives w, which leads to other hosts, the relayhost as its next hop if
// it has none.
func (r *Router) relayed(w way, sender string, t *trace) (way, error) {
	if w.nexthop != "" || w.inner() {
		return w, nil
	}
	host, rule, err := r.overrides.relayhosts.find(r, sender, t)
	if err != nil {
		return w, err
	}
	if host == "" && r.overrides.relayhost != "" {
		host, rule = r.overrides.relayhost, config.Relayhost.Name
		t.note(rule, host)
	}
	if host == "" {
		return w, nil
	}
	if strings.Contains(w.rule, " ") { // a table has chosen the transport
		rule = w.rule + ", " + rule
	}
	w.nexthop, w.rule = host, rule
	return w, nil
}

// recipientWay is w, or what transport_maps makes of it.
func (r *Router) recipientWay(w way, p parted, t *trace) (way, error) {
	if r.overrides.recipients.Empty() {
		return w, nil
	}
	keys := Keys(smtp.JoinAddress(p.local, p.domain), r.delimiters, false)
	keys = append(append(keys[:len(keys)-1], Domains(p.domain, r.overrides.parent)...), "*")
	value, rule, err := r.overrides.recipients.find(keys, t)
	if rule == "" || err != nil {
		return w, err
	}
	return w.changed(value, rule), nil
}

// moved is w, or what returns mail for somebody who has left an address.
func (r *Router) moved(w way, d *domainClass, p parted, t *trace) (way, error) {
	if r.relocated.Empty() {
		return w, nil
	}
	bare := d.class == Local || p.domain == r.origin
	value, rule, err := r.relocated.find(Keys(smtp.JoinAddress(p.local, p.domain), r.delimiters, bare), t)
	if rule == "" || err != nil {
		return w, err
	}
	return way{"error", "5.1.6 User has moved to " + value, rule}, nil
}

// changed is w as a table's "transport:nexthop" has it.
func (w way) changed(value, rule string) way {
	transport, nexthop, _ := strings.Cut(value, ":")
	transport, nexthop = strings.TrimSpace(transport), strings.TrimSpace(nexthop)
	switch {
	case transport != "":
		return way{transport, nexthop, rule}
	case nexthop != "":
		return way{w.transport, nexthop, rule}
	}
	return w
}

// Domains returns a domain and those above it, behind prefix: "." where a
// table has .example.com for what is below example.com, "" where example.com
// stands for that too.
func Domains(name, prefix string) []string {
	keys := []string{name}
	if strings.HasPrefix(name, "[") {
		return keys // an address literal
	}
	for {
		_, parent, ok := strings.Cut(name, ".")
		if !ok || parent == "" {
			return keys
		}
		keys = append(keys, prefix+parent)
		name = parent
	}
}
