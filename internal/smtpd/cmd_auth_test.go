package smtpd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
)

const ehlo = `
	S: 220 mx.example ESMTP Yubin
	C: EHLO client.example
	S: 250-mx.example
	S: 250-PIPELINING
	S: 250-SIZE 10240000
	S: 250-VRFY
	S: 250-ETRN`

// ehloEnd is the rest of EHLO when AUTH is offered.
var ehloEnd = `
	S: 250-AUTH ` + strings.Join(allMechs, " ") + `
	S: 250-ENHANCEDSTATUSCODES
	S: 250-8BITMIME
	S: 250-DSN
	S: 250-SMTPUTF8
	S: 250-CHUNKING
	S: 250-BINARYMIME
	S: 250-LIMITS RCPTMAX=1000
	S: 250-DELIVERBY
	S: 250 FUTURERELEASE 2592000 20...
`

var authDialogues = []struct {
	name   string
	main   []string
	script string // behind EHLO with AUTH
	log    []string
}{
	{name: "initial response", script: `
		C: AUTH PLAIN ` + plainAnn + `
		S: 235 2.7.0 Authentication successful
		C: AUTH PLAIN ` + plainAnn + `
		S: 503 5.5.1 Error: already authenticated
		C: QUIT
		S: 221 2.0.0 Bye`,
		log: []string{"disconnect from unknown[192.0.2.1] ehlo=1 auth=1/2 quit=1 commands=3/4"}},
	{name: "letter case", script: "C: auth plain " + plainAnn + "\nS: 235 2.7.0 Authentication successful\nC: QUIT\nS: 221 2.0.0 Bye"},
	{name: "empty challenge", script: `
		C: AUTH PLAIN
		S: 334...
		C: ` + plainAnn + `
		S: 235 2.7.0 Authentication successful
		C: QUIT
		S: 221 2.0.0 Bye`},
	{name: "empty initial response", script: `
		C: AUTH PLAIN =
		S: 535 5.7.8 Error: authentication failed: malformed response
		C: QUIT
		S: 221 2.0.0 Bye`,
		log: []string{"warning: unknown[192.0.2.1]: SASL PLAIN authentication failed: malformed response, sasl_username=(unavailable)"}},
	{name: "LOGIN", script: `
		C: AUTH LOGIN
		S: 334 VXNlcm5hbWU6
		C: YW5u
		S: 334 UGFzc3dvcmQ6
		C: c2VjcmV0
		S: 235 2.7.0 Authentication successful
		C: QUIT
		S: 221 2.0.0 Bye`},
	{name: "wrong", script: `
		C: AUTH LOGIN YW5u
		S: 334 UGFzc3dvcmQ6
		C: d3Jvbmc=
		S: 535 5.7.8 Error: authentication failed: authentication failure
		C: AUTH PLAIN ` + plainAnn + `
		S: 235 2.7.0 Authentication successful
		C: QUIT
		S: 221 2.0.0 Bye`,
		log: []string{
			"warning: unknown[192.0.2.1]: SASL LOGIN authentication failed: authentication failure, sasl_username=ann",
			"disconnect from unknown[192.0.2.1] ehlo=1 auth=1/2 quit=1 commands=3/4",
		}},
	{name: "success with a challenge", script: `
		C: AUTH SCRAM-SHA-256 ` + b64("n,,n=ann,r=0") + `
		S: 334 cj0x
		C: Yz0=
		S: 334 dj0x
		C: 
		S: 235 2.7.0 Authentication successful
		C: QUIT
		S: 221 2.0.0 Bye`},
	{name: "success that the client does not believe", script: `
		C: AUTH SCRAM-SHA-256 ` + b64("n,,n=ann,r=0") + `
		S: 334 cj0x
		C: Yz0=
		S: 334 dj0x
		C: *
		S: 501 5.7.0 Authentication aborted
		C: AUTH PLAIN ` + plainAnn + `
		S: 235 2.7.0 Authentication successful
		C: QUIT
		S: 221 2.0.0 Bye`},
	{name: "aborted", script: `
		C: AUTH LOGIN
		S: 334 VXNlcm5hbWU6
		C: *
		S: 501 5.7.0 Authentication aborted
		C: QUIT
		S: 221 2.0.0 Bye`,
		log: []string{"warning: unknown[192.0.2.1]: SASL LOGIN authentication aborted"}},
	{name: "no base64", script: `
		C: AUTH PLAIN abc
		S: 501 5.5.2 Error: cannot decode the response
		C: AUTH PLAIN ab==
		S: 501 5.5.2 Error: cannot decode the response
		C: AUTH LOGIN
		S: 334 VXNlcm5hbWU6
		C: a=b
		S: 501 5.5.2 Error: cannot decode the response
		C: QUIT
		S: 221 2.0.0 Bye`,
		log: []string{"warning: unknown[192.0.2.1]: SASL PLAIN authentication failed: Error: cannot decode the response, sasl_username=(unavailable)"}},
	{name: "syntax", script: `
		C: AUTH
		S: 501 5.5.4 Syntax: AUTH mechanism
		C: AUTH PLAIN = =
		S: 501 5.5.4 Syntax: AUTH mechanism
		C: AUTH A.B
		S: 501 5.5.4 Syntax: AUTH mechanism
		C: AUTH ABCDEFGHIJKLMNOPQRSTU
		S: 501 5.5.4 Syntax: AUTH mechanism
		C: AUTH GSSAPI
		S: 504 5.5.4 Error: unsupported authentication mechanism
		C: QUIT
		S: 221 2.0.0 Bye`},
	{name: "in a transaction", script: `
		C: MAIL FROM:<eve@elsewhere.example>
		S: 250 2.1.0 Ok
		C: AUTH PLAIN ` + plainAnn + `
		S: 503 5.5.1 Error: MAIL transaction in progress
		C: QUIT
		S: 221 2.0.0 Bye`},
	{name: "what authd says", script: `
		C: AUTH X-DOWN
		S: 454 4.7.0 Temporary authentication failure
		C: AUTH X-BUSY
		S: 454 4.7.0 Temporary authentication failure: directory??is down
		C: AUTH X-PRIVATE
		S: 538 5.7.11 Encryption required for requested authentication mechanism
		C: AUTH X-GONE
		S: 504 5.5.4 Error: unsupported authentication mechanism
		C: AUTH CRAM-MD5
		S: 334 bW9yZQ==
		C: YQ==
		S: 334 bW9yZQ==
		C: YQ==
		S: 535 5.7.8 Error: authentication failed
		C: QUIT
		S: 221 2.0.0 Bye`,
		log: []string{"warning: unknown[192.0.2.1]: SASL CRAM-MD5 authentication failed: (reason unavailable), sasl_username=(unavailable)"}},
	{name: "bare LF", main: []string{"smtpd_forbid_bare_newline = reject"}, script: `
		C: AUTH LOGIN
		S: 334 VXNlcm5hbWU6
		C~ YW5u\n
		S: 550 5.5.2 mx.example Error: bare <LF> received
		C: AUTH LOGIN
		S: 334 VXNlcm5hbWU6
		C: *
		S: 501 5.7.0 Authentication aborted
		C: QUIT
		S: 221 2.0.0 Bye`,
		log: []string{"NOQUEUE: reject: AUTH from unknown[192.0.2.1]: 550 5.5.2 mx.example Error: bare <LF> received; proto=ESMTP helo=<client.example>"}},
	{name: "after HELO", script: `
		C: HELO h
		S: 250 mx.example
		C: AUTH PLAIN ` + plainAnn + `
		S: 503 5.5.1 Error: send EHLO first
		C: QUIT
		S: 221 2.0.0 Bye`},
	{name: "long response", main: []string{"smtpd_sasl_response_limit = 20000"}, script: `
		C: AUTH LOGIN
		S: 334 VXNlcm5hbWU6
		C: ` + strings.Repeat("YWFh", 4999) + `
		S: 334 UGFzc3dvcmQ6
		C: ` + strings.Repeat("YWFh", 6000) + `
		S: 500 5.5.6 SASL response limit exceeded
		C: AUTH PLAIN ` + strings.Repeat("YWFh", 4000) + `
		S: 535 5.7.8 Error: authentication failed: malformed response
		C: QUIT
		S: 221 2.0.0 Bye`},
	{name: "rate", main: []string{"smtpd_client_auth_rate_limit = 1"}, script: `
		C: AUTH PLAIN =
		S: 535 5.7.8 Error: authentication failed: malformed response
		C: AUTH PLAIN ` + plainAnn + `
		S: 450 4.7.1 Error: too many AUTH commands from 192.0.2.1
		C: QUIT
		S: 221 2.0.0 Bye`,
		log: []string{"warning: AUTH command rate limit exceeded: 2 from unknown[192.0.2.1] for service smtp"}},
	{name: "relaying", script: `
		C: MAIL FROM:<ann@example.org>
		S: 250 2.1.0 Ok
		C: RCPT TO:<far@elsewhere.example>
		S: 554 5.7.1 <far@elsewhere.example>: Relay access denied
		C: RSET
		S: 250 2.0.0 Ok
		C: AUTH PLAIN ` + plainAnn + `
		S: 235 2.7.0 Authentication successful
		C: MAIL FROM:<ann@example.org> AUTH=e+3Dmc2@example.com
		S: 250 2.1.0 Ok
		C: RCPT TO:<nobody@example.org>
		S: 550 5.1.1 <nobody@example.org>: Recipient address rejected: User unknown in local recipient table
		C: RCPT TO:<far@elsewhere.example>
		S: 250 2.1.5 Ok
		C: DATA
		S: 354 ...
		C: .
		S: 250 2.0.0 Ok...
		C: QUIT
		S: 221 2.0.0 Bye`,
		log: []string{
			"NOQUEUE: reject: RCPT from unknown[192.0.2.1]: 554 5.7.1 <far@elsewhere.example>: Relay access denied; from=<ann@example.org> to=<far@elsewhere.example> proto=ESMTP helo=<client.example>",
			"NOQUEUE: reject: RCPT from unknown[192.0.2.1]: 550 5.1.1 <nobody@example.org>: Recipient address rejected: User unknown in local recipient table; from=<ann@example.org> to=<nobody@example.org> proto=ESMTP helo=<client.example> sasl_method=PLAIN sasl_username=ann sasl_sender=e=mc2@example.com",
			"00000000000010: client=unknown[192.0.2.1], sasl_method=PLAIN, sasl_username=ann, sasl_sender=e=mc2@example.com",
		}},
	{name: "AUTH parameter", script: `
		C: MAIL FROM:<ann@example.org> AUTH=<>
		S: 250 2.1.0 Ok
		C: RSET
		S: 250 2.0.0 Ok
		C: MAIL FROM:<ann@example.org> AUTH=ann@example.org AUTH=<>
		S: 501 5.5.4 A parameter is given twice
		C: MAIL FROM:<ann@example.org> AUTH=a+b
		S: 501 5.5.4 Bad AUTH parameter syntax
		C: MAIL FROM:<ann@example.org> AUTH=a+0Ab@example.org
		S: 501 5.5.4 Bad AUTH parameter syntax
		C: QUIT
		S: 221 2.0.0 Bye`},
	{name: "local domain", main: []string{"smtpd_sasl_local_domain = users.example"}, script: `
		C: AUTH PLAIN ` + plainAnn + `
		S: 235 2.7.0 Authentication successful
		C: MAIL FROM:<ann@example.org>
		S: 250 2.1.0 Ok
		C: RCPT TO:<far@elsewhere.example>
		S: 250 2.1.5 Ok
		C: DATA
		S: 354 ...
		C: .
		S: 250 2.0.0 Ok...
		C: QUIT
		S: 221 2.0.0 Bye`,
		log: []string{"00000000000010: client=unknown[192.0.2.1], sasl_method=PLAIN, sasl_username=ann@users.example"}},
	{name: "user's rate", main: []string{"smtpd_user_message_rate_limit = 2", "smtpd_user_recipient_rate_limit = 1"}, script: `
		C: MAIL FROM:<ann@example.org>
		S: 250 2.1.0 Ok
		C: RSET
		S: 250 2.0.0 Ok
		C: AUTH PLAIN ` + plainAnn + `
		S: 235 2.7.0 Authentication successful
		C: MAIL FROM:<ann@example.org>
		S: 250 2.1.0 Ok
		C: RCPT TO:<ann@example.org>
		S: 250 2.1.5 Ok
		C: RCPT TO:<bob@example.org>
		S: 450 4.7.1 Error: too many recipients from ann
		C: RSET
		S: 250 2.0.0 Ok
		C: MAIL FROM:<ann@example.org>
		S: 250 2.1.0 Ok
		C: RSET
		S: 250 2.0.0 Ok
		C: MAIL FROM:<ann@example.org>
		S: 450 4.7.1 Error: too much mail from ann
		C: QUIT
		S: 221 2.0.0 Bye`,
		log: []string{
			"warning: Recipient address rate limit of the user exceeded: 2 from unknown[192.0.2.1] for service smtp, sasl_username=ann",
			"warning: Message delivery request rate limit of the user exceeded: 3 from unknown[192.0.2.1] for service smtp, sasl_username=ann",
		}},
}

