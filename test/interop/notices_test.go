//go:build interop

package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"yubin/test/dns"
	"yubin/test/instance"
	remote "yubin/test/peer"
)

// readByPython prints what Python's email package finds in a notice.
const readByPython = `
import email, email.policy, sys
m = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)
assert m.get_content_type() == "multipart/report" and m.get_param("report-type") == "delivery-status", m["content-type"]
assert not m.defects, m.defects
text, status, returned = m.iter_parts()
assert text.get_content_type() == "text/plain" and "This is the mail system" in text.get_content()
blocks = status.get_payload()
assert "Reporting-MTA" in blocks[0] and not any(p.defects for p in (text, status, returned))
for b in blocks[1:]:
    print(m["subject"], b["final-recipient"], b["action"], b["status"], returned.get_content_type(), sep="|")
`

// readByPerl prints what Mail::DeliveryStatus::BounceParser, which mailing lists
// use, makes of it.
const readByPerl = `
use Mail::DeliveryStatus::BounceParser;
my $b = Mail::DeliveryStatus::BounceParser->new(join "", <STDIN>);
print $b->is_bounce ? "bounce" : "none";
printf " %s %s %s", $_->get("email"), $_->get("std_reason"), $_->get("smtp_code") // "" for $b->reports;
print "\n";
`

// The notices of a failure, a delay and a delivery are understood by what others
// read them with.
func TestNoticesAreUnderstood(t *testing.T) {
	t.Parallel()
	need(t, "python3")
	need(t, "perl")
	p := remote.Start(t, remote.Options{Name: "mx.far.test", Ehlo: []string{"PIPELINING"}, Script: remote.Script{
		"RCPT no@far.test": "550 5.1.1 no such user", "RCPT full@far.test": "552 5.2.2 mailbox full", "RCPT late@far.test": "450 4.2.2 mailbox full",
	}})
	d := dns.Start(t)
	d.Zone("far.test", "@ MX 10 mx\nmx A 127.0.0.1")
	i := instance.New(t, instance.Options{Main: []string{
		"resolver_addresses = " + d.Addr(), fmt.Sprintf("smtp_tcp_port = %d", p.Port()), "delay_warning_time = 1s",
	}})
	for _, c := range []struct{ rcpt, python, perl string }{
		{"no", "Undelivered Mail Returned to Sender|rfc822; no@far.test|failed|5.1.1|message/rfc822", "bounce no@far.test user_unknown 550"},
		{"full", "Undelivered Mail Returned to Sender|rfc822; full@far.test|failed|5.2.2|message/rfc822", "bounce full@far.test over_quota 552"},
		{"yes", "Successful Mail Delivery Report|rfc822; yes@far.test|relayed|2.0.0|text/rfc822-headers", "none"},
		{"late", "Delayed Mail (still being retried)|rfc822; late@far.test|delayed|4.2.2|text/rfc822-headers", "none"},
	} {
		before := i.Mail("alice")
		s := i.Dial()
		s.Want("250-", "EHLO client.test")
		s.Want("250 ", "MAIL FROM:<alice@example.test>")
		s.Want("250 ", "RCPT TO:<"+c.rcpt+"@far.test> NOTIFY=SUCCESS,FAILURE,DELAY")
		s.Want("354 ", "DATA")
		s.Want("250 ", "Subject: x\r\n\r\ny\r\n.")
		s.Close()
		if c.rcpt == "late" {
			i.WaitLog("to=<late@far.test>", "status=deferred")
			begun := time.Now()
			i.Until("the time of the warning", func() bool { return time.Since(begun) > 1100*time.Millisecond })
			i.Mailctl("queue", "flush")
		}
		for name, mail := range i.WaitMail("alice", len(before)+1) {
			if _, old := before[name]; old {
				continue
			}
			if got := strings.TrimSpace(succeed(t, mail, "python3", "-c", readByPython)); got != c.python {
				t.Errorf("Python reads\n%s\nwant\n%s", got, c.python)
			}
			if got := strings.TrimSpace(succeed(t, mail, "perl", "-e", readByPerl)); got != c.perl {
				t.Errorf("Perl reads\n%s\nwant\n%s\nof\n%s", got, c.perl, mail)
			}
		}
	}
}
