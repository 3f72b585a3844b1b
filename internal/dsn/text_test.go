package dsn

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// page has notices whose part for people testdata/words.txt holds.
var page = []struct {
	name   string
	change func(*Notice)
	rcpt   []Recipient
}{
	{"no such mailbox", nil, []Recipient{
		{Address: "bob@example.org", Action: Failed, Code: "5.1.1", Host: "mx.example.org", Text: "host mx.example.org[192.0.2.9] said: 550 5.1.1 <bob@example.org>: Recipient address rejected: User unknown (in reply to RCPT TO command)"}}},
	{"no such mailbox, the code says nothing", nil, []Recipient{
		{Address: "bob@example.org", Action: Failed, Code: "5.0.0", Host: "mx.example.org", Text: "host mx.example.org[192.0.2.9] said: 550 No such user here (in reply to RCPT TO command)"}}},
	{"several, of one kind and of others", nil, []Recipient{
		{Address: "bob@example.org", Action: Failed, Code: "5.1.1", Text: `unknown user: "bob"`},
		{Address: "zoe@example.net", Action: Failed, Code: "5.2.2", Host: "mx.example.net", Text: "host mx.example.net[192.0.2.7] said: 552 5.2.2 Over quota (in reply to RCPT TO command)"},
		{Address: "al@example.org", Original: "team@example.org", Action: Failed, Code: "5.1.1", Text: `unknown user: "al"`}}},
	{"no such domain", nil, []Recipient{
		{Address: "bob@exmple.org", Action: Failed, Code: "5.4.4", Text: "Host or domain name not found. Name service error for name=exmple.org type=MX: Host not found"}}},
	{"too big, only its header comes back", func(n *Notice) { n.SizeLimit = 1 }, []Recipient{
		{Address: "bob@example.org", Action: Failed, Code: "5.3.4", Text: "message size 30000000 exceeds size limit 10000000 of server mx.example.org[192.0.2.9]"}}},
	{"taken for spam", nil, []Recipient{
		{Address: "bob@example.org", Action: Failed, Code: "5.7.1", Host: "mx.example.org", Text: "host mx.example.org[192.0.2.9] said: 554 5.7.1 Service unavailable; Client host [198.51.100.1] blocked using bl.example; see https://bl.example/ (in reply to RCPT TO command)"}}},
	{"no encryption, for as long as it was tried", nil, []Recipient{
		{Address: "bob@example.org", Action: Failed, Code: "5.4.7", Was: "4.7.4", Text: "TLS is required, but was not offered by host mx.example.org[192.0.2.9]"}}},
	{"no answer, for as long as it was tried", nil, []Recipient{
		{Address: "bob@example.org", Action: Failed, Code: "5.4.7", Was: "4.4.1", Text: "connect to mx.example.org[192.0.2.9]:25: Connection timed out"}}},
	{"the administrator has ended it", nil, []Recipient{
		{Address: "bob@example.org", Action: Failed, Code: "5.4.7", Was: "4.7.0", Text: "message is administratively expired"}}},
	{"nothing is known", nil, []Recipient{
		{Address: "bob@example.org", Action: Failed, Code: "5.0.0", Host: "mx.example.org", Text: "host mx.example.org[192.0.2.9] said: 554 no (in reply to MAIL FROM command)"}}},
	{"delay: greylisting", late, []Recipient{
		{Address: "bob@example.org", Action: Delayed, Code: "4.2.0", Host: "mx.example.org", Text: "host mx.example.org[192.0.2.9] said: 450 4.2.0 <bob@example.org>: Recipient address rejected: Greylisted, see http://grey.example/ (in reply to RCPT TO command)"}}},
	{"delay: full mailbox", late, []Recipient{
		{Address: "bob@example.org", Action: Delayed, Code: "4.2.2", Host: "mx.example.org", Text: "host mx.example.org[192.0.2.9] said: 452 4.2.2 mailbox full (in reply to RCPT TO command)"}}},
	{"delay: no answer", late, []Recipient{
		{Address: "bob@example.org", Action: Delayed, Code: "4.4.1", Text: "connect to mx.example.org[192.0.2.9]:25: Connection refused"}}},
	{"delivered, relayed, expanded", func(n *Notice) { n.Arrived = true }, []Recipient{
		{Address: "bob@example.com", Action: Delivered, Code: "2.0.0", Text: "delivered to maildir"},
		{Address: "zoe@example.org", Action: Relayed, Code: "2.1.5", Text: "250 2.1.5 Ok", Host: "mx.example.org"},
		{Address: "team@example.com", Action: Expanded, Code: "2.0.0", Text: "alias of 3 addresses"}}},
	{"double bounce", func(n *Notice) { n.Postmaster, n.To = true, "postmaster" }, []Recipient{
		{Address: "forged@example.org", Action: Failed, Code: "5.1.1", Host: "mx.example.org", Text: "550 5.1.1 no"}}},
	{"the postmaster's copy", func(n *Notice) {
		n.Postmaster, n.To, n.Sender, n.HeaderOnly = true, "postmaster", "alice@example.net", true
	}, []Recipient{
		{Address: "bob@example.com", Action: Failed, Code: "5.1.1", Text: `unknown user: "bob"`}}},
	{"the postmaster's copy of a delay", func(n *Notice) { late(n); n.Postmaster, n.To, n.Sender = true, "postmaster", "alice@example.net" }, []Recipient{
		{Address: "bob@example.com", Action: Delayed, Code: "4.3.0", Text: "queue file: no space"}}},
}

