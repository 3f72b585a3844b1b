package smtpd

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"yubin/internal/intake"
	"yubin/internal/queue"
	"yubin/internal/smtp"
)

const allClasses = "notify_classes = bounce, data, policy, protocol, resource, software\nbounce_notice_recipient = bounces@post.example\nerror_notice_recipient = errors"

// Which session the postmaster hears of, and what of it.
func TestPostmasterHears(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, main, script string
		before, after      func(*fakeDepot) // the session; its last reply
		to                 string           // "": nobody
		has, lacks         string           // texts apart by "|"
	}{
		{name: "nothing wrong", main: allClasses, script: "C: EHLO c\nS: 250-mx.example\nC: NOOP"},
		{name: "a restriction", main: allClasses, script: "C: MAIL FROM:<a@far.example>\nC: RCPT TO:<x@elsewhere.example>", to: "errors@mx.example",
			has: "restriction or a limit (policy).|Subject: Yubin SMTP server: errors from unknown[192.0.2.1]|\n Out: 220 mx.example ESMTP|\n In:  RCPT TO:<x@elsewhere.example>\n Out: 554 5.7.1 <x@elsewhere.example>: Relay access denied\n|broken off: lost connection after RCPT"},
		{name: "no such user", main: allClasses, script: "C: MAIL FROM:<a@far.example>\nC: RCPT TO:<nobody@example.org>", to: "bounces@post.example", has: "does not exist (bounce).|Out: 550 5.1.1"},
		{name: "a bad command", main: allClasses, script: "C: HELLO", to: "errors@mx.example", has: "rules of SMTP (protocol).|In:  HELLO\n Out: 500 5.5.2"},
		{name: "a table", main: allClasses + "\nsmtpd_client_restrictions = check_client_access hash:/nowhere/access", script: "C: MAIL FROM:<a@far.example>\nC: RCPT TO:<ann@example.org>",
			to: "errors@mx.example", has: "could not be read (data).|Out: 451 4.3.0"},
		{name: "no room", main: allClasses, script: "C: MAIL FROM:<a@far.example>\nC: RCPT TO:<ann@example.org>\nC: DATA", to: "errors@mx.example", has: "no room for mail (resource).|Out: 452 4.3.1",
			before: func(d *fakeDepot) { d.blankErr = intake.ErrFull }, after: func(d *fakeDepot) { d.blankErr = nil }},
		{name: "no room, still", main: allClasses, script: "C: MAIL FROM:<a@far.example>", before: func(d *fakeDepot) { d.full = true }},
		{name: "the disk", main: allClasses, script: "C: MAIL FROM:<a@far.example>\nC: RCPT TO:<ann@example.org>\nC: DATA\nC: secret body\nC~ .\\r\\n", to: "errors@mx.example", has: "wrong with this system (software).|Out: 451 4.3.0|Out: 354", lacks: "secret",
			before: func(d *fakeDepot) { d.commit = errors.New("no") }, after: func(d *fakeDepot) { d.commit = nil }},
		{name: "by default not of clients' faults", script: "C: HELLO\nC: MAIL FROM:<a@far.example>\nC: RCPT TO:<x@elsewhere.example>"},
		{name: "by default of our own", script: "C: MAIL FROM:<a@far.example>\nC: RCPT TO:<ann@example.org>\nC: DATA", to: "postmaster@mx.example", has: "(software)",
			before: func(d *fakeDepot) { d.blankErr = syscall.EIO }, after: func(d *fakeDepot) { d.blankErr = nil }},
		{name: "passwords in strange blanks", main: allClasses, script: "C: auth\tPLAIN\u00a0c2VjcmV0", to: "errors@mx.example", has: "In:  AUTH ***\n", lacks: "c2Vj"},
		{name: "passwords", main: allClasses, script: "C: AUTH PLAIN c2VjcmV0\nC: c2VjcmV0", to: "errors@mx.example", has: "In:  AUTH PLAIN ***\n|In:  ***\n", lacks: "c2Vj"},
		{name: "a letter that came in", main: allClasses, script: "C: MAIL FROM:<a@far.example>\nC: RCPT TO:<ann@example.org>\nC: DATA\nC: x\nC~ .\\r\\n\nC: HELLO", to: "errors@mx.example", has: "In:  HELLO", lacks: "In:  MAIL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, c.main)
			if c.before != nil {
				c.before(r.depot)
			}
			cl := r.connect(stranger)
			cl.reply()
			for line := range strings.SplitSeq(c.script, "\n") {
				mark, text, _ := strings.Cut(line, " ")
				switch {
				case mark == "S:":
				case mark == "C~":
					cl.say(".")
				case strings.HasSuffix(text, "body") || text == "x":
					cl.send(text + "\r\n")
				default:
					cl.say(text)
				}
			}
			if c.after != nil {
				c.after(r.depot)
			}
			cl.close()
			var letters []stored
			for _, m := range r.taken() {
				if m.env.Attrs[queue.AttrPostmaster] != "" {
					letters = append(letters, m)
				}
			}
			if c.to == "" {
				if len(letters) > 0 {
					t.Errorf("a letter:\n%s", letters[0].content)
				}
				return
			}
			if len(letters) != 1 {
				t.Fatalf("%d letters; the log:\n%s", len(letters), strings.Join(r.logged(), "\n"))
			}
			m := letters[0]
			if m.env.Sender != "" || len(m.env.Recipients) != 1 || m.env.Recipients[0].Address != c.to {
				t.Errorf("from %q to %+v, want %s", m.env.Sender, m.env.Recipients, c.to)
			}
			for want := range strings.SplitSeq(c.has, "|") {
				if !strings.Contains(m.content, want) && !strings.Contains(strings.ReplaceAll(m.content, "\n", " "), want) {
					t.Errorf("no %q in\n%s", want, m.content)
				}
			}
			if c.lacks != "" && strings.Contains(m.content, c.lacks) {
				t.Errorf("has %q:\n%s", c.lacks, m.content)
			}
		})
	}
}

