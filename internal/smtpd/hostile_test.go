package smtpd

import (
	"fmt"
	"strings"
	"testing"
)

// What has made open relays of others: no stranger's mail for elsewhere is taken in
// whatever form, nor for a local user of such a name, whoever the sender says he is.
func TestRelayTricks(t *testing.T) {
	t.Parallel()
	tricks := []string{
		"victim@elsewhere.example", "victim%elsewhere.example@example.org", "victim%elsewhere.example@relayed.example",
		"elsewhere.example!victim@example.org", "elsewhere.example!victim@relayed.example", "@example.org:victim@elsewhere.example",
		"@example.org,@relayed.example:victim@elsewhere.example", `"victim@elsewhere.example"@example.org`, `"victim%elsewhere.example"`,
		"victim%elsewhere.example", "elsewhere.example!victim", "victim@[192.0.2.200]", "victim@[IPv6:2001:db8::1]", "victim@192.0.2.200",
		"victim@elsewhere.example@example.org", `victim@elsewhere.example\@example.org`, "victim@EXAMPLE.ORG.elsewhere.example",
		"victim@example.org.", "victim@elsewhere.example.", "victim@.example.org", "ann@example.org@elsewhere.example", `"ann"@elsewhere.example`,
		"ann@example.org,victim@elsewhere.example", "ann@example.org victim@elsewhere.example", "postmaster@elsewhere.example",
		"victim@xn--example-.org", "victim@example.org\x00.elsewhere.example", "victim@localhost", "victim@example。org",
	}
	for _, main := range [][]string{nil, {"allow_percent_hack = yes", "swap_bangpath = yes"}, {"smtpd_delay_reject = no", "strict_rfc821_envelopes = yes"}} {
		for _, sender := range []string{"eve@elsewhere.example", "ann@example.org", "postmaster@mx.example", ""} {
			r := newRig(t, append(main, "smtpd_hard_error_limit = 1000")...)
			conn := r.connect(stranger)
			conn.reply()
			conn.say("EHLO h")
			if got := conn.say("MAIL FROM:<" + sender + "> SMTPUTF8"); got[0] != '2' {
				t.Fatalf("%s: %s", sender, got)
			}
			for _, to := range tricks {
				if got := conn.say("RCPT TO:<" + to + ">"); got[0] != '5' {
					t.Errorf("%q, from %q, to %q: %s", main, sender, to, got)
				}
			}
			if got := conn.say("DATA"); got[0] != '5' {
				t.Errorf("DATA: %s", got)
			}
			conn.close()
		}
	}
}

// Who tries names until some are right is sent away, and what is said of a wrong
// one is the same for all.
func TestHarvest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	conn := r.connect(stranger)
	conn.reply()
	conn.say("HELO h")
	conn.say("MAIL FROM:<eve@elsewhere.example>")
	tried := 0
	for ; tried < 1000; tried++ {
		who := fmt.Sprintf("user%d@example.org", tried)
		got := conn.say("RCPT TO:<" + who + ">")
		if want := "550 5.1.1 <" + who + ">: Recipient address rejected: User unknown in local recipient table"; got != want {
			t.Fatalf("%s, want %s", got, want)
		}
		if tried == 19 { // smtpd_hard_error_limit is 20
			break
		}
	}
	if got := conn.reply(); got != "421 4.7.0 mx.example Error: too many errors" {
		t.Error(got)
	}
	conn.close()
}

// Words of a language that other systems have had in addresses are octets here:
// they are taken, or refused, as what they are, and kept so.
func TestAddressesAreNoLanguage(t *testing.T) {
	t.Parallel()
	r := newRig(t, "local_recipient_maps =", "smtpd_hard_error_limit = 1000")
	conn := r.connect(stranger)
	conn.reply()
	conn.say("EHLO h")
	words := []string{
		"${run{/bin/touch /tmp/x}}", "$(touch /tmp/x)", "`touch /tmp/x`", "|touch /tmp/x", "/tmp/x", ":include:/etc/passwd",
		"a;touch /tmp/x", "a\\b", "a&&b", "-oQ/tmp", "$sender", "${lookup{x}}", "\\name", "a'b",
	}
	for _, w := range words {
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(w) + `"`
		for _, line := range []string{"MAIL FROM:<" + quoted + "@elsewhere.example>", "RCPT TO:<" + quoted + "@example.org>", "DATA", "Subject: x\r\n\r\n."} {
			if got := conn.say(line); got[0] > '3' {
				t.Fatalf("%s: %s", line, got)
			}
		}
	}
	conn.close()
	for i, m := range r.taken() {
		if m.env.Sender != words[i]+"@elsewhere.example" || m.env.Recipients[0].Address != words[i]+"@example.org" {
			t.Errorf("%q became %q and %q", words[i], m.env.Sender, m.env.Recipients[0].Address)
		}
	}
}
