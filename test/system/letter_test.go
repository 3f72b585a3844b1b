// Package system drives the programs of bin/ as built, in private instances,
// and looks from outside.
package system

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"yubin/test/instance"
)

// body cuts a delivered message behind its trace headers, which end with the
// Received header of this system.
func body(t *testing.T, message string) string {
	t.Helper()
	_, rest, ok := strings.Cut(message, "\nReceived: ")
	if !ok {
		t.Fatalf("no Received header in\n%s", message)
	}
	lines := strings.SplitAfter(rest, "\n")
	for i, l := range lines {
		if i > 0 && !strings.HasPrefix(l, "\t") && !strings.HasPrefix(l, " ") {
			return strings.Join(lines[i:], "")
		}
	}
	return ""
}

func TestLetterBySMTP(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{})
	sent := "From: carol@client.test\nTo: alice@example.test\nSubject: by SMTP\n\n..two dots\n\nn\xc3\xa4chste \x00 Zeile\nhalf a line\rand the rest\n"
	id := i.Submit("carol@client.test", "alice@example.test", strings.ReplaceAll(sent, "\n..", "\n..."))
	got := instance.One(t, i.WaitMail("alice", 1))

	for _, want := range []string{"Return-Path: <carol@client.test>\n", "Delivered-To: alice@example.test\n", "\tby mx.example.test (Yubin)", "with ESMTP id " + id} {
		if !strings.Contains(got, want) {
			t.Errorf("delivered message lacks %q:\n%s", want, got)
		}
	}
	if b := body(t, got); b != sent {
		t.Errorf("content differs:\ngot  %q\nwant %q", b, sent)
	}
	// One letter's story, from connect to removed, in the lines of Postfix.
	i.WaitLog("qmgr[", id+": removed")
	story := []string{
		`postfix/smtpd\[\d+\]: connect from localhost\[127\.0\.0\.1\]`,
		`postfix/smtpd\[\d+\]: ` + id + `: client=localhost\[127\.0\.0\.1\]`,
		`postfix/cleanup\[\d+\]: ` + id + `: message-id=<>`,
		`postfix/qmgr\[\d+\]: ` + id + `: from=<carol@client\.test>, size=\d+, nrcpt=1 \(queue active\)`,
		`postfix/virtual\[\d+\]: ` + id + `: to=<alice@example\.test>, relay=virtual, delay=[0-9.]+, delays=[0-9./]+, dsn=2\.0\.0, status=sent \(delivered to maildir\)`,
		`postfix/smtpd\[\d+\]: disconnect from localhost\[127\.0\.0\.1\] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5`,
	}
	i.WaitLog("disconnect from", "mail=1")
	for _, re := range story {
		if !regexp.MustCompile(`(?m)^\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ ` + re).MatchString(i.Log()) {
			t.Errorf("log has no line like %s", re)
		}
	}
	if q := i.Mailq(); q != "Mail queue is empty\n" {
		t.Errorf("mailq after delivery: %q", q)
	}
}

func TestLetterBySendmail(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{})
	i.Sendmail("To: alice@example.test, Bob <bob@example.test>\nBcc: bob@example.test\nSubject: by sendmail\n\nhello\n", "-t", "-i", "-f", "carol@client.test", "-F", "Carol C.")
	for _, box := range []string{"alice", "bob"} {
		got := instance.One(t, i.WaitMail(box, 1))
		for _, want := range []string{"Return-Path: <carol@client.test>\n", "Subject: by sendmail\n", "From: ", "Carol C.", "\nDate: ", "\nMessage-I", "\n\nhello\n", "from userid " + fmt.Sprint(os.Getuid())} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: message lacks %q:\n%s", box, want, got)
			}
		}
		if strings.Contains(got, "Bcc:") {
			t.Errorf("%s: Bcc was not removed:\n%s", box, got)
		}
	}
	i.WaitLog("pickup[", "uid="+fmt.Sprint(os.Getuid()), "from=<carol@client.test>")
}

