package system

import (
	"strings"
	"testing"

	"yubin/test/instance"
	"yubin/test/peer"
)

// Letters beyond ASCII in addresses: delivered here, passed on to a host that
// takes them, and returned in a form that the sender can read where it does not
// (RFC 6531, RFC 6533).
func TestSMTPUTF8(t *testing.T) {
	t.Parallel()
	const letter = "Subject: Grüße\r\n\r\ntext of the letter\r\n."
	for _, c := range []struct {
		name, rcpt string
		ehlo       []string
		passed     string // the recipient that the next host is told
		notice     []string
	}{
		{name: "taken", rcpt: "jörg@far.test", ehlo: []string{"8BITMIME", "SMTPUTF8"}, passed: "<jörg@far.test>"},
		{name: "a domain beyond ASCII", rcpt: "dave@fär.test", ehlo: []string{"8BITMIME", "SMTPUTF8"}, passed: "<dave@xn--fr-via.test>"},
		{name: "not taken", rcpt: "jörg@far.test", ehlo: []string{"8BITMIME"}, notice: []string{
			"<jörg@far.test>:", "Status: 5.6.7", "Final-Recipient: utf-8; jörg@far.test", "Content-Type: message/global-delivery-status\n", "Content-Type: message/global\n", "Subject: Grüße\n",
		}},
		{name: "header not taken", rcpt: "dave@far.test", ehlo: []string{"8BITMIME"}, notice: []string{"Status: 5.6.7", "Final-Recipient: rfc822; dave@far.test"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			i, p := outbound(t, peer.Options{Name: "mx.far.test", Ehlo: c.ehlo},
				"virtual_alias_domains = bücher.example", "virtual_alias_maps = inline:{ {jürgen@bücher.example=bob@example.test} }",
				"transport_maps = inline:{ {fär.test=smtp:far.test} }")
			s := i.Dial()
			defer s.Close()
			if reply := s.Want("250-", "EHLO client.test"); !strings.Contains(reply, "SMTPUTF8") {
				t.Errorf("EHLO: %s", reply)
			}
			s.Want("250 ", "MAIL FROM:<alice@example.test> BODY=8BITMIME SMTPUTF8")
			s.Want("250 ", "RCPT TO:<jürgen@BÜCHER.example>")
			s.Want("250 ", "RCPT TO:<"+c.rcpt+">")
			s.Want("354 ", "DATA")
			s.Want("250 ", letter)
			got := instance.One(t, i.WaitMail("bob", 1))
			for _, want := range []string{" with UTF8SMTP id ", "Subject: Grüße\n"} {
				if !strings.Contains(got, want) {
					t.Errorf("bob's letter lacks %q:\n%s", want, got)
				}
			}
			if c.notice != nil {
				notice := strings.ReplaceAll(instance.One(t, i.WaitMail("alice", 1)), "\n    ", " ")
				for _, want := range c.notice {
					if !strings.Contains(notice, want) {
						t.Errorf("the notice lacks %q:\n%s", want, notice)
					}
				}
			}
			i.Until("the queue is empty", i.Drained)
			passed := ""
			for _, m := range p.Messages() {
				passed += strings.Join(m.Rcpt, " ")
				if !strings.HasSuffix(m.Mail, " SMTPUTF8") {
					t.Errorf("MAIL %s", m.Mail)
				}
			}
			if passed != c.passed {
				t.Errorf("passed on to %s, want %s", passed, c.passed)
			}
		})
	}
}
