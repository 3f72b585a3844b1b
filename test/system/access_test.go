package system

import (
	"strings"
	"testing"

	"yubin/test/instance"
)

// What access tables order for a message happens to it, and a restriction class
// decides who may write to whom.
func TestAccessOrders(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Mailboxes: []string{"alice", "bob", "carol"}, Main: []string{
		"smtpd_restriction_classes = insiders",
		"insiders = check_sender_access inline:{example.com=OK}, reject",
		"smtpd_sender_restrictions = check_sender_access inline:{ {hold@example.com=HOLD} {drop@example.com=DISCARD} {turn@example.com=REDIRECT carol@example.test} {copy@example.com=BCC carol@example.test} {field@example.com=PREPEND X-Seen: yes} }",
		"smtpd_recipient_restrictions = check_recipient_access inline:{bob@example.test=insiders}",
	}})
	s := i.Dial()
	defer s.Close()
	s.Want("250", "EHLO x.test")
	s.Want("250", "MAIL FROM:<eve@example.org>")
	s.Want("554 5.7.1 <bob@example.test>: Recipient address rejected", "RCPT TO:<bob@example.test>")
	s.Want("250", "RCPT TO:<alice@example.test>")

	i.Submit("drop@example.com", "bob@example.test", "Subject: drop\n\ny\n")
	i.Submit("turn@example.com", "bob@example.test", "Subject: turn\n\ny\n")
	if got := instance.One(t, i.WaitMail("carol", 1)); !strings.Contains(got, "Subject: turn") {
		t.Errorf("carol has %q", got)
	}
	i.Submit("copy@example.com", "alice@example.test", "Subject: copy\n\ny\n")
	i.WaitMail("carol", 2)
	i.WaitMail("alice", 1)
	i.Submit("field@example.com", "bob@example.test", "Subject: field\n\ny\n")
	got := instance.One(t, i.WaitMail("bob", 1))
	if !strings.Contains(got, "\nX-Seen: yes\nReceived: ") || !strings.Contains(got, "Subject: field") {
		t.Errorf("bob has %q", got)
	}
}

// A message on hold by an access table stays there, over a crash too, until somebody
// releases it; what comes of it then does not.
func TestHoldAction(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Main: []string{
		"smtpd_recipient_restrictions = check_recipient_access static:HOLD",
		"alias_maps = inline:{list=bob@example.test}", "mydestination = lists.example.test",
	}})
	id := i.Submit("eve@example.com", "list@lists.example.test", "Subject: x\n\ny\n")
	held := func() bool { return strings.Contains(i.Mailq(), id+"!") }
	i.Until("the message is on hold", held)
	i.Crash()
	i.Start()
	i.Until("it is on hold again", held)
	if mail := i.Mail("bob"); len(mail) != 0 {
		t.Errorf("bob has %q", mail)
	}
	if r := i.Mailctl("queue", "release", id); r.Code != 0 {
		t.Fatalf("%+v", r)
	}
	instance.One(t, i.WaitMail("bob", 1))
	i.Until("the queue is empty", i.Drained)
}