func TestAuth(t *testing.T) {
	t.Parallel()
	for _, d := range authDialogues {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			r, f := authRig(t, append(d.main, "smtpd_hard_error_limit = 100")...)
			c := r.connect(stranger)
			c.play(ehlo + ehloEnd + d.script)
			c.close()
			r.taken()
			if f.open != 0 {
				t.Errorf("%d exchanges were left open", f.open)
			}
			log := r.logged()
			for _, want := range d.log {
				if !slices.Contains(log, want) {
					t.Errorf("log:\n%s\nlacks %s", strings.Join(log, "\n"), want)
				}
			}
		})
	}
}

// Which mechanisms are offered where.
func TestAuthOffers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, main string
		mechs      []string
		err        error
		want       []string
	}{
		{"all", "", []string{"SCRAM-SHA-256", "PLAIN"}, nil, []string{"AUTH SCRAM-SHA-256 PLAIN"}},
		{"twice", "broken_sasl_auth_clients = yes", []string{"PLAIN", "LOGIN"}, nil, []string{"AUTH PLAIN LOGIN", "AUTH=PLAIN LOGIN"}},
		{"no plain text", "smtpd_sasl_security_options = noplaintext, noanonymous", []string{"SCRAM-SHA-256", "PLAIN"}, nil, []string{"AUTH SCRAM-SHA-256"}},
		{"nobody without a name", "", []string{"ANONYMOUS"}, nil, nil},
		{"filter", "smtpd_sasl_mechanism_filter = !login, static:rest", []string{"PLAIN", "LOGIN"}, nil, []string{"AUTH PLAIN"}},
		{"TLS only", "smtpd_tls_auth_only = yes", []string{"SCRAM-SHA-256", "PLAIN"}, nil, nil},
		{"not for them", "smtpd_sasl_exceptions_networks = !192.0.2.9, 192.0.2.0/24", []string{"PLAIN"}, nil, nil},
		{"none", "", nil, nil, nil},
		{"authd is down", "", nil, errors.New("down"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, f := authRig(t, c.main)
			f.mechs, f.err = c.mechs, c.err
			conn := r.connect(stranger)
			conn.reply()
			var got []string
			for line := range strings.SplitSeq(conn.say("EHLO h"), "\n") {
				if strings.HasPrefix(line[4:], "AUTH") {
					got = append(got, line[4:])
				}
			}
			conn.close()
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// What is not offered is refused too.
func TestAuthRefusedWhereNotOffered(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, main, want string
		err              error
	}{
		{"off", "smtpd_sasl_auth_enable = no", "503 5.5.1 Error: authentication not enabled", nil},
		{"not for them", "smtpd_sasl_exceptions_networks = 192.0.2.1", "503 5.5.1 Error: authentication not enabled", nil},
		{"nobody can say for whom", "smtpd_sasl_exceptions_networks = fail:x", "503 5.5.1 Error: authentication not enabled", nil},
		{"TLS only", "smtpd_tls_auth_only = yes", "538 5.7.11 Encryption required for requested authentication mechanism", nil},
		{"no plain text", "smtpd_sasl_security_options = noplaintext\nsmtpd_sasl_tls_security_options =", "538 5.7.11 Encryption required for requested authentication mechanism", nil},
		{"no plain text anywhere", "smtpd_sasl_security_options = noplaintext", "504 5.5.4 Error: unsupported authentication mechanism", nil},
		{"filter", "smtpd_sasl_mechanism_filter = login", "504 5.5.4 Error: unsupported authentication mechanism", nil},
		{"authd is down", "", "454 4.7.0 Temporary authentication failure", errors.New("down")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "smtpd_sasl_auth_enable = yes", c.main)
			if r.srv.login != nil {
				r.srv.login.server = &fakeServer{mechs: allMechs, err: c.err}
			}
			conn := r.connect(stranger)
			conn.reply()
			conn.say("EHLO h")
			if got := conn.say("AUTH PLAIN " + plainAnn); got != c.want {
				t.Errorf("got %s", got)
			}
			conn.close()
		})
	}
}

