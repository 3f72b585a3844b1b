package system

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"yubin/test/instance"
	"yubin/test/peer"
)

// send is a letter by SMTP: sender and recipients may have parameters behind them.
func send(t *testing.T, i *instance.Instance, from string, to []string, letter string) {
	t.Helper()
	s := i.Dial()
	defer s.Close()
	s.Want("250-", "EHLO client.test")
	s.Want("250 ", "MAIL FROM:"+from)
	for _, r := range to {
		s.Want("250 ", "RCPT TO:"+r)
	}
	s.Want("354 ", "DATA")
	s.Want("250 ", strings.ReplaceAll(letter, "\n", "\r\n")+"\r\n.")
}

// queued is how many messages a directory of the queue has.
func queued(t *testing.T, i *instance.Instance, dir string) int {
	t.Helper()
	names, err := os.ReadDir(i.Path("queue", dir))
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// Who is told what, by what was asked for, by what became of the recipient, and by
// whether the next host has DSN (RFC 3461, 4.1 and 5.2): a recipient that is taken,
// one that is refused, and one that is put off, and then given up by hand.
func TestNotifyCombinations(t *testing.T) {
	t.Parallel()
	asked := []string{"", "NEVER", "SUCCESS", "FAILURE", "DELAY", "SUCCESS,FAILURE", "SUCCESS,DELAY", "FAILURE,DELAY", "SUCCESS,FAILURE,DELAY"}
	for name, ehlo := range map[string][]string{"with DSN": {"PIPELINING", "DSN"}, "without DSN": {"PIPELINING"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := name == "with DSN"
			i, p := outbound(t, peer.Options{Name: "mx.far.test", Ehlo: ehlo, Script: peer.Script{
				"RCPT no@far.test": "550 5.1.1 no such user", "RCPT late@far.test": "450 4.2.2 mailbox full",
			}}, "delay_warning_time = 1s", "minimal_backoff_time = 1000s", "maximal_backoff_time = 1000s")
			want := map[string]bool{}
			for _, n := range asked {
				arg := ""
				if n != "" {
					arg = " NOTIFY=" + n
				}
				id := "id-" + strings.ToLower(strings.ReplaceAll(n, ",", "-"))
				send(t, i, "<alice@example.test> ENVID="+id, []string{"<yes@far.test>" + arg, "<no@far.test>" + arg, "<late@far.test>" + arg}, "Subject: x\n\ny")
				failure := n == "" || strings.Contains(n, "FAILURE")
				for line, due := range map[string]bool{
					"yes@far.test relayed 2.0.0":  strings.Contains(n, "SUCCESS") && !dsn,
					"no@far.test failed 5.1.1":    failure,
					"late@far.test delayed 4.2.2": n == "" || strings.Contains(n, "DELAY"),
					"late@far.test failed 5.4.7":  failure,
				} {
					if due {
						want[id+": "+line] = true
					}
				}
			}
			i.Until("all are deferred", func() bool {
				return strings.Count(i.Log(), "status=deferred") == len(asked) && queued(t, i, "incoming") == 0
			})
			begun := time.Now()
			i.Until("the time of the warning", func() bool { return time.Since(begun) > 1100*time.Millisecond })
			i.Mailctl("queue", "flush")
			i.Until("all are deferred again", func() bool { return strings.Count(i.Log(), "status=deferred") == 2*len(asked) })
			i.Until("the warnings have gone", func() bool {
				return strings.Count(i.Log(), ": sender delay notification: ") == 5 && queued(t, i, "incoming") == 0
			})
			i.Mailctl("queue", "expire", "ALL")
			i.Until("the queue is empty", i.Drained)
			got := map[string]bool{}
			for _, mail := range i.Mail("alice") {
				r := readReport(t, mail)
				for line := range strings.SplitSeq(r.brief(), ", ") {
					line = r.whole.Get("Original-Envelope-Id") + ": " + line
					if got[line] {
						t.Errorf("told twice: %s", line)
					}
					got[line] = true
				}
			}
			if !maps.Equal(got, want) {
				t.Errorf("told\n%s\nwant\n%s", strings.Join(slices.Sorted(maps.Keys(got)), "\n"), strings.Join(slices.Sorted(maps.Keys(want)), "\n"))
			}
			for _, m := range p.Messages() {
				_, id, _ := strings.Cut(m.Mail, " ENVID=")
				_, notify, _ := strings.Cut(m.Rcpt[0], " NOTIFY=")
				if dsn && id != "id-"+strings.ToLower(strings.ReplaceAll(notify, ",", "-")) || !dsn && id+notify != "" {
					t.Errorf("passed on: MAIL %s, RCPT %s", m.Mail, m.Rcpt[0])
				}
			}
		})
	}
}