func late(n *Notice) { n.Delayed, n.Until = true, n.Time.Add(100*time.Hour) }

// What people read, for each kind of trouble, as a page to be read as a whole.
func TestPage(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	for _, c := range page {
		n := notice("Subject: hello\n\nbody\n")
		n.Recipients = c.rcpt
		if c.change != nil {
			c.change(&n)
		}
		fmt.Fprintf(&got, "===== %s\nSubject: %s\n\n%s\n", c.name, n.subject(), n.text())
	}
	golden(t, got.Bytes(), "testdata/words.txt")
}

// What is explained, by what is known of a failure. No explanation is given
// twice, and the table has no line that nothing comes to.
func TestExplanations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ code, was, host, text, want string }{
		{"5.1.1", "", "mx", "550 5.1.1 no", "no mailbox of that name"},
		{"5.4.1", "", "mx", "550 5.4.1 Recipient address rejected: Access denied", "no mailbox of that name"},
		{"5.4.7", "4.4.1", "", "connect to mx: Connection refused", "does not answer"},
		{"5.1.2", "", "mx", "550 5.1.2 host unknown", "behind the @"},
		{"5.1.10", "", "", "Domain x does not accept mail (nullMX)", "takes no mail"},
		{"5.1.3", "", "", "bad recipient address", "not written as addresses are"},
		{"5.1.6", "", "", "User has moved to x@y", "has moved"},
		{"5.1.8", "", "mx", "550 5.1.8 Sender address rejected: Domain not found", "address that you send from"},
		{"5.2.1", "", "mx", "550 5.2.1 disabled", "switched off"},
		{"5.0.0", "", "mx", "552 mailbox full", "is full"},
		{"5.2.2", "", "", "over quota", "is full"},
		{"5.0.0", "", "mx", "552 message too large", "larger than"},
		{"5.4.7", "4.3.1", "mx", "452 4.3.1 no space", "room left on the disk"},
		{"4.3.2", "", "mx", "421 4.3.2 shutting down", "takes no mail at present"},
		{"4.4.2", "", "", "lost connection", "broke off"},
		{"4.4.3", "", "", "Host not found, try again", "name service"},
		{"5.4.6", "", "", "mail for x loops back to myself", "in a circle"},
		{"5.4.7", "", "", "delivery time expired", "time in which you wanted"},
		{"5.6.7", "", "", "SMTPUTF8 is required", "letters like"},
		{"5.7.30", "", "", "REQUIRETLS", "encrypted"},
		{"4.7.5", "", "", "Server certificate not trusted", "encrypted"},
		{"5.7.26", "", "mx", "550 5.7.26 DMARC", "comes from where"},
		{"4.7.0", "", "", "SASL authentication failed; x", "must log in"},
		{"5.7.1", "", "mx", "554 5.7.1 <bob@x>: Relay access denied", "for that address from here"},
		{"5.7.1", "", "mx", "554 5.7.1 looks like spam", "unwanted mail"},
		{"5.7.1", "", "mx", "554 5.7.1 no", "has a rule"},
		{"5.7.0", "", "mx", "554 5.7.0 no", "has a rule"},
		{"4.7.1", "", "mx", "451 4.7.1 Greylisting in action", "does not know yet"},
		{"5.6.3", "", "", "the message is binary", "of this kind"},
		{"5.5.2", "", "mx", "500 5.5.2 syntax", "understand each other"},
		{"5.3.5", "", "", "mail system configuration error", "out of order"},
		{"4.7.0", "", "", "message is administratively expired", "administrator"},
		{"5.0.0", "", "mx", "554 no", ""},
		{"", "", "", "", ""},
	} {
		e := explanationOf(&Recipient{Code: c.code, Was: c.was, Host: c.host, Text: c.text})
		if (c.want == "") != (e.happened == "") || !strings.Contains(e.happened, c.want) {
			t.Errorf("%s %s: explained as %q, want %q", c.code, c.text, e.happened, c.want)
		}
		seen[e] = true
	}
	for i := range explanations {
		if !seen[&explanations[i]] {
			t.Errorf("no case for %+v", explanations[i])
		}
		for k := range i {
			if explanations[i].happened == explanations[k].happened {
				t.Errorf("two lines say %q", explanations[i].happened)
			}
		}
	}
}

