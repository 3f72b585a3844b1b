package qmgr

import (
	"slices"
	"strings"
	"testing"

	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// Whom the sender is told of, by what was asked for and by what the agent says
// of the delivery.
func TestNotify(t *testing.T) {
	t.Parallel()
	sent := func(report string) ipc.Result {
		return ipc.Result{Status: ipc.Sent, Code: "2.1.5", Text: "250 2.1.5 Ok", Host: "mx.far.test", Report: report}
	}
	bounce := ipc.Result{Status: ipc.Bounced, Code: "5.1.1", Text: "unknown"}
	for _, c := range []struct {
		name, sender, notify string
		verbose              bool
		result               ipc.Result
		want                 string // what the notice says; "": there is none
	}{
		{name: "nothing asked", sender: "ann@example.com", result: sent(ipc.Relayed)},
		{name: "delivered", sender: "ann@example.com", notify: "SUCCESS", result: sent(ipc.Delivered), want: "Action: delivered"},
		{name: "relayed", sender: "ann@example.com", notify: "SUCCESS,FAILURE", result: sent(ipc.Relayed), want: "Action: relayed"},
		{name: "the next host tells", sender: "ann@example.com", notify: "SUCCESS", result: sent("")},
		{name: "an agent's word that is not known", sender: "ann@example.com", notify: "SUCCESS", result: sent("expanded")},
		{name: "failures only", sender: "ann@example.com", notify: "FAILURE,DELAY", result: sent(ipc.Delivered)},
		{name: "never", sender: "ann@example.com", notify: "NEVER", result: sent(ipc.Delivered)},
		{name: "null sender", notify: "SUCCESS", result: sent(ipc.Delivered)},
		{name: "not a value", sender: "ann@example.com", notify: "ALWAYS", result: sent(ipc.Delivered)},
		{name: "sendmail -v", sender: "ann@example.com", verbose: true, result: sent(""), want: "Action: relayed"},
		{name: "failure", sender: "ann@example.com", result: bounce, want: "Action: failed"},
		{name: "failure, asked for", sender: "ann@example.com", notify: "FAILURE", result: bounce, want: "Action: failed"},
		{name: "failure, not asked for", sender: "ann@example.com", notify: "SUCCESS,DELAY", result: bounce},
		{name: "failure, never", sender: "ann@example.com", notify: "NEVER", result: bounce},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			var notices []string
			r.deliver = func(q *ipc.Request, content string) *ipc.Reply {
				if q.Recipients[0].Address == "ann@example.com" {
					notices = append(notices, content)
					if q.Sender != "" {
						t.Errorf("a notice from %q", q.Sender)
					}
					return deliverAll(q, content)
				}
				return outcomes(map[string]ipc.Result{"bob@example.org": c.result})(q, content)
			}
			r.start()
			env := envelope(c.sender, "bob@example.org")
			env.Attrs = map[string]string{queue.AttrEnvID: "a+b", queue.AttrRet: "FULL"}
			if c.verbose {
				env.Attrs[queue.AttrVerbose] = "yes"
			}
			env.Recipients[0].Attrs = map[string]string{queue.AttrNotify: c.notify, queue.AttrOrcpt: "rfc822;bob+x@example.net"}
			r.writer().commit(env, "Subject: hi\n\nhello\n")
			r.settled()
			r.stopAll()
			if c.want == "" {
				if len(notices) > 0 {
					t.Errorf("a notice came:\n%s", notices[0])
				}
				return
			}
			if len(notices) != 1 {
				t.Fatalf("%d notices", len(notices))
			}
			wants := []string{c.want, "Original-Envelope-Id: a+b", "Original-Recipient: rfc822;bob+x@example.net", "Final-Recipient: rfc822; bob@example.org", "Subject: hi"}
			if c.result.Status == ipc.Sent {
				subject := "Subject: Successful Mail Delivery Report"
				if env.Attrs[queue.AttrVerbose] != "" {
					subject = "Subject: Mail Delivery Status Report"
				}
				wants = append(wants, "Status: 2.1.5", "Remote-MTA: dns; mx.far.test", subject)
				if strings.Contains(notices[0], "hello") {
					t.Error("the report of a delivery has the message's text") // RFC 3461, 4.3
				}
			}
			for _, want := range wants {
				if !strings.Contains(notices[0], want+"\n") {
					t.Errorf("no %q in\n%s", want, notices[0])
				}
			}
		})
	}
}