// A notice of failure, part by part, by what was asked to be returned.
func TestNoticeParts(t *testing.T) {
	t.Parallel()
	i, _ := outbound(t, peer.Options{Name: "mx.far.test", Script: peer.Script{
		"RCPT dave@far.test": "550-5.1.1 <dave@far.test>: we have\n550 5.1.1 no such user", "RCPT erin@far.test": "554 5.7.1 blocked using bl.test",
	}}, "bounce_size_limit = 2000", "virtual_alias_maps = inline:{ {team@example.test=dave@far.test} }")
	const letter = "From: <alice@example.test>\nMessage-ID: <1@example.test>\nSubject: hello\n\ntext of the letter\n"
	for _, c := range []struct {
		name, mail, rcpt, letter string
		kind                     string
		body                     bool
		check                    func(t *testing.T, r *report)
	}{
		{"full", " RET=FULL ENVID=QQ+2B1", "<dave@far.test> ORCPT=rfc822;d+2Bx@far.test", letter, "message/rfc822", true, func(t *testing.T, r *report) {
			has(t, r.whole, "Reporting-Mta: dns; mx.example.test", "Original-Envelope-Id: QQ+1")
			has(t, r.recipients[0], "Original-Recipient: rfc822;d+x@far.test", "Final-Recipient: rfc822; dave@far.test", "Action: failed", "Status: 5.1.1",
				"Remote-Mta: dns; mx.far.test", "Diagnostic-Code: smtp; 550-5.1.1 <dave@far.test>: we have 550 5.1.1 no such user")
			r.says(t, "your message could not be delivered to the address below.\nIt is attached", "What happened: There is no mailbox of that name.", "What to do: Look for typing mistakes in front of the @.")
			if strings.Count(r.text, "What happened") != 1 {
				t.Errorf("explained twice:\n%s", r.text)
			}
		}},
		{"not said", "", "<dave@far.test>", letter, "message/rfc822", true, nil},
		{"header", " RET=HDRS", "<dave@far.test>", letter, "text/rfc822-headers", false, func(t *testing.T, r *report) { r.says(t, "Its header is attached") }},
		{"large", " RET=FULL", "<dave@far.test>", letter + strings.Repeat("a line of text\n", 200), "text/rfc822-headers", false, nil},
		{"an alias", "", "<team@example.test>", letter, "message/rfc822", true, func(t *testing.T, r *report) {
			has(t, r.recipients[0], "Original-Recipient: rfc822; team@example.test", "Final-Recipient: rfc822; dave@far.test")
			r.says(t, "<dave@far.test> (sent to <team@example.test>): host mx.far.test")
		}},
		{"spam", "", "<erin@far.test>", letter, "message/rfc822", true, func(t *testing.T, r *report) { r.says(t, "takes the message for unwanted mail") }},
	} {
		before := i.Mail("alice")
		send(t, i, "<alice@example.test>"+c.mail, []string{c.rcpt}, c.letter)
		var mail string
		for name, text := range i.WaitMail("alice", len(before)+1) {
			if _, old := before[name]; !old {
				mail = text
			}
		}
		r := readReport(t, mail)
		for _, f := range []string{
			"Return-Path: <>", "Auto-Submitted: auto-replied", "Subject: Undelivered Mail Returned to Sender", "To: alice@example.test",
			"From: MAILER-DAEMON@mx.example.test (Mail Delivery System)", "In-Reply-To: <1@example.test>",
		} {
			if name, want, _ := strings.Cut(f, ": "); r.header.Get(name) != want {
				t.Errorf("%s: %s: %q, want %q", c.name, name, r.header.Get(name), want)
			}
		}
		if r.kinds[0] != "text/plain" || r.kinds[1] != "message/delivery-status" || r.kinds[2] != c.kind {
			t.Errorf("%s: parts %q, want %s", c.name, r.kinds, c.kind)
		}
		if !strings.Contains(r.returned, "Subject: hello\n") || strings.Contains(r.returned, "text of the letter") != c.body {
			t.Errorf("%s: returned:\n%s", c.name, r.returned)
		}
		if c.check != nil {
			c.check(t, r)
		}
	}
}