// A flood of bad sessions brings no flood of letters.
func TestPostmasterIsNotFlooded(t *testing.T) {
	t.Parallel()
	r := newRig(t, allClasses, "notify_session_limit = 2")
	for range 5 {
		c := r.connect(stranger)
		c.reply()
		c.say("HELLO")
		c.close()
	}
	if n := len(r.taken()); n != 2 {
		t.Errorf("%d letters, want 2", n)
	}
}

// What refusals are signs of.
func TestTroubleOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code int
		d    smtp.Detail
		text string
		want trouble
	}{
		{250, smtp.Undefined, "Ok", 0},
		{421, smtp.BadConnection, "timeout", 0},
		{421, smtp.SystemShutdown, "going down", 0},
		{535, smtp.BadCredentials, "authentication failed", 0},
		{552, smtp.TooBig, "too big", troublePolicy},
		{452, smtp.TooManyRecipients, "too many recipients", troublePolicy},
		{450, smtp.NotAuthorized, "too much mail", troublePolicy},
		{501, smtp.BadRecipientSyntax, "bad syntax", troubleProtocol},
		{451, smtp.Detail{Subject: 3, Detail: 5}, "Server configuration error", troubleSoftware},
		{451, smtp.LocalProcessing, "<x>: Temporary lookup failure", troubleData},
		{451, smtp.LocalProcessing, "Error: queue file write error", troubleSoftware},
	} {
		if got := troubleOf(smtp.Reply{Code: c.code, Detail: c.d, Text: c.text}); got != c.want {
			t.Errorf("%d %v: %v, want %v", c.code, c.d, got.names(), c.want.names())
		}
	}
	for _, c := range []struct {
		r    smtp.Reply
		want trouble
	}{
		{smtp.Reply{Code: 550, Detail: smtp.BadMailbox, Text: "User unknown"}, troubleBounce},
		{smtp.Reply{Code: 450, Detail: smtp.LocalProcessing, Text: "<x>: Recipient address rejected: later"}, troublePolicy}, // transport_maps = retry:4.3.0 later
		{smtp.Reply{Code: 550, Detail: smtp.SystemFull, Text: "of a table"}, troublePolicy},
		{smtp.Reply{Code: 451, Detail: smtp.LocalProcessing, Text: "<x>: Temporary lookup failure"}, troubleData},
		{misconfigured, troubleSoftware},
	} {
		if got := troubleOfRule(c.r); got != c.want {
			t.Errorf("%v: %v, want %v", c.r, got.names(), c.want.names())
		}
	}
}
