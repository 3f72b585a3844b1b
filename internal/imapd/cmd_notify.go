package imapd

import (
	"context"
	"slices"
	"strings"

	"yubin/internal/imap"
)

// events are kinds of what NOTIFY tells (RFC 5465, 5).
type events uint8

const (
	messageNew events = 1 << iota
	messageExpunge
	flagChange
	mailboxName
	subscriptionChange
)

const (
	messages = messageNew | messageExpunge // both or none
	ofBoxes  = messages | flagChange       // message-events
	ofNames  = mailboxName | subscriptionChange
)

// eventNames are the events that there are here: messages have no annotations,
// and mailboxes no metadata.
var eventNames = map[string]events{
	"MESSAGENEW": messageNew, "MESSAGEEXPUNGE": messageExpunge, "FLAGCHANGE": flagChange,
	"MAILBOXNAME": mailboxName, "SUBSCRIPTIONCHANGE": subscriptionChange,
}

const badEvent = "BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange)"

// A group is mailboxes and what is told of them.
type group struct {
	imap.NotifyGroup
	events events // none: nothing is told of them, whatever other groups say
}

// setNotify is NOTIFY (RFC 5465, 3.1).
func (v *visit) setNotify(context.Context) (reply, error) {
	v.d.SP()
	arg := v.d.Notify()
	v.d.End()
	n := &notify{}
	err := v.d.Err()
	for i := range arg.Groups {
		if err == nil {
			err = v.addGroup(n, &arg.Groups[i])
		}
	}
	if err != nil {
		return reply{}, err
	}
	if !arg.None {
		if err := n.begin(v, arg.Status); err != nil {
			n.end()
			return reply{}, err
		}
	}
	v.notify.end()
	if v.notify = n; v.box != nil {
		v.box.watch(nil)
	}
	return reply{}, nil
}

// addGroup checks a group and takes it in.
func (v *visit) addGroup(n *notify, g *imap.NotifyGroup) error {
	set, err := v.eventsOf(g)
	if err != nil {
		return err
	}
	if strings.HasPrefix(g.Which, "SELECTED") {
		if n.filtered || set&ofNames != 0 {
			v.d.Fail("One filter for the selected mailbox, with events of messages only")
			return v.d.Err()
		}
		n.filtered = true
		if set == 0 {
			return nil
		}
		n.delayed = g.Which != "SELECTED"
		n.selected = &selection{events: set}
		if len(g.Fetch) > 0 {
			n.selected.items, n.selected.mark = v.prepare(g.Fetch)
		}
		return v.d.Err()
	}
	if len(g.Fetch) > 0 {
		v.d.Fail("FETCH items are for the selected mailbox")
		return v.d.Err()
	}
	// A name that cannot be one is of a mailbox that is not there (3.1).
	var known []string
	for _, sent := range g.Mailboxes {
		if name, err := v.name(sent); err == nil {
			known = append(known, strings.TrimSuffix(name, "/"))
		}
	}
	g.Mailboxes = known
	n.groups = append(n.groups, group{*g, set})
	return nil
}

// eventsOf checks what is to be told.
func (v *visit) eventsOf(g *imap.NotifyGroup) (set events, err error) {
	for _, name := range g.Events {
		e, ok := eventNames[name]
		if !ok {
			return 0, no(badEvent, "Not all of these events are known here.")
		}
		set |= e
	}
	if m := set & ofBoxes; m != 0 && m&messages != messages {
		v.d.Fail("MessageNew and MessageExpunge belong together, and to FlagChange")
	}
	return set, v.d.Err()
}

// of is what is told of a mailbox.
func (n *notify) of(name string, subscribed bool) (set events) {
	for _, g := range n.groups {
		if !g.has(name, subscribed) {
			continue
		}
		if g.events == 0 {
			return 0
		}
		set |= g.events
	}
	return set
}

// has tells whether a mailbox is among the group's.
func (g *group) has(name string, subscribed bool) bool {
	switch g.Which {
	case "SUBSCRIBED":
		return subscribed
	case "MAILBOXES":
		return slices.Contains(g.Mailboxes, name)
	case "SUBTREE":
		return slices.ContainsFunc(g.Mailboxes, func(top string) bool {
			rest, ok := strings.CutPrefix(name, top)
			return ok && (rest == "" || rest[0] == '/')
		})
	}
	// PERSONAL, and INBOXES: a user's own programs deliver wherever they like
	// (RFC 5465, 6.3).
	return true
}