// A sender who asks for SUCCESS is told that an alias of several is expanded, and
// of its addresses only failures; one that has a mailbox is delivered.
func TestNoticeExpanded(t *testing.T) {
	t.Parallel()
	i, _ := outbound(t, peer.Options{Name: "mx.far.test", Ehlo: []string{"PIPELINING"}, Script: peer.Script{"RCPT no@far.test": "550 5.1.1 no"}},
		"virtual_alias_maps = inline:{ {team@example.test=bob@example.test, no@far.test}, {one@example.test=bob@example.test} }")
	send(t, i, "<alice@example.test>", []string{"<team@example.test> NOTIFY=SUCCESS,FAILURE", "<one@example.test> NOTIFY=SUCCESS"}, "Subject: x\n\ny")
	i.WaitLog("sender delivery status notification")
	i.Until("the queue is empty", i.Drained)
	var got []string
	for _, mail := range i.Mail("alice") {
		r := readReport(t, mail)
		for _, h := range r.recipients {
			got = append(got, h.Get("Final-Recipient")+" "+h.Get("Original-Recipient")+" "+h.Get("Action"))
		}
	}
	slices.Sort(got)
	want := []string{
		"rfc822; bob@example.test rfc822; one@example.test delivered",
		"rfc822; no@far.test rfc822; team@example.test failed",
		"rfc822; team@example.test  expanded",
	}
	if !slices.Equal(got, want) {
		t.Errorf("told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A notice that is refused goes to nobody, or to 2bounce_notice_recipient: never
// to who is not there. What that one's server refuses is the end.
func TestBounceOfBounce(t *testing.T) {
	t.Parallel()
	refused := peer.Script{"RCPT": "550 5.1.1 no such user"}
	for name, c := range map[string]struct {
		main []string
		told bool
		log  string
	}{
		"dropped": {nil, false, "not delivered, and nobody to tell"},
		"told":    {[]string{"notify_classes = 2bounce, bounce", "2bounce_notice_recipient = bob@example.test", "bounce_notice_recipient = alice@example.test"}, true, "postmaster non-delivery notification"},
		"refused": {[]string{"notify_classes = 2bounce", "2bounce_notice_recipient = boss@far.test"}, false, "not delivered, and nobody to tell"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i, _ := outbound(t, peer.Options{Name: "mx.far.test", Script: refused}, c.main...)
			send(t, i, "<eve@far.test>", []string{"<dave@far.test>"}, "Subject: x\n\ny")
			i.WaitLog(c.log)
			i.Until("the queue is empty", i.Drained)
			if !c.told {
				if n := len(i.Mail("bob")); n > 0 {
					t.Errorf("bob has %d letters", n)
				}
				return
			}
			r := readReport(t, instance.One(t, i.Mail("bob")))
			if got := r.brief(); got != "eve@far.test failed 5.1.1" || r.header.Get("Subject") != "Postmaster Copy: Undelivered Mail" || !strings.Contains(r.returned, "dave@far.test") {
				t.Errorf("%s: %s:\n%s", r.header.Get("Subject"), got, r.returned)
			}
			r.says(t, "A message without a sender")
			r = readReport(t, instance.One(t, i.Mail("alice"))) // the copy of the notice to eve
			if got := r.brief(); got != "dave@far.test failed 5.1.1" || r.kinds[2] != "text/rfc822-headers" {
				t.Errorf("copy: %s, %q", got, r.kinds)
			}
			has(t, r.whole, "X-Yubin-Sender: rfc822; eve@far.test")
		})
	}
}

// Notices on letters beyond ASCII: as they are for a sender whose server takes them,
// in seven bits for one whose server takes nothing else (RFC 6533). ORCPT of type
// utf-8 goes on in the form that the next server reads.
func TestNoticesBeyondASCII(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, from string
		ehlo       []string
		orcpt      string // as the peer gets it
		kinds      []string
		final      string
		raw        []string // of the notice, as it came
	}{
		{"a server that knows them", "<üser@far.test>", []string{"PIPELINING", "8BITMIME", "DSN", "SMTPUTF8"}, "ORCPT=utf-8;jörg@x.test",
			[]string{"text/plain", "message/global-delivery-status", "message/global"}, "utf-8; nö@far.test", []string{"Final-Recipient: utf-8; nö@far.test\r\n", "Subject: Grüße"}},
		{"a server of seven bits", "<user@far.test>", []string{"DSN"}, `ORCPT=utf-8;j\x{F6}rg@x.test`,
			[]string{"text/plain", "message/global-delivery-status", "message/global"}, "utf-8; nö@far.test", []string{"Final-Recipient: utf-8; n=C3=B6@far.test\r\n", "Subject: Gr=C3=BC=C3=9Fe", "Content-Transfer-Encoding: quoted-printable"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			i, p := outbound(t, peer.Options{Name: "mx.far.test", Ehlo: c.ehlo, Script: peer.Script{"RCPT nö@far.test": "550 5.1.1 no"}})
			send(t, i, "<bob@example.test>", []string{`<dave@far.test> ORCPT=utf-8;j\x{F6}rg@x.test`}, "Subject: x\n\ny")
			if strings.Contains(c.orcpt, "ö") {
				send(t, i, "<bob@example.test> SMTPUTF8", []string{`<dave@far.test> ORCPT=utf-8;jörg@x.test`}, "Subject: x\n\ny")
			}
			send(t, i, c.from+" SMTPUTF8 BODY=8BITMIME", []string{"<nö@far.test>"}, "Subject: Grüße\n\ny")
			i.Until("the queue is empty", i.Drained)
			var orcpts, notices []string
			for _, m := range p.Messages() {
				_, arg, _ := strings.Cut(m.Rcpt[0], "> ")
				if strings.HasPrefix(m.Mail, "<>") {
					notices = append(notices, m.Data)
				} else {
					orcpts = append(orcpts, arg)
				}
			}
			if !slices.Contains(orcpts, c.orcpt) || !slices.Contains(orcpts, `ORCPT=utf-8;j\x{F6}rg@x.test`) {
				t.Errorf("passed on: %q, want %s among them", orcpts, c.orcpt)
			}
			if len(notices) != 1 {
				t.Fatalf("%d notices; the log:\n%s", len(notices), i.Log())
			}
			r := readReport(t, notices[0])
			if !slices.Equal(r.kinds, c.kinds) {
				t.Errorf("parts %q, want %q", r.kinds, c.kinds)
			}
			has(t, r.recipients[0], "Final-Recipient: "+c.final)
			if !strings.Contains(r.returned, "Subject: Grüße\n") {
				t.Errorf("returned: %q", r.returned)
			}
			for _, want := range c.raw {
				if !strings.Contains(notices[0], want) {
					t.Errorf("lacks %q:\n%s", want, notices[0])
				}
			}
			if strings.Contains(c.name, "seven") {
				for k := range len(notices[0]) {
					if notices[0][k] >= 0x80 {
						t.Fatalf("an octet of eight bits at %d:\n%s", k, notices[0])
					}
				}
			}
		})
	}
}

// What the postmaster gets of notify_classes: what was said in sessions on either
// side, copies of notices, and no more letters than he wants.
func TestNotifyClasses(t *testing.T) {
	t.Parallel()
	i, _ := outbound(t, peer.Options{Name: "mx.far.test", Script: peer.Script{"RCPT odd@far.test": "501 5.5.4 what is that", "RCPT late@far.test": "450 4.2.2 mailbox full"}},
		"notify_classes = protocol, policy, delay", "error_notice_recipient = bob@example.test", "delay_notice_recipient = alice", "notify_session_limit = 2",
		"virtual_alias_maps = inline:{ {alice@mx.example.test=alice@example.test} }", "delay_warning_time = 1s",
		"smtpd_sender_restrictions = check_sender_access inline:{ {bad@far.test=REJECT} }", "smtpd_hard_error_limit = 3")
	s := i.Dial()
	s.Want("250-", "EHLO client.test")
	s.Want("250 ", "MAIL FROM:<bad@far.test>")
	s.Want("554 ", "RCPT TO:<bob@example.test>")
	s.Close()
	i.WaitLog("postmaster notification of the session with localhost[127.0.0.1]")
	send(t, i, "<alice@example.test> ENVID=1", []string{"<odd@far.test> NOTIFY=NEVER", "<late@far.test> NOTIFY=DELAY"}, "Subject: x\n\nsecret text")
	i.WaitLog("postmaster notification of the session: ")
	i.Until("it is deferred", func() bool { return queued(t, i, "deferred") == 1 && queued(t, i, "incoming") == 0 })
	begun := time.Now()
	i.Until("the time of the warning", func() bool { return time.Since(begun) > 1100*time.Millisecond })
	i.Mailctl("queue", "flush")
	i.WaitLog("postmaster delay notification")
	for k := range 4 {
		s := i.Dial()
		s.Want("500 ", fmt.Sprintf("HELLO %d", k))
		s.Close()
		i.Until("the session has ended", func() bool { return strings.Count(i.Log(), "unknown=0/1") == k+1 })
		if k == 0 { // the others are too many
			i.Until("it is told of", func() bool {
				return strings.Count(i.Log(), ": postmaster notification of the session with localhost") == 2
			})
		}
	}
	i.Until("all letters have gone", func() bool { return queued(t, i, "incoming") == 0 })
	i.Mailctl("queue", "expire", "ALL")
	i.Until("the queue is empty", i.Drained)
	var subjects []string
	for _, mail := range i.Mail("bob") {
		subject, _, _ := strings.Cut(mail[strings.Index(mail, "\nSubject: ")+len("\nSubject: "):], "\n")
		subjects = append(subjects, subject)
		wants := []string{"Return-Path: <>", "\n In:  HELLO 0\n Out: 500 5.5.2 Error: command not recognized\n"}
		switch {
		case strings.Contains(subject, "client"):
			wants = []string{"\n Out: RCPT TO:<odd@far.test>", "\n In:  501 5.5.4 what is that\n"}
		case strings.Contains(mail, "(policy)"):
			wants = []string{"\n In:  MAIL FROM:<bad@far.test>\n", "\n Out: 554 5.7.1 <bad@far.test>: Sender address rejected: Access denied\n"}
		}
		for _, want := range wants {
			if !strings.Contains(mail, want) {
				t.Errorf("no %q in\n%s", want, mail)
			}
		}
		if strings.Contains(mail, "secret") {
			t.Errorf("has the letter:\n%s", mail)
		}
	}
	slices.Sort(subjects)
	if want := []string{"Yubin SMTP client: errors from mx.far.test[127.0.0.1]", "Yubin SMTP server: errors from localhost[127.0.0.1]", "Yubin SMTP server: errors from localhost[127.0.0.1]"}; !slices.Equal(subjects, want) {
		t.Errorf("bob has %q, want %q", subjects, want)
	}
	var delays []string
	for _, mail := range i.Mail("alice") {
		r := readReport(t, mail)
		delays = append(delays, r.header.Get("Subject")+": "+r.brief())
	}
	slices.Sort(delays)
	if want := []string{"Delayed Mail (still being retried): late@far.test delayed 4.2.2", "Postmaster Warning: Delayed Mail: late@far.test delayed 4.2.2"}; !slices.Equal(delays, want) {
		t.Errorf("alice has %q, want %q", delays, want)
	}
}