// The system is down: sendmail says 0 and the letter waits in maildrop.
func TestSendmailWhileDown(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{})
	i.Stop()
	for n := range 20 {
		i.Sendmail(fmt.Sprintf("Subject: %d\n\nwaits\n", n), "alice@example.test")
	}
	names, err := os.ReadDir(i.Path("queue", "maildrop"))
	if err != nil || len(names) != 20 {
		t.Fatalf("maildrop holds %d files, %v; want 20", len(names), err)
	}
	i.Start()
	i.WaitMail("alice", 20)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Main: []string{"mynetworks = 10.0.0.0/8", "message_size_limit = 5000"}})
	s := i.Dial()
	s.Want("250", "EHLO client.test")
	s.Want("250 2.1.0 Ok", "MAIL FROM:<carol@client.test>")
	s.Want("550 5.1.1 <nobody@example.test>: Recipient address rejected: User unknown in virtual mailbox table", "RCPT TO:<nobody@example.test>")
	s.Want("550 5.1.1 <no.such.user@localhost>: Recipient address rejected: User unknown in local recipient table", "RCPT TO:<no.such.user@localhost>")
	s.Want("554 5.7.1 <dave@elsewhere.test>: Relay access denied", "RCPT TO:<dave@elsewhere.test>")
	s.Want("554 5.7.1 <dave%elsewhere.test@other.test>: Relay access denied", "RCPT TO:<dave%elsewhere.test@other.test>")
	s.Want("554 5.5.1", "DATA")
	s.Want("250", "RSET")
	s.Want("552 5.3.4", "MAIL FROM:<carol@client.test> SIZE=6000")
	s.Want("250", "MAIL FROM:<carol@client.test>")
	s.Want("250 2.1.5 Ok", "RCPT TO:<alice@example.test>")
	s.Want("354", "DATA")
	s.Want("552 5.3.4", strings.Repeat("x", 900)+strings.Repeat("\r\n"+strings.Repeat("x", 900), 6)+"\r\n.")
	i.WaitLog("NOQUEUE: reject: RCPT from", "554 5.7.1 <dave@elsewhere.test>: Relay access denied", "from=<carol@client.test> to=<dave@elsewhere.test> proto=ESMTP helo=<client.test>")
}

// An address of the system that nobody has: what came in by sendmail goes
// back to its sender, as a notice that software can read.
func TestBounce(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{})
	i.Sendmail("Subject: lost\n\nwhere to?\n", "-f", "alice@example.test", "nobody@example.test")
	got := instance.One(t, i.WaitMail("alice", 1))
	for _, want := range []string{
		"Return-Path: <>\n", "Subject: Undelivered Mail Returned to Sender\n", "Auto-Submitted: auto-replied\n",
		"multipart/report; ", "report-type=delivery-status", "Content-Type: message/delivery-status\n",
		"Reporting-Mta: dns; mx.example.test\n", "Final-Recipient: rfc822; nobody@example.test\n", "Action: failed\n", "Status: 5.1.1\n",
		"Content-Type: message/rfc822\n", "Subject: lost\n", "where to?\n",
	} {
		if !strings.Contains(strings.ToLower(got), strings.ToLower(want)) {
			t.Errorf("notice lacks %q:\n%s", want, got)
		}
	}
	parent := regexp.MustCompile(`postfix/bounce\[\d+\]: ([0-9A-F]+): sender non-delivery notification: ([0-9A-F]+)`).FindStringSubmatch(i.WaitLog("sender non-delivery notification"))
	if parent == nil || !strings.HasPrefix(parent[2], parent[1]) {
		t.Fatalf("log of the notice: %q; want a child ID of the message's", parent)
	}
	i.WaitLog(parent[1] + ": removed")
	i.WaitLog(parent[2] + ": removed")

	// From the null sender: nobody is told, and the queue is empty again.
	i.Sendmail("Subject: lost\n\nwhere to?\n", "-f", "<>", "nobody@example.test")
	i.Until("the queue is empty", func() bool {
		return strings.Count(i.Log(), "status=bounced") == 2 && i.Mailq() == "Mail queue is empty\n"
	})
	if n := len(i.Mail("alice")); n != 1 {
		t.Errorf("alice has %d messages, want the one notice", n)
	}
}

func TestAliases(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Aliases: []string{
		"team: alice@example.test, second",
		"second: third",
		"third: bob@example.test",
		"ring: rong",
		"rong: ring",
		"root: bob@example.test",
	}})
	i.Submit("carol@client.test", "team@localhost", "Subject: to the team\n\nall\n")
	for _, box := range []string{"alice", "bob"} {
		got := instance.One(t, i.WaitMail(box, 1))
		if !strings.Contains(got, "Delivered-To: team@localhost\n") || !strings.HasSuffix(got, "\nall\n") {
			t.Errorf("%s got\n%s", box, got)
		}
	}
	i.WaitLog("to=<team@localhost>", "status=sent (forwarded as ")
	// postmaster, abuse, MAILER-DAEMON resolve without an entry, to root's alias.
	for n, who := range []string{"postmaster", "abuse", "MAILER-DAEMON", "root", "Postmaster@mx.example.test"} {
		if !strings.Contains(who, "@") {
			who += "@localhost"
		}
		i.Submit("carol@client.test", who, "Subject: "+who+"\n\nx\n")
		i.WaitMail("bob", 2+n)
	}
	i.Submit("alice@example.test", "ring@localhost", "Subject: round\n\nx\n")
	mail := i.WaitMail("alice", 2)
	found := false
	for _, m := range mail {
		found = found || strings.Contains(m, "Undelivered Mail") && strings.Contains(m, "5.4.6")
	}
	if !found {
		t.Errorf("no notice of the alias loop: %q", mail)
	}
}