var seen = map[*explanation]bool{}

// A sender who may be shown them gets addresses beyond ASCII as they are, another
// one in ASCII (RFC 6533).
func TestGlobalStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		utf8  bool
		rcpt  Recipient
		to    string
		kind  string
		wants []string
	}{
		{"needed", true, Recipient{Address: "böb@example.org", Orcpt: "utf-8;bœb+x@example.org", Host: "mx", Text: "550 5.1.1 né"}, "ann@example.net",
			"message/global-delivery-status", []string{"Final-Recipient: utf-8; böb@example.org", "Original-Recipient: utf-8;bœb+x@example.org", "Diagnostic-Code: smtp; 550 5.1.1 né"}},
		{"not known there", false, Recipient{Address: "böb@example.org", Orcpt: "utf-8;bœb+x@example.org", Host: "mx", Text: "550 5.1.1 né"}, "ann@example.net",
			"message/delivery-status", []string{`Final-Recipient: utf-8; b\x{F6}b@example.org`, `Original-Recipient: utf-8;b\x{153}b\x{2B}x@example.org`, "Diagnostic-Code: smtp; 550 5.1.1 n?"}},
		{"for the sender", true, Recipient{Address: "bob@example.org", Original: "b@example.org"}, "änn@example.net",
			"message/global-delivery-status", []string{"Final-Recipient: rfc822; bob@example.org", "Original-Recipient: rfc822; b@example.org", "X-Yubin-Sender: utf-8; änn@example.net"}},
		{"not needed", true, Recipient{Address: "bob@example.org"}, "ann@example.net", "message/delivery-status", nil},
		{"octets of another type", false, Recipient{Address: "bob@example.org", Orcpt: "rfc822;böb@example.org"}, "ann@example.net",
			"message/delivery-status", []string{"Original-Recipient: rfc822;b+C3+B6b@example.org"}},
	} {
		n := notice("Subject: x\n\ny\n")
		n.UTF8, n.To = c.utf8, c.to
		n.Recipients = []Recipient{c.rcpt}
		b, err := Write(n)
		if err != nil {
			t.Fatal(err)
		}
		kinds, bodies := parts(t, b)
		if kinds[1] != c.kind {
			t.Errorf("%s: %s, want %s", c.name, kinds[1], c.kind)
		}
		for _, want := range c.wants {
			if !strings.Contains(bodies[1], want+"\n") && !strings.Contains(bodies[1], want+"\r\n") {
				t.Errorf("%s: no %q in\n%s", c.name, want, bodies[1])
			}
		}
	}
}
