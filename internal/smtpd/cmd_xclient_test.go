package smtpd

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"unicode"

	"yubin/internal/queue"
)

var speaking = []string{
	"smtpd_authorized_xclient_hosts = 127.0.0.0/8", "smtpd_authorized_xforward_hosts = 127.0.0.0/8",
}

// Dialogues of clients that may speak for others, and of a stranger.
func TestSpeakingForOthers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		main     []string
		stranger bool
		script   string
		log      []string
		attrs    map[string]string // of the letter, where there is one
	}{
		{name: "stranger", stranger: true, script: `
			S: 220 ...
			C: EHLO c
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
			C: XCLIENT ADDR=127.0.0.1
			S: 550 5.7.0 Error: insufficient authorization
			C: XFORWARD ADDR=127.0.0.1
			S: 550 5.7.0 Error: insufficient authorization`},
		{name: "another client", script: `
			S: 220 ...
			C: EHLO c
			S: 250-mx.example
			S: 250-PIPELINING
			S: 250-SIZE 10240000
			S: 250-VRFY
			S: 250-ETRN
			S: 250-XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT
			S: 250-XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT
			S: 250-ENHANCEDSTATUSCODES
			S: 250-8BITMIME
			S: 250-DSN
			S: 250-SMTPUTF8
			S: 250-CHUNKING
			S: 250-BINARYMIME
			S: 250 LIMITS RCPTMAX=1000
			C: XCLIENT NAME=spike.example ADDR=192.0.2.7 PORT=4321 HELO=spike PROTO=ESMTP
			S: 220 mx.example ESMTP Yubin
			C: MAIL FROM:<eve@elsewhere.example>
			S: 250 2.1.0 Ok
			C: RCPT TO:<far@elsewhere.example>
			S: 554 5.7.1 <far@elsewhere.example>: Relay access denied
			C: RCPT TO:<ann@example.org>
			S: 250 2.1.5 Ok
			C: XCLIENT ADDR=192.0.2.8
			S: 503 5.5.1 Error: MAIL transaction in progress
			C: DATA
			S: 354 ...
			C: .
			S: 250 2.0.0 Ok...
			C: xclient addr=ipv6:2001:db8::1
			S: 220 ...
			C: MAIL FROM:<eve@elsewhere.example>
			S: 250 2.1.0 Ok
			C: RCPT TO:<x@elsewhere.example>
			S: 554 5.7.1 ...
			C: RSET
			S: 250 2.0.0 Ok
			C: XCLIENT LOGIN=ann+2Bx@example.org NAME=[UNAVAILABLE]
			S: 220 ...
			C: MAIL FROM:<ann@example.org>
			S: 250 2.1.0 Ok
			C: RCPT TO:<x@elsewhere.example>
			S: 250 2.1.5 Ok`,
			log: []string{
				"connect from localhost[127.0.0.1]",
				"NOQUEUE: reject: RCPT from spike.example[192.0.2.7]: 554 5.7.1 <far@elsewhere.example>: Relay access denied; from=<eve@elsewhere.example> to=<far@elsewhere.example> proto=ESMTP helo=<spike>",
				"00000000000010: client=spike.example[192.0.2.7]",
				"NOQUEUE: reject: RCPT from unknown[2001:db8::1]: 554 5.7.1 <x@elsewhere.example>: Relay access denied; from=<eve@elsewhere.example> to=<x@elsewhere.example> proto=SMTP",
			},
			attrs: map[string]string{queue.AttrClientName: "spike.example", queue.AttrClientAddress: "192.0.2.7", queue.AttrClientPort: "4321", queue.AttrHelo: "spike", queue.AttrProtocol: "ESMTP"},
		},
		{name: "doubtful names", main: []string{"smtpd_delay_reject = no", "unknown_client_reject_code = 550", "smtpd_client_restrictions = permit_mynetworks, reject_unknown_client_hostname"}, script: `
			S: 220 ...
			C: EHLO c
			S: 250-mx.example
			S: 250-PIPELINING
			S: 250-SIZE 10240000
			S: 250-VRFY
			S: 250-ETRN
			S: 250-XCLIENT ...
			S: 250-XFORWARD ...
			S: 250-ENHANCEDSTATUSCODES
			S: 250-8BITMIME
			S: 250-DSN
			S: 250-SMTPUTF8
			S: 250-CHUNKING
			S: 250-BINARYMIME
			S: 250 LIMITS RCPTMAX=1000
			C: XCLIENT ADDR=192.0.2.7 NAME=[TEMPUNAVAIL]
			S: 450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.7]
			C: XCLIENT ADDR=192.0.2.7 NAME=[UNAVAILABLE]
			S: 550 5.7.25 Client host rejected: cannot find your hostname, [192.0.2.7]
			C: XCLIENT ADDR=192.0.2.7 NAME=x.example
			S: 220 ...`},
		{name: "syntax", main: []string{"smtpd_hard_error_limit = 100"}, script: `
			S: 220 ...
			C: XCLIENT
			S: 501 5.5.4 Syntax: attribute=value...
			C: XCLIENT ADDR
			S: 501 5.5.4 Error: attribute=value expected
			C: XCLIENT SOURCE=LOCAL
			S: 501 5.5.4 Bad attribute name: SOURCE
			C: XCLIENT HELO=+2
			S: 501 5.5.4 Bad attribute value syntax: +2
			C: XCLIENT ADDR=
			S: 501 5.5.4 Bad attribute value syntax:...
			C: XCLIENT NAME=192.0.2.1
			S: 501 5.5.4 Bad NAME syntax: 192.0.2.1
			C: XCLIENT ADDR=2001:db8::1
			S: 501 5.5.4 Bad ADDR syntax: 2001:db8::1
			C: XCLIENT ADDR=IPV6:192.0.2.1
			S: 501 5.5.4 Bad ADDR syntax: IPV6:192.0.2.1
			C: XCLIENT PORT=65536
			S: 501 5.5.4 Bad PORT syntax: 65536
			C: XCLIENT PROTO=LMTP
			S: 501 5.5.4 Bad PROTO syntax: LMTP
			C: XCLIENT LOGIN=a+0Ab
			S: 501 5.5.4 Bad LOGIN syntax: a?b
			C: XCLIENT NAME=good.example ADDR=bad
			S: 501 5.5.4 Bad ADDR syntax: bad
			C: XFORWARD SOURCE=ELSEWHERE
			S: 501 5.5.4 Bad SOURCE syntax: ELSEWHERE
			C: MAIL FROM:<>
			S: 250 2.1.0 Ok
			C: RCPT TO:<x@elsewhere.example>
			S: 250 2.1.5 Ok`},
		{name: "a filter's letter", script: `
			S: 220 ...
			C: HELO filter
			S: 250 mx.example
			C: XFORWARD NAME=spike.example ADDR=192.0.2.7 PORT=4321
			S: 250 2.0.0 Ok
			C: XFORWARD HELO=a+20b PROTO=ESMTP IDENT=4Dabc SOURCE=REMOTE
			S: 250 2.0.0 Ok
			C: MAIL FROM:<eve@elsewhere.example>
			S: 250 2.1.0 Ok
			C: RCPT TO:<far@elsewhere.example>
			S: 250 2.1.5 Ok
			C: DATA
			S: 354 ...
			C: .
			S: 250 2.0.0 Ok...
			C: MAIL FROM:<eve@elsewhere.example>
			S: 250 2.1.0 Ok
			C: RCPT TO:<ann@example.org>
			S: 250 2.1.5 Ok
			C: DATA
			S: 354 ...
			C: .
			S: 250 2.0.0 Ok...`,
			log: []string{
				"00000000000010: client=localhost[127.0.0.1], orig_queue_id=4Dabc, orig_client=spike.example[192.0.2.7]",
				"00000000000020: client=localhost[127.0.0.1]",
			},
			attrs: map[string]string{queue.AttrClientName: "spike.example", queue.AttrClientAddress: "192.0.2.7", queue.AttrClientPort: "4321", queue.AttrHelo: "a?b", queue.AttrProtocol: "ESMTP", queue.AttrIdent: "4Dabc"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, append(slices.Clone(speaking), tt.main...)...)
			who := insider
			if tt.stranger {
				who = stranger
			}
			c := r.connect(who)
			c.play(tt.script + "\nC: QUIT\nS: 221 2.0.0 Bye")
			c.close()
			wantLog(t, r, tt.log)
			for name, want := range tt.attrs {
				if got := r.taken()[0].env.Attrs[name]; got != want {
					t.Errorf("attribute %s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

// The trace field names the client that XCLIENT spoke for, and not the one that
// XFORWARD did.
func TestTraceOfOthers(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		"XCLIENT ADDR=192.0.2.7 NAME=spike.example HELO=spike": "Received: from spike (spike.example [192.0.2.7])\n",
		"XFORWARD ADDR=192.0.2.7 NAME=spike.example":           "Received: from localhost (localhost [127.0.0.1])\n",
	} {
		r := newRig(t, speaking...)
		c := r.connect(insider)
		c.reply()
		for _, line := range []string{command, "MAIL FROM:<>", "RCPT TO:<ann@example.org>", "DATA", ".", "QUIT"} {
			if got := c.say(line); got[0] > '3' {
				t.Errorf("%s: %s", line, got)
			}
		}
		c.close()
		if m := r.taken()[0]; !strings.HasPrefix(m.content, want) {
			t.Errorf("%s: %q, want %q", command, m.content, want)
		}
	}
}

// Whatever a client claims, what is kept of it is bounded, fits a log line and
// an envelope, and an error keeps nothing.
func FuzzClaims(f *testing.F) {
	f.Add("NAME=spike.example ADDR=192.0.2.7 PORT=4321 HELO=spike PROTO=ESMTP")
	f.Add("addr=ipv6:2001:db8::1 LOGIN=ann+2Bx DESTADDR=192.0.2.1 DESTPORT=25 REVERSE_NAME=[TEMPUNAVAIL]")
	f.Add("NAME=[UNAVAILABLE] ADDR=unknown IDENT=a+20b SOURCE=local")
	f.Add("NAME NAME= =x +0A=+0A HELO=+00+C3+28")
	f.Fuzz(func(t *testing.T, args string) {
		for _, known := range [][]string{xclientNames, xforwardNames} {
			all, err := parseClaims(args, known)
			if err != nil {
				continue
			}
			c := claims{peer: nobody}
			if c.take(all) != nil {
				continue
			}
			for _, text := range []string{c.name, c.reverse, c.helo, c.proto, c.login, c.ident, c.source, c.String()} {
				if len(text) > maxClaim+64 || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Errorf("%q: keeps %q", args, text)
				}
			}
			if _, err := netip.ParseAddr(c.name); err == nil || c.ip.Zone() != "" || c.ip.Is4In6() {
				t.Errorf("%q: name %q, address %v", args, c.name, c.ip)
			}
		}
	})
}
