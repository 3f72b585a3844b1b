package qmgr

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"yubin/internal/dsn"
	"yubin/internal/ipc"
	"yubin/internal/queue"
	"yubin/internal/rewrite"
)

// What the sender and the postmaster hear of failures and delays, by what
// notify_classes has and by what the sender has asked for.
func TestPostmasterCopies(t *testing.T) {
	t.Parallel()
	codes := map[string]string{ipc.Bounced: "5.1.1", ipc.Deferred: "4.2.2"}
	const post, late, double = "post@example.com", "late@example.com", "double@example.com"
	for _, c := range []struct {
		name, sender, notify string
		status               string
		classes              func(*params)
		want                 []string // "to: Action"
	}{
		{"bounce", "ann@example.com", "", ipc.Bounced, func(p *params) { p.bounceCopies = post },
			[]string{"ann@example.com: failed, with the body", post + ": failed"}},
		{"bounce that the sender does not want to hear of", "ann@example.com", "NEVER", ipc.Bounced, func(p *params) { p.bounceCopies = post },
			[]string{post + ": failed"}},
		{"bounce of a notice", "", "", ipc.Bounced, func(p *params) { p.bounceCopies = post }, nil},
		{"2bounce", "", "", ipc.Bounced, func(p *params) { p.bounceCopies, p.doubleBounces = post, double },
			[]string{double + ": failed, with the body"}},
		{"delay", "ann@example.com", "", ipc.Deferred, func(p *params) { p.delayWarning, p.delayCopies = 1, late },
			[]string{"ann@example.com: delayed", late + ": delayed"}},
		{"delay without delay_warning_time", "ann@example.com", "", ipc.Deferred, func(p *params) { p.delayCopies = late }, nil},
		{"delay that the sender does not want to hear of", "ann@example.com", "FAILURE", ipc.Deferred, func(p *params) { p.delayWarning, p.delayCopies = 1, late }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.params = c.classes
			var got []string
			r.deliver = func(q *ipc.Request, content string) *ipc.Reply {
				to := q.Recipients[0].Address
				if to == "bob@example.org" {
					return outcomes(map[string]ipc.Result{to: {Status: c.status, Code: codes[c.status], Text: "no"}})(q, content)
				}
				_, action, _ := strings.Cut(content, "\nAction: ")
				action, _, _ = strings.Cut(action, "\n")
				line := to + ": " + action
				if strings.Contains(content, "\nhello\n") {
					line += ", with the body"
				}
				got = append(got, line)
				if q.Sender != "" || (q.Attrs[queue.AttrPostmaster] != "") != (to != "ann@example.com") {
					t.Errorf("to %s from %q with %v", to, q.Sender, q.Attrs)
				}
				return deliverAll(q, content)
			}
			r.start()
			env := envelope(c.sender, "bob@example.org")
			env.Recipients[0].Attrs = map[string]string{queue.AttrNotify: c.notify}
			d := r.writer().commit(env, "Subject: hi\n\nhello\n")
			r.wait("the notices", func(*scheduler) bool {
				n := 0
				for _, to := range []string{"ann@example.com", post, late, double} {
					n += len(r.got(to))
				}
				return n >= len(c.want)
			})
			r.settled()
			r.stopAll()
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			for _, line := range c.want {
				switch to, _, _ := strings.Cut(line, ":"); to {
				case post:
					r.logged(d.ID + ": postmaster non-delivery notification: " + d.ID + "D00000")
				case late:
					r.logged(d.ID + ": postmaster delay notification: " + d.ID + "E00000")
				}
			}
		})
	}
}

