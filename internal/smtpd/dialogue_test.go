package smtpd

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Dialogues, each with lines of main.cf. They are played by a stranger and,
// where inside is set, by a client of mynetworks.
var dialogues = []struct {
	name   string
	main   []string
	inside bool
	script string
	log    []string // lines that must be there, in this order
}{
	{name: "letter", script: `
		S: 220 mx.example ESMTP Yubin
		C: EHLO client.example
		S: 250-mx.example
		S: 250-PIPELINING
		S: 250-SIZE 10240000
		S: 250-VRFY
		S: 250-ETRN
		S: 250-ENHANCEDSTATUSCODES
		S: 250-8BITMIME
		S: 250-DSN
		S: 250-SMTPUTF8
		S: 250-CHUNKING
		S: 250-BINARYMIME
		S: 250 LIMITS RCPTMAX=1000
		C: MAIL FROM:<eve@elsewhere.example> SIZE=100 BODY=8BITMIME
		S: 250 2.1.0 Ok
		C: RCPT TO:<ann@example.org>
		S: 250 2.1.5 Ok
		C: DATA
		S: 354 End data with <CR><LF>.<CR><LF>
		C: Subject: x
		C: Message-ID: <1@elsewhere.example>
		C: 
		C: text
		C: .
		S: 250 2.0.0 Ok: queued as 00000000000010
		C: QUIT
		S: 221 2.0.0 Bye`,
		log: []string{
			"connect from unknown[192.0.2.1]",
			"00000000000010: client=unknown[192.0.2.1]",
			"cleanup: 00000000000010: message-id=<1@elsewhere.example>",
			"disconnect from unknown[192.0.2.1] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5",
		}},
	{name: "old client", script: `
		S: 220 mx.example ESMTP Yubin
		C: helo client
		S: 250 mx.example
		C: mail from: ann@example.org
		S: 250 2.1.0 Ok
		C: rcpt to: bob@example.org
		S: 250 2.1.5 Ok
		C: quit
		S: 221 2.0.0 Bye`},
	{name: "order of commands", script: `
		S: 220 ...
		C: RCPT TO:<ann@example.org>
		S: 503 5.5.1 Error: need MAIL command
		C: DATA
		S: 503 5.5.1 Error: need RCPT command
		C: MAIL FROM:<>
		S: 250 2.1.0 Ok
		C: MAIL FROM:<>
		S: 503 5.5.1 Error: nested MAIL command
		C: DATA
		S: 503 5.5.1 Error: need RCPT command
		C: RCPT TO:<nobody@example.org>
		S: 550 5.1.1 <nobody@example.org>: Recipient address rejected: User unknown in local recipient table
		C: DATA
		S: 554 5.5.1 Error: no valid recipients
		C: RSET
		S: 250 2.0.0 Ok
		C: RCPT TO:<ann@example.org>
		S: 503 5.5.1 Error: need MAIL command
		C: QUIT
		S: 221 2.0.0 Bye`,
		log: []string{
			"NOQUEUE: reject: RCPT from unknown[192.0.2.1]: 550 5.1.1 <nobody@example.org>: Recipient address rejected: User unknown in local recipient table; from=<> to=<nobody@example.org> proto=SMTP",
			"disconnect from unknown[192.0.2.1] mail=1/2 rcpt=0/3 data=0/3 rset=1 quit=1 commands=3/10",
		}},
	{name: "syntax", main: []string{"smtpd_hard_error_limit = 100"}, script: `
		S: 220 ...
		C: 
		S: 500 5.5.2 Error: command not recognized
		C: XYZZY
		S: 500 5.5.2 Error: command not recognized
		C: EHLO
		S: 501 5.5.4 Syntax: EHLO hostname
		C: HELO
		S: 501 5.5.4 Syntax: HELO hostname
		C: MAIL
		S: 501 5.5.4 Syntax: MAIL FROM:<address>
		C: MAIL FROM:<a b>
		S: 501 5.1.7 Bad sender address syntax
		C: MAIL FROM:<a@b.example> SIZE=x
		S: 501 5.5.4 Bad message size syntax
		C: MAIL FROM:<a@b.example> BODY=9BIT
		S: 501 5.5.4 Bad parameter syntax: BODY=9BIT
		C: MAIL FROM:<a@b.example> AUTH=<>
		S: 555 5.5.4 Unsupported option: AUTH=<>
		C~ MAIL FROM:<a@b\xff.example>\r\n
		S: 500 5.5.2 Error: bad UTF-8 syntax
		C~ MAIL FROM:<\"a\x07b\"@b.example>\r\n
		S: 501 5.1.7 Bad sender address syntax
		C: MAIL FROM:<a@b.example>
		S: 250 2.1.0 Ok
		C: RCPT TO:<>
		S: 501 5.1.3 Bad recipient address syntax
		C: RCPT TO:<ann@example.org> MT-PRIORITY=3
		S: 555 5.5.4 Unsupported option: MT-PRIORITY=3
		C: RCPT TO:<ann@example.org>
		S: 250 2.1.5 Ok
		C: DATA x
		S: 501 5.5.4 Syntax: DATA
		C: RSET x
		S: 501 5.5.4 Syntax: RSET
		C: QUIT x
		S: 501 5.5.4 Syntax: QUIT
		C: NOOP x
		S: 250 2.0.0 Ok
		C: HELP
		S: 214 2.0.0 Commands: HELO EHLO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY ETRN HELP QUIT
		C: VRFY nobody@example.org
		S: 252 2.0.0 nobody@example.org
		C: VRFY
		S: 501 5.5.4 Syntax: VRFY address
		C: QUIT
		S: 221 2.0.0 Bye`},
	{name: "relaying is for mynetworks", script: `
		S: 220 ...
		C: EHLO h
		S: 250-mx.example
		S: 250-PIPELINING
		S: 250-SIZE 10240000
		S: 250-VRFY
		S: 250-ETRN
		S: 250-ENHANCEDSTATUSCODES
		S: 250-8BITMIME
		S: 250-DSN
		S: 250-SMTPUTF8
		S: 250-CHUNKING
		S: 250-BINARYMIME
		S: 250 LIMITS RCPTMAX=1000
		C: MAIL FROM:<ann@example.org>
		S: 250 2.1.0 Ok
		C: RCPT TO:<x@elsewhere.example>
		S: 554 5.7.1 <x@elsewhere.example>: Relay access denied
		C: RCPT TO:<x%elsewhere.example@relayed.example>
		S: 554 5.7.1 <x%elsewhere.example@relayed.example>: Relay access denied
		C: RCPT TO:<"x@elsewhere.example"@example.org>
		S: 554 5.7.1 <x@elsewhere.example@example.org>: Relay access denied
		C: RCPT TO:<@example.org:x@elsewhere.example>
		S: 554 5.7.1 <x@elsewhere.example>: Relay access denied
		C: RCPT TO:<x@[192.0.2.9]>
		S: 554 5.7.1 <x@[192.0.2.9]>: Relay access denied
		C: RCPT TO:<elsewhere.example!x@example.org>
		S: 550 5.1.1 ...
		C: RCPT TO:<x@relayed.example>
		S: 250 2.1.5 Ok
		C: RCPT TO:<postmaster>
		S: 250 2.1.5 Ok
		C: QUIT
		S: 221 2.0.0 Bye`,
		log: []string{
			"NOQUEUE: reject: RCPT from unknown[192.0.2.1]: 554 5.7.1 <x@elsewhere.example>: Relay access denied; from=<ann@example.org> to=<x@elsewhere.example> proto=ESMTP helo=<h>",
		}},
	{name: "mynetworks", inside: true, script: `
		S: 220 ...
		C: HELO h
		S: 250 mx.example
		C: MAIL FROM:<ann@example.org>
		S: 250 2.1.0 Ok
		C: RCPT TO:<x@elsewhere.example>
		S: 250 2.1.5 Ok
		C: RCPT TO:<nobody@example.org>
		S: 550 5.1.1 ...
		C: QUIT
		S: 221 2.0.0 Bye`},
	{name: "pipelining", script: `
		S: 220 ...
		C: EHLO h
		S: 250-mx.example
		S: 250-PIPELINING
		S: 250-SIZE 10240000
		S: 250-VRFY
		S: 250-ETRN
		S: 250-ENHANCEDSTATUSCODES
		S: 250-8BITMIME
		S: 250-DSN
		S: 250-SMTPUTF8
		S: 250-CHUNKING
		S: 250-BINARYMIME
		S: 250 LIMITS RCPTMAX=1000
		C~ MAIL FROM:<a@b.example>\r\nRCPT TO:<ann@example.org>\r\nRCPT TO:<nobody@example.org>\r\nDATA\r\n
		S: 250 2.1.0 Ok
		S: 250 2.1.5 Ok
		S: 550 5.1.1 ...
		S: 354 ...
		C~ x\r\n.\r\nMAIL FROM:<a@b.example>\r\nRSET\r\nQUIT\r\n
		S: 250 2.0.0 Ok: queued as ...
		S: 250 2.1.0 Ok
		S: 250 2.0.0 Ok
		S: 221 2.0.0 Bye`},
	{name: "pipelining where it is not allowed", script: `
		S: 220 ...
		C~ HELO h\r\nMAIL FROM:<a@b.example>\r\n
		S: 554 5.5.0 Error: SMTP protocol synchronization`,
		log: []string{
			"improper command pipelining after HELO from unknown[192.0.2.1]: MAIL FROM:<a@b.example>??",
			"disconnect from unknown[192.0.2.1] helo=0/1 commands=0/1",
		}},
	{name: "message sent ahead", script: `
		S: 220 ...
		C: EHLO h
		S: 250-mx.example
		S: 250-PIPELINING
		S: 250-SIZE 10240000
		S: 250-VRFY
		S: 250-ETRN
		S: 250-ENHANCEDSTATUSCODES
		S: 250-8BITMIME
		S: 250-DSN
		S: 250-SMTPUTF8
		S: 250-CHUNKING
		S: 250-BINARYMIME
		S: 250 LIMITS RCPTMAX=1000
		C: MAIL FROM:<a@b.example>
		S: 250 2.1.0 Ok
		C: RCPT TO:<ann@example.org>
		S: 250 2.1.5 Ok
		C~ DATA\r\nx\r\n.\r\n
		S: 554 5.5.0 Error: SMTP protocol synchronization`},
	{name: "message sent ahead, taken", main: []string{"smtpd_forbid_unauth_pipelining = no"}, script: `
		S: 220 ...
		C~ HELO h\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n
		S: 250 mx.example
		S: 250 2.1.0 Ok
		S: 250 2.1.5 Ok
		S: 354 ...
		S: 250 2.0.0 Ok: queued as ...
		S: 221 2.0.0 Bye`},
	{name: "size", main: []string{"message_size_limit = 1000"}, script: `
		S: 220 ...
		C: MAIL FROM:<a@b.example> SIZE=1001
		S: 552 5.3.4 Message size exceeds fixed limit
		C: MAIL FROM:<a@b.example> SIZE=99999999999999999999
		S: 552 5.3.4 Message size exceeds fixed limit
		C: MAIL FROM:<a@b.example> SIZE=1000
		S: 250 2.1.0 Ok
		C: RCPT TO:<ann@example.org>
		S: 250 2.1.5 Ok
		C: DATA
		S: 354 ...
		C: ` + strings.Repeat("x", 1000) + `
		C: more
		C: .
		S: 552 5.3.4 Message size exceeds fixed limit
		C: MAIL FROM:<a@b.example>
		S: 250 2.1.0 Ok
		C: QUIT
		S: 221 2.0.0 Bye`,
		log: []string{
			"NOQUEUE: reject: MAIL from unknown[192.0.2.1]: 552 5.3.4 Message size exceeds fixed limit; from=<a@b.example> proto=SMTP",
			"00000000000010: reject: END-OF-MESSAGE from unknown[192.0.2.1]: 552 5.3.4 Message size exceeds fixed limit; from=<a@b.example> proto=SMTP",
		}},
	{name: "header field", main: []string{"header_size_limit = 100"}, script: `
		S: 220 ...
		C: MAIL FROM:<a@b.example>
		S: 250 2.1.0 Ok
		C: RCPT TO:<ann@example.org>
		S: 250 2.1.5 Ok
		C: DATA
		S: 354 ...
		C: To: ` + strings.Repeat("x", 50) + `
		C: 	` + strings.Repeat("x", 50) + `
		C: 
		C: text
		C: .
		S: 552 5.3.4 Error: header field too large
		C: QUIT
		S: 221 2.0.0 Bye`},
	{name: "hops", main: []string{"hopcount_limit = 2"}, script: `
		S: 220 ...
		C: MAIL FROM:<a@b.example>
		S: 250 2.1.0 Ok
		C: RCPT TO:<ann@example.org>
		S: 250 2.1.5 Ok
		C: DATA
		S: 354 ...
		C: Received: a
		C: Received: b
		C: 
		C: .
		S: 554 5.4.0 Error: too many hops
		C: QUIT
		S: 221 2.0.0 Bye`},
	{name: "recipients", main: []string{"smtpd_recipient_limit = 2"}, script: `
		S: 220 ...
		C: MAIL FROM:<a@b.example>
		S: 250 2.1.0 Ok
		C: RCPT TO:<ann@example.org>
		S: 250 2.1.5 Ok
		C: RCPT TO:<bob@example.org>
		S: 250 2.1.5 Ok
		C: RCPT TO:<ann+x@example.org>
		S: 452 4.5.3 Error: too many recipients
		C: QUIT
		S: 221 2.0.0 Bye`},
	{name: "errors", main: []string{"smtpd_hard_error_limit = 2"}, script: `
		S: 220 ...
		C: X
		S: 500 5.5.2 Error: command not recognized
		C: X
		S: 500 5.5.2 Error: command not recognized
		S: 421 4.7.0 mx.example Error: too many errors`,
		log: []string{
			"too many errors after UNKNOWN from unknown[192.0.2.1]",
			"disconnect from unknown[192.0.2.1] unknown=0/2 commands=0/2",
		}},
	{name: "junk", main: []string{"smtpd_hard_error_limit = 1", "smtpd_junk_command_limit = 2"}, script: `
		S: 220 ...
		C: NOOP
		S: 250 2.0.0 Ok
		C: RSET
		S: 250 2.0.0 Ok
		C: NOOP
		S: 250 2.0.0 Ok
		S: 421 4.7.0 mx.example Error: too many errors`},
	{name: "DSN", script: `
		S: 220 ...
		C: EHLO h
		S: 250-mx.example
		S: 250-PIPELINING
		S: 250-SIZE 10240000
		S: 250-VRFY
		S: 250-ETRN
		S: 250-ENHANCEDSTATUSCODES
		S: 250-8BITMIME
		S: 250-DSN
		S: 250-SMTPUTF8
		S: 250-CHUNKING
		S: 250-BINARYMIME
		S: 250 LIMITS RCPTMAX=1000
		C: MAIL FROM:<a@b.example> RET=SOME
		S: 501 5.5.4 Bad RET parameter syntax
		C: MAIL FROM:<a@b.example> ENVID=a+0D+0Ab
		S: 501 5.5.4 Bad ENVID parameter syntax
		C: MAIL FROM:<a@b.example> RET=FULL RET=HDRS
		S: 501 5.5.4 A parameter is given twice
		C: MAIL FROM:<a@b.example> NOTIFY=NEVER
		S: 555 5.5.4 Unsupported option: NOTIFY=NEVER
		C: MAIL FROM:<a@b.example> ret=hdrs envid=a+2Bb
		S: 250 2.1.0 Ok
		C: RCPT TO:<ann@example.org> NOTIFY=NEVER,SUCCESS
		S: 501 5.5.4 Bad NOTIFY parameter syntax
		C: RCPT TO:<ann@example.org> NOTIFY
		S: 501 5.5.4 Bad NOTIFY parameter syntax
		C: RCPT TO:<ann@example.org> ORCPT=ann@example.org
		S: 501 5.5.4 Bad ORCPT parameter syntax
		C: RCPT TO:<ann@example.org> NOTIFY=NEVER NOTIFY=DELAY
		S: 501 5.5.4 A parameter is given twice
		C: RCPT TO:<ann@example.org> RET=FULL
		S: 555 5.5.4 Unsupported option: RET=FULL
		C: RCPT TO:<ann@example.org> NOTIFY=success,failure ORCPT=rfc822;ann@example.org
		S: 250 2.1.5 Ok
		C: QUIT
		S: 221 2.0.0 Bye`},
	{name: "long line", script: `
		S: 220 ...
		C: NOOP ` + strings.Repeat("x", 2100) + `
		S: 500 5.5.2 Error: line too long
		C: NOOP ` + strings.Repeat("x", 2000) + `
		S: 250 2.0.0 Ok
		C: NOOP ` + strings.Repeat("x", 50000) + `
		S: 500 5.5.2 Error: line too long
		C: QUIT
		S: 221 2.0.0 Bye`},
	{name: "helo required, vrfy disabled", main: []string{"smtpd_helo_required = yes", "disable_vrfy_command = yes"}, script: `
		S: 220 ...
		C: MAIL FROM:<a@b.example>
		S: 503 5.5.1 Error: send HELO/EHLO first
		C: VRFY ann
		S: 502 5.5.1 VRFY command is disabled
		C: EHLO h
		S: 250-mx.example
		S: 250-PIPELINING
		S: 250-SIZE 10240000
		S: 250-ETRN
		S: 250-ENHANCEDSTATUSCODES
		S: 250-8BITMIME
		S: 250-DSN
		S: 250-SMTPUTF8
		S: 250-CHUNKING
		S: 250-BINARYMIME
		S: 250 LIMITS RCPTMAX=1000
		C: MAIL FROM:<a@b.example>
		S: 250 2.1.0 Ok
		C: EHLO h
		S: 250-...
		S: 250-...
		S: 250-...
		S: 250-...
		S: 250-...
		S: 250-8BITMIME
		S: 250-DSN
		S: 250-SMTPUTF8
		S: 250-CHUNKING
		S: 250-BINARYMIME
		S: 250 LIMITS RCPTMAX=1000
		C: RCPT TO:<ann@example.org>
		S: 503 5.5.1 Error: need MAIL command
		C: QUIT
		S: 221 2.0.0 Bye`},
	{name: "bare LF refused", main: []string{"smtpd_forbid_bare_newline = reject"}, script: `
		S: 220 ...
		C~ NOOP\n
		S: 550 5.5.2 mx.example Error: bare <LF> received
		C: MAIL FROM:<a@b.example>
		S: 250 2.1.0 Ok
		C: RCPT TO:<ann@example.org>
		S: 250 2.1.5 Ok
		C: DATA
		S: 354 ...
		C~ a\nb\r\n.\r\n
		S: 550 5.5.2 mx.example Error: bare <LF> received
		C: QUIT
		S: 221 2.0.0 Bye`},
	{name: "bare LF noted", main: []string{"smtpd_forbid_bare_newline = note"}, script: `
		S: 220 ...
		C~ QUIT\n
		S: 221 2.0.0 Bye`,
		log: []string{"disconnect from unknown[192.0.2.1] quit=1 commands=1 notes=bare_lf"}},
	{name: "bare LF excluded", main: []string{"smtpd_forbid_bare_newline = reject"}, inside: true, script: `
		S: 220 ...
		C~ QUIT\n
		S: 221 2.0.0 Bye`},
}

