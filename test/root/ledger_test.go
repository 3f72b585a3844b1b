//go:build root

package root

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A letter is one that a site's sendmail has accepted. No two have the same
// sender.
type letter struct {
	from *site
	to   []string
	text string // header and body, nothing to add to it
}

// A ledger is what has been sent and must arrive, each letter once at each
// recipient's.
type ledger struct {
	t     testing.TB
	sites []*site
	sent  map[string]letter // by sender
}

func newLedger(t testing.TB, sites ...*site) *ledger {
	return &ledger{t: t, sites: sites, sent: map[string]letter{}}
}

// send has a site's sendmail accept a letter. It returns the sender.
func (l *ledger) send(from *site, body string, to ...string) string {
	l.t.Helper()
	sender := fmt.Sprintf("writer%d@%s", len(l.sent)+1, strings.TrimPrefix(from.name, "mx."))
	text := fmt.Sprintf("From: %s\nTo: %s\nSubject: %d\nDate: Wed, 25 Nov 2026 12:00:00 +0000\nMessage-ID: <%s>\n\n%s",
		sender, strings.Join(to, ",\n\t"), len(l.sent)+1, sender, body)
	from.Sendmail(text, append([]string{"-i", "-f", sender}, to...)...)
	l.sent[sender] = letter{from, to, text}
	return sender
}

// settle waits until everything has arrived and no queue has anything left,
// and compares what is in the mailboxes with what was sent.
func (l *ledger) settle() {
	l.t.Helper()
	first := l.sites[0]
	first.Until("all letters have arrived and the queues are empty", func() bool {
		// Twice: what left one site while another was looked at is seen now.
		return !slices.ContainsFunc(slices.Concat(l.sites, l.sites), func(s *site) bool { return !s.Drained() })
	})
	want := map[string]int{} // copies, by sender and recipient
	for sender, letter := range l.sent {
		for _, to := range letter.to {
			want[sender+" "+to] = 1
		}
	}
	for _, s := range l.sites {
		for _, to := range s.mailboxes {
			box, _, _ := strings.Cut(to, "@")
			for _, m := range s.Mail(box) {
				sender := l.compare(s, to, m)
				want[sender+" "+to]--
			}
		}
	}
	for which, n := range want {
		if n != 0 {
			l.t.Errorf("%s: %d copies, want 1", which, 1-n)
		}
	}
}

var returnPath = regexp.MustCompile(`^Return-Path: <([^>\n]*)>\n`)

// compare looks at one message of a mailbox: the text is what was sent, and
// above it is where it has been. It returns the sender.
func (l *ledger) compare(at *site, to, message string) string {
	l.t.Helper()
	m := returnPath.FindStringSubmatch(message)
	if m == nil {
		l.t.Errorf("%s has a letter without Return-Path:\n%.1000s", to, message)
		return ""
	}
	sent, ok := l.sent[m[1]]
	if !ok {
		l.t.Errorf("%s has a letter that nobody sent:\n%.1000s", to, message)
		return m[1]
	}
	trace, ok := strings.CutSuffix(message, sent.text)
	if !ok {
		l.t.Errorf("%s: letter of %s has changed: %d octets; sent were %d:\n%.1000s", to, m[1], len(message), len(sent.text), message)
		return m[1]
	}
	if want := sent.trace(at, to); !want.MatchString(trace) {
		l.t.Errorf("%s: letter of %s has the trace\n%swant\n%s", to, m[1], trace, want)
	}
	return m[1]
}

// trace is what is above the text in a mailbox.
func (l *letter) trace(at *site, to string) *regexp.Regexp {
	const date = `\w{3}, [ \d]\d \w{3} \d{4} \d\d:\d\d:\d\d [-+]\d{4} \(\w+\)\n`
	q := regexp.QuoteMeta
	want := `\AReturn-Path: <[^>\n]*>\nX-Original-To: ` + q(to) + `\nDelivered-To: ` + q(to) + `\n`
	if at != l.from {
		recipient := `(\n\tfor <` + q(to) + `>)`
		if len(l.to) > 1 {
			recipient += `?` // those who are in one transaction do not learn of each other
		}
		want += `Received: from ` + q(l.from.name) + ` \(\S+ \[` + q(address(l.from.host)) + `\]\)\n` +
			`\tby ` + q(at.name) + ` \(Yubin\) with ESMTP id [0-9A-F]+` + recipient + `;\s+` + date
	}
	return regexp.MustCompile(want + `Received: by ` + q(l.from.name) + ` \(Yubin, from userid 0\)\n\tid [0-9A-F]+; ` + date + `\z`)
}