// An alias of several addresses whose sender wants to hear of success is told of
// as expanded, and its addresses report no success; a list is told of as
// delivered; one of one address passes on what was asked for (RFC 3461, 5.2.7).
func TestExpandedReport(t *testing.T) {
	t.Parallel()
	owner := "owner-team@example.org"
	two := []ipc.Target{{Address: "al@example.org"}, {Address: "di@example.org"}}
	for _, c := range []struct {
		name, sender, notify string
		to                   []ipc.Target
		owner                *string
		report, goesOn       string
	}{
		{"several", "ann@example.com", "SUCCESS", two, nil, "expanded", "NEVER"},
		{"several, failures too", "ann@example.com", "SUCCESS,FAILURE", two, nil, "expanded", "FAILURE"},
		{"several, nothing asked", "ann@example.com", "", two, nil, "", ""},
		{"several, failures only", "ann@example.com", "FAILURE", two, nil, "", "FAILURE"},
		{"several, from nobody", "", "SUCCESS", two, nil, "", "SUCCESS"},
		{"one", "ann@example.com", "SUCCESS", two[:1], nil, "", "SUCCESS"},
		{"list", "ann@example.com", "SUCCESS", two, &owner, "delivered", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			var notices []string
			r.deliver = func(q *ipc.Request, content string) *ipc.Reply {
				switch q.Recipients[0].Address {
				case "team@example.org":
					return outcomes(map[string]ipc.Result{"team@example.org": {Status: ipc.Expanded, To: c.to, Sender: c.owner}})(q, content)
				case "ann@example.com":
					notices = append(notices, content)
				default:
					if got := q.Recipients[0].Attrs[queue.AttrNotify]; got != c.goesOn {
						t.Errorf("goes on with NOTIFY=%q, want %q", got, c.goesOn)
					}
				}
				return deliverAll(q, content)
			}
			r.start()
			env := envelope(c.sender, "team@example.org")
			env.Recipients[0].Attrs = map[string]string{queue.AttrNotify: c.notify}
			d := r.writer().commit(env, "text\n")
			r.settled()
			r.stopAll()
			r.logged(d.ID+": to=<team@example.org>", "status=sent (forwarded as "+d.ID+"A00000)")
			for _, a := range c.to {
				if len(r.got(a.Address)) != 1 {
					t.Errorf("%s got %v", a.Address, r.got(a.Address))
				}
			}
			switch {
			case c.report == "" && len(notices) > 0:
				t.Errorf("a notice:\n%s", notices[0])
			case c.report != "" && (len(notices) != 1 || !strings.Contains(notices[0], "\nAction: "+c.report+"\n")):
				t.Errorf("want %q in %q", c.report, notices)
			}
			if names := r.names(queue.DirDeferred); len(names) > 0 {
				t.Errorf("deferred holds %v", names)
			}
		})
	}
}

// A virtual alias of several is told of as well, and nothing is delivered to it.
func TestVirtualAliasIsTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.rewrite = rewriterOf(t, "virtual_alias_maps = inline:{ {team@example.org=al@example.org di@example.org} }\n")
	var notice string
	r.deliver = func(q *ipc.Request, content string) *ipc.Reply {
		if q.Recipients[0].Address == "ann@example.com" {
			notice = content
		}
		return deliverAll(q, content)
	}
	r.start()
	env := envelope("ann@example.com", "team@example.org")
	env.Recipients[0].Attrs = map[string]string{queue.AttrNotify: "SUCCESS"}
	if err := r.rewrite.Envelope(env, rewrite.Options{}); err != nil {
		t.Fatal(err)
	}
	d := r.writer().commit(env, "text\n")
	r.settled()
	r.stopAll()
	if !strings.Contains(notice, "Final-Recipient: rfc822; team@example.org\nAction: expanded\n") || strings.Contains(notice, "al@example.org") {
		t.Errorf("the notice:\n%s", notice)
	}
	if len(r.got("team@example.org")) > 0 || len(r.got("al@example.org"))+len(r.got("di@example.org")) != 2 {
		t.Errorf("delivered: %v", r.delivered)
	}
	r.logged(d.ID + ": sender delivery status notification: " + d.ID + "B00000")
	if strings.Contains(r.lines(), ": to=<team@example.org>") {
		t.Error("the log has a delivery to the alias")
	}
}

