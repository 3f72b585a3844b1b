package dsn

import (
	"bytes"
	"strings"

	"yubin/internal/header"
	"yubin/internal/smtp"
)

// meaning is what an Action is in plain words, before the reason.
var meaning = map[string]string{
	Delivered: "arrived: ",
	Relayed:   "handed to a mail system that sends no delivery reports, so this is the last you hear unless delivery fails there: ",
	Expanded:  "stands for several addresses, and the message is on its way to them; of those you hear no more unless delivery fails: ",

	Deliverable:   "mail would be taken: ",
	Undeliverable: "mail would not be taken now: ",
}

// text returns the part for people: what the notice is about, and below it each
// address with what happened and what can be done.
func (n *Notice) text() []byte {
	var b bytes.Buffer
	b.WriteString(n.introduction())
	for _, g := range n.groups() {
		for _, r := range g.recipients {
			b.WriteByte('\n')
			fold(&b, n.line(r))
		}
		if g.explain != nil {
			b.WriteByte('\n')
			n.explain(&b, g)
		}
	}
	return b.Bytes()
}

// introduction is what stands above the addresses.
func (n *Notice) introduction() string {
	if own := n.wording(); own != "" {
		return own
	}
	return "This is the mail system at host " + n.Hostname + ".\n\n" + n.opening()
}

func (n *Notice) opening() string {
	switch {
	case n.Delayed && n.Sender != "":
		return "This is a copy, for the postmaster, of a warning to\n<" + smtp.Quote(n.Sender) + ">, whose message waits for the addresses below.\n" +
			"This system goes on trying until " + header.FormatDate(n.Until) + ".\n"
	case n.Delayed:
		return "This is only a warning: your message has not reached the addresses below yet.\n" +
			"This system goes on trying until " + header.FormatDate(n.Until) + ".\n" +
			"You need not send the message again; if it cannot be delivered by then, you\nwill be told.\n"
	case n.Probe:
		return "You asked what would become of mail to the addresses below. Nothing was sent\n" +
			"to them; this is what was found out.\n"
	case n.Arrived:
		return "You asked to be told what becomes of your message. It is on its way or has\n" +
			"arrived, as is said of each address below. Nothing is left for you to do.\n"
	case n.Sender != "":
		return "This is a copy, for the postmaster, of what is known of a message from\n<" + smtp.Quote(n.Sender) + "> that could not be delivered to the addresses below\n" +
			"(notify_classes has bounce). Who sent it is told, unless he wants not to be.\n"
	case n.Postmaster:
		return "A message without a sender, most likely a notice to somebody, could not be\n" +
			"delivered to the addresses below. You get it as the postmaster (notify_classes\n" +
			"has 2bounce). Often the sender that it answers was forged: then do nothing. If\n" +
			"it is one of yours, look why his mailbox cannot be reached.\n"
	}
	to, what := "address", "It"
	if len(n.Recipients) > 1 {
		to = "addresses"
	}
	if !n.whole() {
		what = "Its header"
	}
	return "I'm sorry: your message could not be delivered to the " + to + " below.\n" +
		what + " is attached, and this system will not try again.\n\n" +
		"For help write to postmaster, and enclose this notice.\n"
}

// line is what became of one recipient, in the words of who said so.
func (n *Notice) line(r *Recipient) string {
	who := "<" + smtp.Quote(r.Address) + ">"
	if r.Original != "" && r.Original != r.Address {
		who += " (sent to <" + smtp.Quote(r.Original) + ">)"
	}
	reason := bound(r.Text)
	if r.Host != "" && !strings.HasPrefix(reason, "host ") {
		reason = "host " + bound(r.Host) + " said: " + reason
	}
	return who + ": " + meaning[r.Action] + reason
}

// A group is recipients of whom the same is to be explained, once.
type group struct {
	explain    *explanation // nil: nothing
	expired    bool         // this system has tried for as long as it does
	recipients []*Recipient
}

// groups sorts the recipients, as they come.
func (n *Notice) groups() (list []*group) {
	type key struct {
		explain *explanation
		expired bool
	}
	by := map[key]*group{}
	for i := range n.Recipients {
		r := &n.Recipients[i]
		var k key
		if !n.Arrived {
			k = key{explanationOf(r), r.Was != ""}
		}
		g := by[k]
		if g == nil {
			g = &group{explain: k.explain, expired: k.expired}
			by[k] = g
			list = append(list, g)
		}
		g.recipients = append(g.recipients, r)
	}
	return list
}

// explain writes what a lay person can make of it.
func (n *Notice) explain(b *bytes.Buffer, g *group) {
	happened, do := g.explain.happened, g.explain.failed
	if g.expired && happened != "" && g.explain != &explanations[ended] {
		happened = "This system has tried since " + header.FormatDate(n.Arrival) + ", and gives up now. " + happened
	}
	if n.Delayed {
		do = g.explain.waits
	}
	if happened != "" {
		fold(b, "What happened: "+happened)
	}
	if do != "" && !n.Postmaster {
		fold(b, "What to do: "+do)
	}
}
