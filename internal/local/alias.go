package local

import (
	"fmt"
	"strings"

	"yubin/internal/agent"
	"yubin/internal/ipc"
	"yubin/internal/smtp"
)

// Limits of one expansion.
const (
	maxAliases = 1000   // names that are looked into
	maxTargets = 100000 // addresses that come out
)

// An expansion follows an alias through the aliases that it names, until only
// addresses are left that no alias here stands for.
type expansion struct {
	t       *users
	pending []entry
	seen    map[string]bool // names of aliases that were looked into
	targets []ipc.Target
	have    map[ipc.Target]bool
	looped  bool // a member was left out since it leads back
}

// An entry is an alias that was found.
type entry struct{ name, value string }

// alias looks a local part up in alias_maps. found is false when it is none.
func (t *users) alias(local string) (e entry, found bool, err error) {
	for _, name := range bases(local, t.delimiter) {
		value, found, err := t.aliases.Lookup(name)
		if err != nil {
			return e, false, noTable("alias_maps", err)
		}
		if found {
			return entry{name, value}, true, nil
		}
	}
	return e, false, nil
}

// expand returns the addresses that e stands for in the end.
func (t *users) expand(e entry, domain string) ([]ipc.Target, error) {
	x := &expansion{t: t, pending: []entry{e}, seen: map[string]bool{e.name: true}, have: map[ipc.Target]bool{}}
	for len(x.pending) > 0 {
		next := x.pending[0]
		x.pending = x.pending[1:]
		if err := x.enter(next, domain); err != nil {
			return nil, err
		}
	}
	switch {
	case len(x.targets) > 0:
		return x.targets, nil
	case x.looped:
		return nil, bounced(smtp.RoutingLoop, "alias loop: %q leads back to itself", e.name)
	}
	return nil, misconfigured(nil, "alias %q is empty", e.name)
}

// enter takes the members of one alias.
func (x *expansion) enter(e entry, domain string) error {
	members, err := parseMembers(e.value)
	if err != nil {
		return misconfigured(err, "alias %q has a member that is not an address", e.name)
	}
	for _, m := range members {
		switch m.form {
		case exact:
			err = x.add(x.t.qualify(m.text), true)
		case address:
			err = x.member(e, m.text, domain)
		default:
			err = misconfigured(fmt.Errorf("member %q", m.text),
				"alias %q delivers to %s, which this version does not do", e.name, words[m.form])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// member takes one address: an alias is followed, everything else is a target.
func (x *expansion) member(of entry, addr, domain string) error {
	addr = x.t.qualify(addr)
	local, d := smtp.SplitAddress(addr)
	ours, err := x.t.isLocal(d, domain)
	if err != nil {
		return err
	}
	if !ours {
		return x.add(addr, false)
	}
	e, found, err := x.t.alias(local)
	switch {
	case err != nil:
		return err
	case !found:
		// The names that fall to root are resolved when it is their turn.
		return x.add(addr, !x.t.isRoot(local))
	case e.name == of.name:
		// "ann: ann, bob" keeps a copy for the user herself.
		return x.add(addr, true)
	case x.seen[e.name]:
		x.looped = true
		return nil
	case len(x.seen) >= maxAliases:
		return misconfigured(nil, "alias %q leads to more than %d aliases", of.name, maxAliases)
	}
	x.seen[e.name] = true
	x.pending = append(x.pending, e)
	return nil
}

func (x *expansion) add(addr string, exact bool) error {
	t := ipc.Target{Address: addr, Exact: exact}
	if x.have[t] {
		return nil
	}
	if err := smtp.Check(addr); err != nil {
		return misconfigured(err, "an alias has a member that is not an address")
	}
	if len(x.targets) >= maxTargets {
		return misconfigured(nil, "an alias stands for more than %d addresses", maxTargets)
	}
	x.have[t] = true
	x.targets = append(x.targets, t)
	return nil
}

// qualify adds myorigin to an address without a domain.
func (t *users) qualify(addr string) string {
	local, domain := smtp.SplitAddress(addr)
	if domain == "" {
		domain = t.origin
	}
	return smtp.JoinAddress(local, domain)
}

// isLocal tells whether mail for the domain comes to this transport: own is the
// domain of a recipient that did.
func (t *users) isLocal(domain, own string) (bool, error) {
	if strings.EqualFold(domain, own) {
		return true, nil
	}
	ok, err := t.destinations.Domain(domain)
	if err != nil {
		return false, noTable("mydestination", err)
	}
	return ok, nil
}

// maxTargetsSize is what the addresses of one result may take, octets as JSON.
const maxTargetsSize = agent.MaxResult / 2

// expandedResults parts targets into results that fit a packet.
func expandedResults(r *ipc.Recipient, targets []ipc.Target) []ipc.Result {
	var list []ipc.Result
	add := func(part []ipc.Target, more bool) {
		list = append(list, ipc.Result{
			Index: r.Index, Status: ipc.Expanded, Code: smtp.Undefined.Code(2), Text: "expanded",
			Relay: relayLocal, To: part, More: more, Header: "Delivered-To: " + smtp.Quote(r.Address) + "\n",
		})
	}
	start, size := 0, 0
	for i := range targets {
		n := 6*len(targets[i].Address) + len(`{"a":"","x":true},`) // JSON needs six octets for one at the most
		if size += n; size > maxTargetsSize {
			add(targets[start:i], true)
			start, size = i, n
		}
	}
	add(targets[start:], false)
	return list
}