// The report of an expansion outlives a crash between the child and its parent's
// record.
func TestReportOfExpansionSurvives(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.missing = map[string]bool{"local": true}
	r.start()
	env := envelope("ann@example.com", "team@example.org")
	env.Recipients[0].Attrs = map[string]string{queue.AttrNotify: "SUCCESS"}
	d := r.writer().commit(env, "text\n")
	r.settled()
	r.stopAll()
	id, _ := queue.ChildID(d.ID, queue.ChildForward, 0)
	f, err := os.OpenFile(filepath.Join(r.dir, queue.DirIncoming, id), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	child := envelope("ann@example.com", "al@example.org", "di@example.org")
	child.Attrs = map[string]string{queue.AttrReport: dsn.Expanded}
	(&blank{f: f}).write(t, id, child, "text\n")
	r.missing = nil
	var notices []string
	r.deliver = func(q *ipc.Request, content string) *ipc.Reply {
		if q.Recipients[0].Address == "ann@example.com" {
			notices = append(notices, content)
		}
		return deliverAll(q, content)
	}
	r.start()
	r.s.ask(func() { r.s.flushAll() })
	r.settled()
	r.stopAll()
	if len(r.got("team@example.org")) > 0 || len(notices) != 1 || !strings.Contains(notices[0], "Action: expanded") {
		t.Errorf("team got %v; notices %q", r.got("team@example.org"), notices)
	}
}

// The postmaster hears of a session of an agent's that went wrong: not of too
// many, and not of one that took a letter to himself.
func TestSessionTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		params func(*params)
		attrs  map[string]string
		want   int
	}{
		"told":       {func(p *params) { p.errors, p.sessions = "errors@example.com", 20 }, nil, 3},
		"some":       {func(p *params) { p.errors, p.sessions = "errors@example.com", 2 }, nil, 2},
		"not wanted": {func(p *params) { p.sessions = 20 }, nil, 0},
		"postmaster": {func(p *params) { p.errors, p.sessions = "errors@example.com", 20 }, map[string]string{queue.AttrPostmaster: "yes"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.params = c.params
			var letters []string
			r.deliver = func(q *ipc.Request, content string) *ipc.Reply {
				p := deliverAll(q, content)
				if q.Recipients[0].Address == "errors@example.com" {
					letters = append(letters, content)
				}
				p.Results[0].Session = &ipc.Session{Peer: "mx.far.test[192.0.2.1]", Text: "Out: MAIL\nIn:  501 \x1bno\n"}
				return p
			}
			r.start()
			w := r.writer()
			for range 3 {
				env := envelope("ann@example.com", "bob@example.org")
				env.Attrs = c.attrs
				w.commit(env, "text\n")
			}
			r.wait("the letters", func(*scheduler) bool { return len(r.got("errors@example.com")) >= c.want })
			r.settled()
			r.stopAll()
			if len(letters) != c.want {
				t.Fatalf("%d letters, want %d", len(letters), c.want)
			}
			for _, l := range letters {
				if !strings.Contains(l, "Subject: Yubin SMTP client: errors from mx.far.test[192.0.2.1]\n") || !strings.Contains(l, "\n Out: MAIL\n In:  501 ?no\n") {
					t.Errorf("the letter:\n%s", l)
				}
			}
			if got := r.names(queue.DirIncoming); len(got) > 0 {
				t.Errorf("incoming holds %v", got)
			}
		})
	}
}

// What waits for too long goes back: letters of the null sender by
// bounce_queue_lifetime, others by maximal_queue_lifetime; of the former nobody
// hears but the postmaster, if he wants to.
func TestLifetimes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, sender, double string
		params               func(*params)
		to                   string // who hears of it; "": nobody
		gone                 bool
	}{
		{"a notice's time is over", "", "", func(p *params) { p.bounceLifetime = 1 }, "", true},
		{"a notice's time is over, for the postmaster", "", "post@example.com", func(p *params) { p.bounceLifetime = 1 }, "post@example.com", true},
		{"a letter has its own time", "ann@example.com", "", func(p *params) { p.bounceLifetime = 1 }, "", false},
		{"a letter's time is over", "ann@example.com", "", func(p *params) { p.lifetime = 1 }, "ann@example.com", true},
		{"a notice has its own time", "", "post@example.com", func(p *params) { p.lifetime = 1 }, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.params = func(p *params) { c.params(p); p.doubleBounces = c.double }
			var told []string
			r.deliver = func(q *ipc.Request, content string) *ipc.Reply {
				to := q.Recipients[0].Address
				if to != "bob@example.org" {
					told = append(told, to)
					for _, want := range []string{"Status: 5.4.7\n", "mailbox full", "This system has tried since ", "The mailbox is full."} {
						if !strings.Contains(strings.ReplaceAll(content, "\n    ", " "), want) {
							t.Errorf("no %q in\n%s", want, content)
						}
					}
					return deliverAll(q, content)
				}
				return outcomes(map[string]ipc.Result{to: {Status: ipc.Deferred, Code: "4.2.2", Text: "mailbox full"}})(q, content)
			}
			r.start()
			d := r.writer().commit(envelope(c.sender, "bob@example.org"), "text\n")
			r.settled()
			r.stopAll()
			want := []string{}
			if c.to != "" {
				want = append(want, c.to)
			}
			if !slices.Equal(told, want) && len(told)+len(want) > 0 {
				t.Errorf("told %q, want %q", told, want)
			}
			if waits := slices.Equal(r.names(queue.DirDeferred), []string{d.ID}); waits == c.gone {
				t.Errorf("deferred holds %v", r.names(queue.DirDeferred))
			}
		})
	}
}
