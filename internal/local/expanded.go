package local

import (
	"yubin/internal/account"
	"yubin/internal/agent"
	"yubin/internal/aliases"
	"yubin/internal/ipc"
	"yubin/internal/smtp"
)

// expanded turns an expansion into what is to be done. of is the user whose
// .forward file it is, nil for an alias.
//
// A single command, file or own mailbox is delivered to at once: its outcome is
// the recipient's. Otherwise every member becomes a recipient of a message of its
// own (ipc.Target), so that each is delivered, tried again and bounced for itself:
// one that has to wait does not make another one be delivered twice.
//
// A recipient that is such a member is expanded again, and delivered to what is
// found under its key, be it nobody in a file. Is it there no more, its address is
// delivered to as if it came new: rather a second copy of a member than none of all.
func (t *users) expanded(r *ipc.Recipient, e *aliases.Expansion, of *account.Person) (*action, error) {
	anew := false
	if r.Member != "" {
		switch chosen := e.Choose(r.Member); {
		case len(chosen) > 0:
			e = &aliases.Expansion{Members: chosen, Steps: e.Steps}
		case aliases.WasBroken(r.Member), e.Empty(r.Member):
			return &action{results: []ipc.Result{{
				Index: r.Index, Status: ipc.Sent, Report: ipc.Delivered, Code: smtp.Undefined.Code(2), Relay: relayLocal,
				Text: "the list has been mended, and nobody has come to it",
			}}}, nil
		default:
			anew = true
		}
	}
	if len(e.Members) == 1 {
		if act, err := t.single(r, &e.Members[0], of); act != nil || err != nil {
			return act, err
		}
	}
	plain, senders := e.Groups()
	var act *action
	if len(plain) == 0 && len(senders) == 1 {
		act = &action{results: t.expandedResults(r, t.targets(r, e.Members, of), e.Members[0].Sender)}
	} else {
		targets := t.targets(r, plain, of)
		for _, key := range senders {
			targets = append(targets, ipc.Target{Address: r.Address, Exact: of != nil, Member: key})
		}
		act = &action{results: t.expandedResults(r, targets, nil)}
	}
	for i := range act.results {
		act.results[i].Anew = anew
	}
	return act, nil
}

// single is what is done at once for the only member; nil: it is sent on.
func (t *users) single(r *ipc.Recipient, m *aliases.Member, of *account.Person) (*action, error) {
	if m.Err != nil {
		return nil, unexpanded(m.Err)
	}
	switch m.Form {
	case aliases.Command:
		user := of
		act, err := t.program(nil, r, m.Text, m.As, user)
		if act != nil {
			act.sender = m.Sender
		}
		return act, err
	case aliases.File:
		as, err := t.rights(m.As)
		if err != nil {
			return nil, err
		}
		return &action{to: t.limits.named(m.Text, as), sender: m.Sender}, nil
	case aliases.Mailbox:
		if of != nil && m.Text == smtp.JoinAddress(of.Name, domainOf(m.Text)) {
			return t.toMailbox(nil, r, of.Name, of)
		}
	}
	return nil, nil
}

func domainOf(addr string) string {
	_, domain := smtp.SplitAddress(addr)
	return domain
}

// rights are those that a command or file has; nil means default_privs.
func (t *users) rights(u *account.Person) (identity, error) {
	if u == nil || u.UID == "0" {
		return t.privs, t.privsErr
	}
	return identityOf(u)
}

// targets are the members as recipients.
func (t *users) targets(r *ipc.Recipient, members []aliases.Member, of *account.Person) []ipc.Target {
	list := make([]ipc.Target, len(members))
	for i := range members {
		switch m := &members[i]; m.Form {
		case aliases.Address:
			list[i] = ipc.Target{Address: m.Text, Exact: m.Exact}
		case aliases.Mailbox:
			list[i] = ipc.Target{Address: m.Text, Exact: true, Member: aliases.OwnMailbox}
		default:
			list[i] = ipc.Target{Address: r.Address, Exact: of != nil, Member: m.Key()}
		}
	}
	return list
}

// maxTargetsSize is what the addresses of one result may take, octets as JSON.
const maxTargetsSize = agent.MaxResult / 2

// expandedResults parts targets into results that fit a packet.
func (t *users) expandedResults(r *ipc.Recipient, targets []ipc.Target, sender *string) []ipc.Result {
	header := ""
	if t.forwardHeader {
		header = "Delivered-To: " + smtp.Quote(r.Address) + "\n"
	}
	var list []ipc.Result
	add := func(part []ipc.Target, more bool) {
		list = append(list, ipc.Result{
			Index: r.Index, Status: ipc.Expanded, Code: smtp.Undefined.Code(2), Text: "expanded",
			Relay: relayLocal, To: part, More: more, Sender: sender, Header: header,
		})
		header = "" // qmgr puts those of all parts together
	}
	start, size := 0, 0
	for i := range targets {
		n := 6*(len(targets[i].Address)+len(targets[i].Member)) + len(`{"a":"","x":true,"m":""},`) // JSON needs six octets for one at the most
		if size += n; size > maxTargetsSize && i > start {
			add(targets[start:i], true)
			start, size = i, n
		}
	}
	add(targets[start:], false)
	return list
}
