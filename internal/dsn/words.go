package dsn

import (
	"strings"
	"time"

	"yubin/internal/header"
)

// Words are what an administrator has a kind of notices say in place of ours; ""
// leaves ours. Package wording reads them.
type Words struct {
	From, Subject, PostmasterSubject string
	Text                             string // what stands above the addresses, in whole lines; not in what goes to the postmaster
}

// wording is the text of n.Words for n, "" for none.
func (n *Notice) wording() string {
	if n.Words == nil || n.Postmaster {
		return ""
	}
	return n.Words.Text
}

// from is the From field of n.Words for n, "" for none.
func (n *Notice) from() string {
	if n.Words == nil || n.Words.From == "" {
		return ""
	}
	field := []byte("From: " + n.Words.From + "\n")
	whole, _, err := header.Rewrite(field, func(addr string) (string, error) {
		if !strings.Contains(addr, "@") {
			addr += "@" + n.Hostname
		}
		return addr, nil
	})
	if err != nil {
		whole = field
	}
	return strings.TrimSpace(strings.TrimPrefix(string(whole), "From: "))
}

// wordedSubject is the subject of n.Words for n, "" for none.
func (n *Notice) wordedSubject() string {
	switch {
	case n.Words == nil:
		return ""
	case n.Postmaster:
		return n.Words.PostmasterSubject
	}
	return n.Words.Subject
}

// OwnWords are our words for a kind of notices, failure, delay, success or verify,
// as somebody would write them who wants to change them: with $names.
func OwnWords(kind string) Words {
	n := Notice{Hostname: "$myhostname", Recipients: make([]Recipient, 2), Until: time.Unix(0, 0)}
	switch kind {
	case "delay":
		n.Delayed = true
	case "success":
		n.Arrived = true
	case "verify":
		n.Arrived, n.Trace, n.Probe = true, true, true
	}
	w := Words{From: "MAILER-DAEMON (Mail Delivery System)", Subject: n.subject()}
	w.Text = strings.ReplaceAll(n.introduction(), header.FormatDate(n.Until), "it is $maximal_queue_lifetime_days days old")
	if !n.Arrived {
		n.Postmaster = true
		w.PostmasterSubject = n.subject()
	}
	return w
}