func TestDialogues(t *testing.T) {
	t.Parallel()
	for _, d := range dialogues {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, d.main...)
			who := stranger
			if d.inside {
				who = insider
			}
			c := r.connect(who)
			c.play(d.script)
			c.close()
			r.taken()
			wantLog(t, r, d.log)
		})
	}
}

// wantLog looks for lines in the log, in order.
func wantLog(t *testing.T, r *rig, want []string) {
	t.Helper()
	got := r.logged()
	rest := got
	for _, line := range want {
		i := slices.Index(rest, line)
		if i < 0 {
			t.Fatalf("log lacks\n\t%s\nin\n\t%s", line, strings.Join(got, "\n\t"))
		}
		rest = rest[i+1:]
	}
}

// What is stored is what was sent, and where it came from.
func TestStored(t *testing.T) {
	t.Parallel()
	r := newRig(t, "mail_name = Testmail")
	c := r.connect(stranger)
	c.play(`
		S: 220 ...
		C: HELO (evil)  <h>
		S: 250 mx.example
		C: MAIL FROM:<"john doe"@b.example> BODY=8BITMIME
		S: 250 2.1.0 Ok
		C: RCPT TO:<postmaster>
		S: 250 2.1.5 Ok
		C: DATA
		S: 354 ...
		C~ Subject: \xff\x00\r\n\r\n..dot\r\ncr\rcr\r\n\xc3\xa9\r\n.\r\n
		S: 250 2.0.0 Ok: queued as ...
		C: MAIL FROM:<>
		S: 250 2.1.0 Ok
		C: RCPT TO:<ann@example.org>
		S: 250 2.1.5 Ok
		C: RCPT TO:<ann@example.org>
		S: 250 2.1.5 Ok
		C: RCPT TO:<bob@example.org>
		S: 250 2.1.5 Ok
		C: DATA
		S: 354 ...
		C: .
		S: 250 2.0.0 Ok: queued as ...
		C: QUIT
		S: 221 2.0.0 Bye`)
	c.close()
	got := r.taken()
	if len(got) != 2 {
		t.Fatalf("%d messages, want 2", len(got))
	}
	m := got[0]
	if want := "Subject: \xff\x00\n\n.dot\ncr\rcr\n\xc3\xa9\n"; m.body() != want {
		t.Errorf("content %q, want %q", m.body(), want)
	}
	head := "Received: from ?evil???h? (unknown [192.0.2.1])\n" +
		"\tby mx.example (Testmail) with SMTP id " + m.id + "\n\tfor <postmaster@mx.example>; "
	if !strings.HasPrefix(m.content, head) {
		t.Errorf("content starts %q, want %q", m.content, head)
	}
	if m.env.Sender != "john doe@b.example" {
		t.Errorf("sender %q", m.env.Sender)
	}
	if got := fmt.Sprint(m.env.Recipients); got != "[{postmaster@mx.example postmaster false  map[]}]" {
		t.Errorf("recipients %s", got)
	}
	want := "map[body:8BITMIME client_address:192.0.2.1 client_name:unknown client_port:1025 helo_name:?evil???h? origin:smtpd protocol_name:SMTP source:remote]"
	if got := fmt.Sprint(m.env.Attrs); got != want {
		t.Errorf("attributes %s, want %s", got, want)
	}
	if m = got[1]; len(m.env.Recipients) != 2 || strings.Contains(m.content, "for <") || m.env.Sender != "" || m.body() != "" {
		t.Errorf("second message: %+v", m)
	}
}
