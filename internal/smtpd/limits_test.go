package smtpd

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// Recipients beyond the limit are free up to smtpd_recipient_overshoot_limit, and
// errors behind it; those that were taken stay.
func TestOvershoot(t *testing.T) {
	t.Parallel()
	r := newRig(t, "smtpd_recipient_limit = 1", "smtpd_recipient_overshoot_limit = 2", "smtpd_hard_error_limit = 2")
	conn := r.connect(stranger)
	conn.play(`
		S: 220 ...
		C: HELO h
		S: 250 mx.example
		C: MAIL FROM:<a@b.example>
		S: 250 2.1.0 Ok
		C: RCPT TO:<ann@example.org>
		S: 250 2.1.5 Ok
		C: RCPT TO:<bob@example.org>
		S: 452 4.5.3 Error: too many recipients
		C: RCPT TO:<bob@example.org>
		S: 452 4.5.3 Error: too many recipients
		C: RCPT TO:<bob@example.org>
		S: 452 4.5.3 Error: too many recipients
		C: DATA
		S: 354 ...
		C: Subject: x
		C: .
		S: 250 2.0.0 Ok: queued as ...
		C: MAIL FROM:<a@b.example>
		S: 250 2.1.0 Ok
		C: RCPT TO:<ann@example.org>
		S: 250 2.1.5 Ok
		C: RCPT TO:<bob@example.org>
		S: 452 4.5.3 Error: too many recipients
		C: RCPT TO:<bob@example.org>
		S: 452 4.5.3 Error: too many recipients
		C: RCPT TO:<bob@example.org>
		S: 452 4.5.3 Error: too many recipients
		C: RCPT TO:<bob@example.org>
		S: 452 4.5.3 Error: too many recipients
		S: 421 4.7.0 mx.example Error: too many errors`)
	conn.close()
	if m := r.taken(); len(m) != 1 || len(m[0].env.Recipients) != 1 {
		t.Errorf("queued %+v", m)
	}
}

// A line beyond line_length_limit is skipped, however long, and the session goes
// on; one that fits with its end is a line.
func TestLineLimit(t *testing.T) {
	t.Parallel()
	r := newRig(t, "line_length_limit = 512")
	conn := r.connect(stranger)
	conn.reply()
	for _, c := range []struct {
		length int
		want   string
	}{{511, "250 2.0.0 Ok"}, {513, "500 5.5.2 Error: line too long"}, {100000, "500 5.5.2 Error: line too long"}, {6, "250 2.0.0 Ok"}} {
		if got := conn.say("NOOP " + strings.Repeat("x", c.length-5)); got != c.want {
			t.Errorf("%d octets: %s", c.length, got)
		}
	}
	conn.close()
}

// Lines that are too long are errors like others: a client that sends nothing else
// has to go, too.
func TestLongLinesAreErrors(t *testing.T) {
	t.Parallel()
	r := newRig(t, "line_length_limit = 512", "smtpd_hard_error_limit = 2")
	conn := r.connect(stranger)
	conn.reply()
	long := strings.Repeat("x", 600)
	for range 2 {
		if got := conn.say(long); got != "500 5.5.2 Error: line too long" {
			t.Error(got)
		}
	}
	conn.c.SetReadDeadline(time.Now().Add(time.Minute))
	if got := conn.reply(); got != "421 4.7.0 mx.example Error: too many errors" {
		t.Error(got)
	}
	conn.close()
}

// VRFY says the same of who exists, who does not, and who is elsewhere; EXPN is no
// command.
func TestVerifyTellsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	conn := r.connect(stranger)
	conn.reply()
	for _, who := range []string{"ann@example.org", "nobody@example.org", "x@elsewhere.example"} {
		if got := conn.say("VRFY <" + who + ">"); got != "252 2.0.0 "+who {
			t.Errorf("%s: %s", who, got)
		}
	}
	if got := conn.say("EXPN ann"); got != "500 5.5.2 Error: command not recognized" {
		t.Error(got)
	}
	conn.close()
}

// A large line_length_limit leaves more in the buffer than the one for message data
// has room for: nothing of it is lost.
func TestLongLineBeforeChunk(t *testing.T) {
	t.Parallel()
	r := newRig(t, "line_length_limit = 60000")
	conn := r.connect(stranger)
	conn.reply()
	conn.say("EHLO h")
	body := "\r\n" + strings.Repeat("0123456789abcd\r\n", 4000)
	text := "MAIL FROM:<" + strings.Repeat("x", 50000) + "\r\nMAIL FROM:<" + strings.Repeat("x", 20000) + "\r\n" +
		"MAIL FROM:<a@b.example>\r\nRCPT TO:<ann@example.org>\r\nBDAT " + strconv.Itoa(len(body)) + " LAST\r\n" + body + "QUIT\r\n"
	go conn.c.Write([]byte(text))
	conn.c.SetReadDeadline(time.Now().Add(time.Minute))
	for _, want := range []string{"501 5.1.7", "501 5.1.7", "250 2.1.0", "250 2.1.5", "250 2.0.0", "221 2.0.0"} {
		if got := conn.reply(); !strings.HasPrefix(got, want) {
			t.Fatalf("got %q, want %s", got, want)
		}
	}
	conn.close()
	if m := r.taken(); len(m) != 1 || m[0].body() != strings.ReplaceAll(body, "\r\n", "\n") {
		t.Error("the message is another one")
	}
}