// A report that cannot be made is made later; meanwhile the recipient is not
// tried again, and the queue's listing says what is missing.
func TestReportLater(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver = func(q *ipc.Request, content string) *ipc.Reply {
		p := deliverAll(q, content)
		p.Results[0].Report = ipc.Delivered
		return p
	}
	full := false
	r.opts.Before = func(call, name string) error {
		if full && call == "create" {
			return errTest
		}
		return nil
	}
	r.start()
	w := r.writer()
	b := w.blank()
	r.s.ask(func() { full = true })
	env := envelope("ann@example.com", "bob@example.org")
	env.Recipients[0].Attrs = map[string]string{queue.AttrNotify: "SUCCESS"}
	b.write(t, b.ID, env, "text\n")
	d := w.finish(ipc.Commit{Blank: b.ID})
	r.settled()
	if got := r.names(queue.DirDeferred); !slices.Equal(got, []string{d.ID}) || len(r.got("ann@example.com")) > 0 {
		t.Fatalf("deferred holds %v, want %s", got, d.ID)
	}
	m, f, err := r.store.Load(d.ID, queue.DirDeferred)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if res := m.Result(0); res.State != queue.Sent || res.Report != ipc.Delivered || res.Done() || !strings.HasPrefix(res.Reason(), "delivered;") {
		t.Errorf("the file says %+v", res)
	}
	r.stopAll() // and the reports of another process
	full = false
	r.start()
	r.s.ask(func() { r.s.flushAll() })
	r.wait("the report", func(*scheduler) bool { return len(r.got("ann@example.com")) == 1 })
	r.settled()
	r.stopAll()
	if n := len(r.got("bob@example.org")); n != 1 {
		t.Errorf("delivered %d times", n)
	}
	r.logged("postfix/bounce[", d.ID+": sender delivery status notification: "+d.ID+"B00000")
}

// What the sender asked for goes on to the addresses of an alias, not to the
// members of a list.
func TestNotifyForward(t *testing.T) {
	t.Parallel()
	owner := "owner-team@example.org"
	for name, c := range map[string]struct {
		sender *string
		want   string
	}{"alias": {nil, "SUCCESS"}, "list": {&owner, ""}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			var got *ipc.Request
			r.deliver = func(q *ipc.Request, content string) *ipc.Reply {
				if q.Recipients[0].Address == "al@example.org" {
					got = q
					return deliverAll(q, content)
				}
				return outcomes(map[string]ipc.Result{"team@example.org": {
					Status: ipc.Expanded, To: []ipc.Target{{Address: "al@example.org"}}, Sender: c.sender,
				}})(q, content)
			}
			r.start()
			env := envelope("ann@example.com", "team@example.org")
			env.Attrs = map[string]string{queue.AttrRet: "HDRS"}
			env.Recipients[0].Attrs = map[string]string{queue.AttrNotify: "SUCCESS"}
			r.writer().commit(env, "text\n")
			r.settled()
			r.stopAll()
			if got == nil {
				t.Fatal("nothing was forwarded")
			}
			rc := got.Recipients[0]
			if rc.Attrs[queue.AttrNotify] != c.want || (rc.Original != "") != (c.want != "") || (got.Attrs[queue.AttrRet] != "") != (c.want != "") {
				t.Errorf("forwarded as %+v, attributes %v", rc, got.Attrs)
			}
		})
	}
}

// A notice on a letter with REQUIRETLS asks for the same, and returns no more
// than the header (RFC 8689, 5).
func TestNotifyRequireTLS(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	type notice struct{ require, content string }
	var notices []notice
	r.deliver = func(q *ipc.Request, content string) *ipc.Reply {
		if q.Recipients[0].Address == "ann@example.com" {
			notices = append(notices, notice{q.Attrs[queue.AttrRequireTLS], content})
			return deliverAll(q, content)
		}
		return outcomes(map[string]ipc.Result{"bob@example.org": {Status: ipc.Bounced, Code: "5.7.30", Text: "not offered"}})(q, content)
	}
	r.start()
	env := envelope("ann@example.com", "bob@example.org")
	env.Attrs = map[string]string{queue.AttrRequireTLS: "yes", queue.AttrRet: "FULL"}
	r.writer().commit(env, "Subject: hi\n\nhello\n")
	r.settled()
	r.stopAll()
	if len(notices) != 1 || notices[0].require != "yes" || strings.Contains(notices[0].content, "hello") || !strings.Contains(notices[0].content, "Status: 5.7.30") {
		t.Errorf("notices: %+v", notices)
	}
}
