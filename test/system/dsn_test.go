package system

import (
	"strings"
	"testing"

	"yubin/test/instance"
	"yubin/test/peer"
)

// A letter through smtpd with DSN requests: who tells the sender what, by what
// the next hop can do (RFC 3461, 5.2).
func TestDSN(t *testing.T) {
	t.Parallel()
	plain := []string{"PIPELINING", "8BITMIME"}
	for _, c := range []struct {
		name, mail, rcpt string // commands behind the verb
		ehlo             []string
		script           peer.Script
		passed           string   // of RCPT, behind the path, as the peer has it
		log              string   // of the recipient
		want             []string // in the notice; nil: there is none
	}{
		{
			name: "next hop without DSN", ehlo: plain, mail: "<alice@example.test> RET=FULL ENVID=a+2Bb",
			rcpt: "<dave@far.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;dave+2Bx@far.test", log: "status=sent",
			want: []string{
				"Return-Path: <>", "Subject: Successful Mail Delivery Report", "To: alice@example.test", "Auto-Submitted: auto-replied",
				"handed to a mail system that sends no delivery reports", "Reporting-MTA: dns; mx.example.test", "Original-Envelope-Id: a+b",
				"Original-Recipient: rfc822;dave+x@far.test", "Final-Recipient: rfc822; dave@far.test", "Action: relayed", "Status: 2.0.0",
				"Remote-MTA: dns; mx.far.test", "Diagnostic-Code: smtp; 250 2.0.0 Ok: queued as 4711", "Content-Type: text/rfc822-headers", "Subject: far",
			},
		},
		{
			name: "next hop with DSN", mail: "<alice@example.test> RET=HDRS ENVID=a+2Bb",
			rcpt: "<dave@far.test> NOTIFY=SUCCESS ORCPT=rfc822;dave@far.test", log: "status=sent",
			passed: " NOTIFY=SUCCESS ORCPT=rfc822;dave@far.test",
		},
		{name: "nothing asked", ehlo: plain, mail: "<alice@example.test>", rcpt: "<dave@far.test>", log: "status=sent"},
		{
			name: "delivered here", mail: "<alice@example.test> ENVID=QQ1", rcpt: "<bob@example.test> NOTIFY=SUCCESS", log: "status=sent",
			want: []string{"<bob@example.test>: arrived: delivered to maildir", "Action: delivered", "Final-Recipient: rfc822; bob@example.test", "Original-Envelope-Id: QQ1"},
		},
		{
			name: "failure that nobody wants to hear of", mail: "<alice@example.test>", rcpt: "<dave@far.test> NOTIFY=NEVER",
			script: peer.Script{"RCPT": "550 5.1.1 no such user"}, log: "status=bounced", passed: "none",
		},
		{
			name: "failure", mail: "<alice@example.test>", rcpt: "<dave@far.test> NOTIFY=FAILURE", passed: "none",
			script: peer.Script{"RCPT": "550 5.1.1 no such user"}, log: "status=bounced", want: []string{"Action: failed", "Status: 5.1.1"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			i, p := outbound(t, peer.Options{Name: "mx.far.test", Ehlo: c.ehlo, Script: c.script})
			s := i.Dial()
			defer s.Close()
			if reply := s.Want("250-", "EHLO client.test"); !strings.Contains(reply, "250-DSN") {
				t.Errorf("EHLO: %s", reply)
			}
			s.Want("250 ", "MAIL FROM:"+c.mail)
			s.Want("250 ", "RCPT TO:"+c.rcpt)
			s.Want("354 ", "DATA")
			s.Want("250 ", "Subject: far\r\n\r\ntext of the letter\r\n.")
			to, _, _ := strings.Cut(c.rcpt, ">")
			i.WaitLog("to="+to+">", c.log)
			if c.want != nil {
				notice := instance.One(t, i.WaitMail("alice", 1))
				flat := strings.ReplaceAll(notice, "\n    ", " ")
				for _, want := range c.want {
					if !strings.Contains(flat, want) {
						t.Errorf("the notice lacks %q:\n%s", want, notice)
					}
				}
				if c.log == "status=sent" && strings.Contains(notice, "text of the letter") {
					t.Errorf("the report has the letter's text:\n%s", notice)
				}
			}
			i.Until("the queue is empty", i.Drained)
			if n := len(i.Mail("alice")); c.want == nil && n > 0 {
				t.Errorf("%d notices, want none: %v", n, i.Mail("alice"))
			}
			for _, m := range p.Messages() {
				if _, args, _ := strings.Cut(m.Rcpt[0], ">"); args != c.passed {
					t.Errorf("RCPT %q, want %q behind the path", m.Rcpt[0], c.passed)
				}
			}
		})
	}
}

// sendmail asks too.
func TestDSNSendmail(t *testing.T) {
	t.Parallel()
	i, _ := outbound(t, peer.Options{Name: "mx.far.test", Ehlo: []string{"8BITMIME"}})
	i.Sendmail("Subject: x\n\ny\n", "-N", "success", "-V", "id 1", "-f", "alice@example.test", "dave@far.test")
	notice := instance.One(t, i.WaitMail("alice", 1))
	for _, want := range []string{"Action: relayed\n", "Original-Envelope-Id: id 1\n"} {
		if !strings.Contains(notice, want) {
			t.Errorf("the notice lacks %q:\n%s", want, notice)
		}
	}
}
