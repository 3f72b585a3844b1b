package smtpd

import (
	"strings"
	"testing"

	"yubin/internal/queue"
)

// Addresses beyond ASCII: which are taken, and what becomes of them.
func TestSMTPUTF8(t *testing.T) {
	t.Parallel()
	const here = "mydestination = bücher.example, example.org\nlocal_recipient_maps = inline:{ann=x, jürgen=x}"
	for _, tc := range []struct {
		name, main string
		mail, rcpt string
		want       string // the first refusal, or sender, recipient and protocol
		flag       string
	}{
		{"both", here, "<jürgen@ä.example> SMTPUTF8", "<jürgen@bücher.example>", "jürgen@xn--4ca.example jürgen@xn--bcher-kva.example UTF8SMTP", "yes"},
		{"domains in A-labels", here, "<ann@xn--4ca.example>", "<ann@xn--bcher-kva.example>", "ann@xn--4ca.example ann@xn--bcher-kva.example ESMTP", ""},
		{"listed in A-labels", "mydestination = xn--bcher-kva.example\nlocal_recipient_maps = inline:{ann=x}", "<>", "<ann@BÜCHER.example>", " ann@xn--bcher-kva.example ESMTP", ""},
		{"an alias in U-labels", "virtual_alias_domains =\nvirtual_alias_maps = inline:{ {ann@ä.example=bob@example.org} }\nrelay_domains = ä.example", "<>", "<ann@xn--4ca.example>", " bob@example.org ESMTP", ""},
		{"not declared", here, "<>", "<jürgen@bücher.example>", " jürgen@xn--bcher-kva.example ESMTP", ""},
		{"strict", here + "\nstrict_smtputf8 = yes", "<>", "<jürgen@bücher.example>", "553 5.6.7 Must declare SMTPUTF8 to send unicode address", ""},
		{"strict sender", here + "\nstrict_smtputf8 = yes", "<ä@b.example>", "", "553 5.6.7 Must declare SMTPUTF8 to send unicode address", ""},
		{"strict and declared", here + "\nstrict_smtputf8 = yes", "<> SMTPUTF8", "<jürgen@bücher.example>", " jürgen@xn--bcher-kva.example UTF8SMTP", "yes"},
		{"off", here + "\nsmtputf8_enable = no", "<> SMTPUTF8", "", "555 5.5.4 Unsupported option: SMTPUTF8", ""},
		{"off, an address", here + "\nsmtputf8_enable = no", "<ä@b.example>", "", "501 5.1.7 Bad address syntax: SMTPUTF8 is not offered", ""},
		{"off, a recipient", here + "\nsmtputf8_enable = no", "<>", "<jürgen@example.org>", "501 5.1.3 Bad address syntax: SMTPUTF8 is not offered", ""},
		{"kept from the client", here + "\nsmtpd_discard_ehlo_keywords = smtputf8", "<> SMTPUTF8", "", "555 5.5.4 Unsupported option: SMTPUTF8", ""},
		{"with a value", here, "<> SMTPUTF8=1", "", "501 5.5.4 Bad SMTPUTF8 parameter syntax", ""},
		{"nobody", here, "<> SMTPUTF8", "<é@bücher.example>", "550 5.1.1 <?@b?cher.example>: Recipient address rejected: User unknown in local recipient table", ""},
		{"no relay", here, "<> SMTPUTF8", "<é@ö.example>", "554 5.7.1 <?@?.example>: Relay access denied", ""},
		{"not UTF-8", here, "<\xe4@b.example> SMTPUTF8", "", "500 5.5.2 Error: bad UTF-8 syntax", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, tc.main)
			c := r.connect(stranger)
			defer c.close()
			c.reply()
			offered := strings.Contains(c.say("EHLO h"), "SMTPUTF8")
			if off := strings.HasPrefix(tc.name, "off") || strings.HasPrefix(tc.name, "kept"); offered == off {
				t.Errorf("offered: %t", offered)
			}
			got := ""
			for _, line := range []string{"MAIL FROM:" + tc.mail, "RCPT TO:" + tc.rcpt, "BDAT 0 LAST"} {
				if got = c.say(line); got[0] != '2' {
					break
				}
			}
			if got[0] == '2' {
				m := r.taken()[0]
				_, with, _ := strings.Cut(m.content, " with ")
				with, _, _ = strings.Cut(with, " ")
				got = m.env.Sender + " " + m.env.Recipients[0].Address + " " + with
				if flag := m.env.Attrs[queue.AttrUTF8]; flag != tc.flag {
					t.Errorf("flag %q, want %q", flag, tc.flag)
				}
			}
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}
