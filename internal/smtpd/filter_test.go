package smtpd

import (
	"strings"
	"testing"

	"yubin/internal/queue"
)

// What of content_filter and FILTER goes along with a message.
func TestFilter(t *testing.T) {
	t.Parallel()
	const table = " inline:{ {192.0.2.1=FILTER client:x} {client.example=FILTER helo:} {eve@y.example=FILTER sender:} {ann@example.org=FILTER rcpt:1} {bob@example.org=FILTER rcpt:2} }"
	for _, c := range []struct{ name, main, want string }{
		{"none", "", ""},
		{"content_filter", "content_filter = scan:localhost:10025", "scan:localhost:10025"},
		{"default next hop", "content_filter = scan\ndefault_filter_nexthop = here", "scan:here"},
		{"client", "content_filter = scan:\nsmtpd_client_restrictions = check_client_access" + table, "client:x"},
		{"client, at once", "smtpd_delay_reject = no\nsmtpd_client_restrictions = check_client_access" + table, "client:x"},
		{"the last one", "smtpd_sender_restrictions = check_sender_access" + table + "\nsmtpd_recipient_restrictions = check_recipient_access" + table, "rcpt:2"},
		{"sender, at once", "smtpd_delay_reject = no\ndefault_filter_nexthop = there\nsmtpd_helo_restrictions = check_helo_access" + table +
			"\nsmtpd_sender_restrictions = check_sender_access" + table, "sender:there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, strings.Split(c.main, "\n")...)
			cl := r.connect(stranger)
			cl.reply()
			for range 2 {
				for _, line := range []string{"EHLO client.example", "MAIL FROM:<eve@y.example>", "RCPT TO:<ann@example.org>", "RCPT TO:<bob@example.org>", "DATA"} {
					if got := cl.say(line); got[0] > '3' {
						t.Fatalf("%s: %s", line, got)
					}
				}
				cl.send("Subject: x\r\n\r\ny\r\n.\r\n")
				if got := cl.reply(); got[0] != '2' {
					t.Fatal(got)
				}
			}
			cl.say("QUIT")
			cl.close()
			for _, m := range r.taken() {
				if got := m.env.Attrs[queue.AttrFilter]; got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
			}
		})
	}
}