// FuzzAuth: whatever a client says in place of a login, the session answers
// each line with one reply that is well formed, logs nothing of it, leaves no
// exchange open, and nobody is logged in who did not say the password.
func FuzzAuth(f *testing.F) {
	for _, s := range []string{
		"AUTH PLAIN " + plainAnn + "\r\n", "AUTH LOGIN\r\nYW5u\r\n*\r\n", "AUTH\r\n", "AUTH PLAIN =\r\n", "AUTH SCRAM-SHA-256 YQ==\r\nYQ==\r\n\r\n",
		"auth cram-md5\r\n\x00\r\n====\r\n", "AUTH LOGIN YW5u\r\nc2VjcmV0\r\n",
	} {
		f.Add([]byte(s))
	}
	r, server := authRig(f, "smtpd_forbid_unauth_pipelining = no", "smtpd_hard_error_limit = 1000000", "smtpd_junk_command_limit = 1000000")
	f.Fuzz(func(t *testing.T, in []byte) {
		near, far := net.Pipe()
		done := make(chan struct{})
		s := newSession(r.srv, far, stranger)
		go func() {
			defer close(done)
			defer far.Close()
			s.run(context.Background())
		}()
		go func() {
			fmt.Fprint(near, "EHLO h\r\n")
			near.Write(in)
			near.Write([]byte("\r\n*\r\n.\r\nRSET\r\nQUIT\r\n"))
		}()
		out, _ := io.ReadAll(near)
		near.Close()
		<-done
		for line := range bytes.Lines(out) {
			if len(line) < 6 || line[0] < '2' || line[0] > '5' || !bytes.HasSuffix(line, []byte("\r\n")) {
				t.Errorf("reply %q", line)
			}
		}
		if server.open != 0 {
			t.Errorf("%d exchanges open", server.open)
		}
		said := bytes.Contains(in, []byte("c2VjcmV0")) || bytes.Contains(in, []byte(plainAnn)) || bytes.Contains(bytes.ToUpper(in), []byte("SCRAM"))
		if s.user() != "" && !said {
			t.Errorf("logged in as %q", s.user())
		}
	})
}
