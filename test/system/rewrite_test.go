package system

import (
	"strings"
	"testing"

	"yubin/test/instance"
)

// Addresses from client and script, through tables and local aliases, to the
// mailboxes; and what a broken table does.
func TestAddressesAreRewritten(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{
		Stopped: true, Mailboxes: []string{"alice", "bob", "log"},
		Aliases: []string{"team: bob@alias.test"},
	})
	i.AppendMain("canonical_maps = texthash:"+i.Path("etc", "canonical"), "virtual_alias_maps = texthash:"+i.Path("etc", "virtual"),
		"always_bcc = log@example.test", "local_header_rewrite_clients = permit_mynetworks", "masquerade_domains = example.test", "local_recipient_maps =",
		"relocated_maps = inline:{ {gone@example.test=gone@far.test} }")
	i.WriteFile("etc/canonical", []string{"al@example.test alice@example.test"})
	i.WriteFile("etc/virtual", []string{"alias.test a domain", "sales@alias.test alice@example.test, bob@example.test", "bob@alias.test bob@example.test"})
	i.Start()

	i.Submit("al@example.test", "sales@alias.test", "From: Al <al@example.test>\nTo: sales@alias.test\nSubject: 1\n\nFrom: al@example.test\n")
	for _, box := range []string{"alice", "bob", "log"} {
		letter := instance.One(t, i.WaitMail(box, 1))
		for _, want := range []string{"\nFrom: Al <alice@example.test>\n", "\nTo: sales@alias.test\n", "\n\nFrom: al@example.test\n", "Return-Path: <alice@example.test>\n"} {
			if !strings.Contains(letter, want) {
				t.Errorf("%s has not %q in\n%s", box, want, letter)
			}
		}
	}
	i.WaitLog("to=<bob@example.test>, orig_to=<sales@alias.test>", "status=sent")

	// A script's letter, to an alias of local(8), whose result is a virtual alias.
	i.Sendmail("From: al@example.test\nTo: team\nSubject: 2\n\nx\n", "-f", "alice@example.test", "team@mx.example.test")
	i.WaitMail("bob", 2)
	i.WaitMail("log", 2) // of the letter, and none of the forward
	i.Until("the queue is empty", i.Drained)
	if n := len(i.Mail("log")); n != 2 {
		t.Errorf("%d copies, want 2", n)
	}

	c := i.Dial()
	c.Want("250", "EHLO client.test")
	c.Want("250", "MAIL FROM:<alice@example.test>")
	c.Want("550 5.1.1 <no@alias.test>: Recipient address rejected: User unknown in virtual alias table", "RCPT TO:<no@alias.test>")
	c.Want("550 5.1.6 <gone@example.test>: Recipient address rejected: User has moved to gone@far.test", "RCPT TO:<gone@example.test>")

	if r := i.Mailctl("route", "team@mx.example.test", "--from", "al@example.test"); !strings.Contains(r.Stdout, "mailbox    "+i.Path("mail", "bob")+"/, a Maildir of uid ") {
		t.Errorf("mailctl route says\n%s%s", r.Stdout, r.Stderr)
	}
}

// While a table cannot be read nothing is lost: the client comes again, a script's
// letter waits in maildrop.
func TestTablesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Stopped: true})
	i.AppendMain("sender_canonical_maps = texthash:"+i.Path("etc", "gone"), "smtpd_reject_unlisted_sender = no")
	i.Start()
	c := i.Dial()
	c.Want("250", "EHLO client.test")
	c.Want("250", "MAIL FROM:<alice@example.test>")
	c.Want("250", "RCPT TO:<bob@example.test>")
	c.Want("451 4.3.0 <alice@example.test>: Temporary lookup failure", "DATA")
	i.Sendmail("Subject: x\n\nx\n", "-f", "alice@example.test", "bob@example.test")
	i.WaitLog("stays in maildrop: ", "sender_canonical_maps")
	i.WriteFile("etc/gone", []string{"alice@example.test al@example.test"})
	letter := instance.One(t, i.WaitMail("bob", 1))
	if !strings.Contains(letter, "Return-Path: <al@example.test>") {
		t.Errorf("the letter is\n%s", letter)
	}
}
