package smtpd

import (
	"slices"
	"strings"
	"testing"
)

// Who may send as whom: a client of each kind, a sender, a restriction.
func TestSenderLogin(t *testing.T) {
	t.Parallel()
	const maps = "smtpd_sender_login_maps = inline:{ann@example.org=ann, {team@example.org=ann, eve bob}, @bobs.example=bob, carl=carl, " +
		"dora@example.org=dora@users.example}"
	const owned, login = "not owned by user ann", "not logged in"
	both := []string{"reject_sender_login_mismatch"}
	for _, c := range []struct {
		restrictions []string
		login        bool
		sender, want string
	}{
		{both, true, "ann@example.org", ""},
		{both, true, "Ann@Example.Org", ""},
		{both, true, "ann+list@example.org", ""},
		{both, true, "team@example.org", ""},
		{both, true, "bob@bobs.example", owned},
		{both, true, "carl@example.org", owned},
		{both, true, "nobody@elsewhere.example", owned},
		{both, true, "", ""},
		{both, false, "ann@example.org", login},
		{both, false, "x@bobs.example", login},
		{both, false, "nobody@elsewhere.example", ""},
		{both, false, "", ""},
		{[]string{"reject_authenticated_sender_login_mismatch"}, true, "bob@bobs.example", owned},
		{[]string{"reject_authenticated_sender_login_mismatch"}, true, "nobody@elsewhere.example", owned},
		{[]string{"reject_authenticated_sender_login_mismatch"}, false, "ann@example.org", ""},
		{[]string{"reject_unauthenticated_sender_login_mismatch"}, true, "bob@bobs.example", ""},
		{[]string{"reject_unauthenticated_sender_login_mismatch"}, false, "ann@example.org", login},
		{[]string{"reject_known_sender_login_mismatch"}, true, "nobody@elsewhere.example", ""},
		{[]string{"reject_known_sender_login_mismatch"}, true, "bob@bobs.example", owned},
		{[]string{"reject_known_sender_login_mismatch"}, false, "ann@example.org", login},
		{[]string{"permit_sasl_authenticated", "reject"}, true, "bob@bobs.example", ""},
		{[]string{"permit_sasl_authenticated", "reject"}, false, "x@y.example", "Access denied"},
		{[]string{"check_sasl_access", "inline:{{ann=REJECT spammer}}"}, true, "ann@example.org", "spammer"},
		{[]string{"check_sasl_access", "inline:{{ann=REJECT spammer}}"}, false, "x@y.example", ""},
	} {
		r, _ := authRig(t, maps, "recipient_delimiter = +", "smtpd_sender_restrictions = "+strings.Join(c.restrictions, " "))
		conn := r.connect(stranger)
		conn.reply()
		conn.say("EHLO h")
		if c.login {
			conn.say("AUTH PLAIN " + plainAnn)
		}
		conn.say("MAIL FROM:<" + c.sender + ">")
		got := conn.say("RCPT TO:<ann@example.org>")
		conn.close()
		switch {
		case c.want == "" && got != "250 2.1.5 Ok":
			t.Errorf("%v, login %t, %s: %s", c.restrictions, c.login, c.sender, got)
		case c.want == owned || c.want == login:
			want := "553 5.7.1 <" + c.sender + ">: Sender address rejected: " + c.want
			if got != want {
				t.Errorf("%v, login %t, %s: got %s, want %s", c.restrictions, c.login, c.sender, got, want)
			}
			line := "NOQUEUE: reject: RCPT from unknown[192.0.2.1]: " + want + "; from=<" + c.sender + "> to=<ann@example.org> proto=ESMTP helo=<h>"
			if c.login {
				line += " sasl_method=PLAIN sasl_username=ann"
			}
			if log := r.logged(); !slices.Contains(log, line) {
				t.Errorf("log: %q, want %q", log, line)
			}
		case !strings.Contains(got, c.want):
			t.Errorf("%v, login %t, %s: %s", c.restrictions, c.login, c.sender, got)
		}
	}
}

// Without the tables nobody can say whose a sender is.
func TestSenderLoginUnknown(t *testing.T) {
	t.Parallel()
	r, _ := authRig(t, "smtpd_sender_login_maps = fail:x", "smtpd_sender_restrictions = reject_sender_login_mismatch")
	conn := r.connect(stranger)
	conn.reply()
	conn.say("EHLO h")
	conn.say("MAIL FROM:<ann@example.org>")
	if got := conn.say("RCPT TO:<ann@example.org>"); got != "451 4.3.0 <ann@example.org>: Temporary lookup failure" {
		t.Error(got)
	}
	conn.close()
}

func TestPlaintextSession(t *testing.T) {
	t.Parallel()
	r, _ := authRig(t, "smtpd_client_restrictions = reject_plaintext_session")
	conn := r.connect(stranger)
	conn.reply()
	conn.say("EHLO h")
	conn.say("MAIL FROM:<ann@example.org>")
	if got := conn.say("RCPT TO:<ann@example.org>"); got != "450 4.7.1 <unknown[192.0.2.1]>: Client host rejected: Session encryption is required" {
		t.Error(got)
	}
	conn.close()
}
