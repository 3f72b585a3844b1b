package smtpd

import (
	"slices"
	"strings"
	"testing"
)

// A client that speaks another protocol, or sends a header where commands belong,
// gets one answer; whoever only errs goes on.
func TestForeignCommands(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		main, line string
		over       bool
	}{
		{"", "POST / HTTP/1.1", true},
		{"", "get /", true},
		{"", "Subject: a letter", true},
		{"", "Host:127.0.0.1", true},
		{"", "FETCH 1:*", false},
		{"", ": x", false},
		{"", "PUT / HTTP/1.1", false},
		{"smtpd_forbidden_commands = inline:{put=x}", "PUT / HTTP/1.1", true},
		{"smtpd_forbidden_commands =", "POST / HTTP/1.1", false},
		{"smtpd_forbidden_commands = fail:", "PUT / HTTP/1.1", false},
	} {
		r := newRig(t, c.main)
		conn := r.connect(stranger)
		conn.reply()
		got := conn.say(c.line)
		if want := "221 2.7.0 Error: I can break rules, too. Goodbye."; (got == want) != c.over || !c.over && !strings.HasPrefix(got, "500 5.5.2 ") {
			t.Errorf("%q, %q: %q", c.main, c.line, got)
		}
		if !c.over && !strings.HasPrefix(conn.say("NOOP"), "250 ") {
			t.Errorf("%q, %q: the session is over", c.main, c.line)
		}
		conn.close()
		told := slices.ContainsFunc(r.logged(), func(l string) bool {
			return strings.Contains(l, "warning: non-SMTP command from ") && strings.HasSuffix(l, ": "+c.line)
		})
		if told != c.over {
			t.Errorf("%q, %q: the log has %q", c.main, c.line, r.logged())
		}
	}
}

// smtpd_noop_commands stand for NOOP.
func TestNoopCommands(t *testing.T) {
	t.Parallel()
	r := newRig(t, "smtpd_noop_commands = onex, VERB")
	c := r.connect(stranger)
	c.play(`
		S: 220 ...
		C: ONEX
		S: 250 2.0.0 Ok
		C: verb now
		S: 250 2.0.0 Ok
		C: OTHER
		S: 500 ...
		C: QUIT
		S: 221 2.0.0 Bye`)
	c.close()
}

// What a client sends out of step with AUTH may be a password: the log does not
// have it.
func TestForeignSecret(t *testing.T) {
	t.Parallel()
	r := newRig(t, "smtpd_forbidden_commands = inline:{ginger=x}")
	for _, secret := range []string{"bob:ginger", "ginger"} {
		conn := r.connect(stranger)
		conn.reply()
		conn.say("AUTH LOGIN")
		if got := conn.say(secret); !strings.HasPrefix(got, "221 2.7.0 ") {
			t.Errorf("%s", got)
		}
		conn.close()
	}
	log := strings.Join(r.logged(), "\n")
	if strings.Contains(log, "ginger") || !strings.Contains(log, "non-SMTP command from ") {
		t.Errorf("the log has %s", log)
	}
}
