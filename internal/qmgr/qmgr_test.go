package qmgr

import (
	"context"
	"strings"
	"testing"

	"yubin/internal/ipc"
	"yubin/internal/queue"
)

func TestDeliver(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var seen string
	r.deliver = func(q *ipc.Request, content string) *ipc.Reply { seen = content; return deliverAll(q, content) }
	r.start()
	d := r.writer().commit(envelope("ann@example.com", "bob@example.org"), "Subject: hi\n\nhello\n")
	if d.Error != "" || d.ID == "" {
		t.Fatalf("commit: %+v", d)
	}
	r.settled()
	r.stopAll()
	if seen != "Subject: hi\n\nhello\n" {
		t.Errorf("agent read %q", seen)
	}
	if n := r.names(queue.DirIncoming); len(n) != 0 {
		t.Errorf("incoming holds %v", n)
	}
	r.logged("postfix/qmgr[", d.ID+": from=<ann@example.com>, size=19, nrcpt=1 (queue active)")
	r.logged("postfix/local[", d.ID+": to=<bob@example.org>, relay=local, delay=0", "dsn=2.0.0, status=sent (delivered to maildir)")
	r.logged("postfix/qmgr[", d.ID+": removed")
}

// A manager that makes way lends nothing more, takes what was begun, and is
// done when every blank is back.
func TestRetire(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	w, idle := r.writer(), r.writer()
	b := w.blank()
	if idle.blank() == nil {
		t.Fatal("no blank")
	}
	retired := make(chan struct{})
	go func() { defer close(retired); r.s.retire(t.Context()) }()
	for _, c := range []*client{w, idle} {
		for !c.retired {
			if err := c.recv(); err != nil {
				t.Fatal(err)
			}
		}
	}
	late := r.writer()
	late.send(&ipc.WriterPacket{Want: 1})
	for !late.retired {
		if err := late.recv(); err != nil {
			t.Fatal(err)
		}
	}
	b.write(t, b.ID, envelope("ann@example.com", "bob@example.org"), "text\n")
	if d := w.finish(ipc.Commit{Blank: b.ID}); d.ID != b.ID {
		t.Errorf("commit: %+v", d)
	}
	select {
	case <-retired:
		t.Error("a blank is lent still")
	default:
	}
	for _, c := range []*client{w, idle, late} {
		if len(c.blanks) > 0 && c == late {
			t.Error("a blank was lent afterwards")
		}
		c.c.Close()
	}
	<-retired
	r.settled()
	r.stopAll()
}

// Whoever keeps a blank does not keep the next generation waiting for ever.
func TestRetireEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	if r.writer().blank() == nil {
		t.Fatal("no blank")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.s.retire(ctx)
	r.stopAll()
}

func TestDeferAndRestart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver = outcomes(map[string]ipc.Result{"bob@example.org": {Status: ipc.Deferred, Code: "4.2.2", Text: "mailbox full", Relay: "local"}})
	r.start()
	d := r.writer().commit(envelope("ann@example.com", "al@example.org", "bob@example.org"), "text\n")
	r.settled()
	r.stopAll()
	if n := r.names(queue.DirDeferred); len(n) != 1 || n[0] != d.ID {
		t.Fatalf("deferred holds %v, want %s", n, d.ID)
	}
	r.logged(d.ID, "status=deferred (mailbox full)", "dsn=4.2.2")

	var again []ipc.Request
	r.deliver = func(q *ipc.Request, content string) *ipc.Reply {
		again = append(again, *q)
		return deliverAll(q, content)
	}
	r.start()
	r.s.ask(func() { r.s.flushAll() })
	r.wait("delivery", func(*scheduler) bool { return len(r.got("bob@example.org")) > 0 })
	r.settled()
	r.stopAll()
	if len(again) != 1 || len(again[0].Recipients) != 1 || again[0].Recipients[0].Index != 1 || !again[0].Unsure {
		t.Errorf("after the restart: %+v, want recipient 1 alone, unsure", again)
	}
	if got := r.got("al@example.org"); len(got) != 1 {
		t.Errorf("al was delivered to %d times", len(got))
	}
}

func TestBounce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var notice string
	r.deliver = func(q *ipc.Request, content string) *ipc.Reply {
		if q.Sender == "" {
			notice = content
		}
		return outcomes(map[string]ipc.Result{"bob@example.org": {Status: ipc.Bounced, Code: "5.1.1", Text: `unknown user: "bob"`, Relay: "local"}})(q, content)
	}
	r.start()
	d := r.writer().commit(envelope("ann@example.com", "bob@example.org", "al@example.org"), "Subject: hi\n\nhello\n")
	r.wait("notice", func(*scheduler) bool { return len(r.got("ann@example.com")) > 0 })
	r.settled()
	r.stopAll()
	id, _ := queue.ChildID(d.ID, queue.ChildBounce, 0)
	if got := r.got("ann@example.com"); len(got) != 1 || got[0] != id {
		t.Errorf("notices %v, want %s", got, id)
	}
	for _, want := range []string{"bob@example.org", "5.1.1", "Subject: hi"} {
		if !strings.Contains(notice, want) {
			t.Errorf("notice lacks %q:\n%s", want, notice)
		}
	}
	r.logged("postfix/bounce[", d.ID+": sender non-delivery notification: "+id)
	r.logged(d.ID + ": removed")
	r.logged(id + ": removed")
	for _, dir := range []string{queue.DirIncoming, queue.DirDeferred} {
		if n := r.names(dir); len(n) != 0 {
			t.Errorf("%s holds %v", dir, n)
		}
	}
}

func TestNullSenderIsNotAnswered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver = outcomes(map[string]ipc.Result{"bob@example.org": {Status: ipc.Bounced, Code: "5.1.1", Text: "unknown user"}})
	r.start()
	d := r.writer().commit(envelope("", "bob@example.org"), "text\n")
	r.settled()
	r.stopAll()
	r.logged(d.ID + ": sender: <>, not delivered")
	r.logged(d.ID + ": removed")
	if strings.Contains(r.lines(), "notification") {
		t.Error("a notice was made")
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	owner := "owner@example.org"
	var forwarded ipc.Request
	var content string
	r.deliver = func(q *ipc.Request, c string) *ipc.Reply {
		if q.Recipients[0].Address != "list@example.org" {
			forwarded, content = *q, c
			return deliverAll(q, c)
		}
		return &ipc.Reply{N: q.N, Results: []ipc.Result{
			{Status: ipc.Expanded, To: []ipc.Target{{Address: "x@example.org", Exact: true}}, More: true, Relay: "local"},
			{Status: ipc.Expanded, To: []ipc.Target{{Address: "y@example.org"}}, Sender: &owner, Header: "Delivered-To: list@example.org\n", Relay: "local"},
		}}
	}
	r.start()
	d := r.writer().commit(envelope("ann@example.com", "list@example.org"), "Subject: hi\n\nhello\n")
	r.wait("both", func(*scheduler) bool { return len(r.got("x@example.org"))+len(r.got("y@example.org")) == 2 })
	r.settled()
	r.stopAll()
	id, _ := queue.ChildID(d.ID, queue.ChildForward, 0)
	if forwarded.ID != id || forwarded.Sender != owner || content != "Delivered-To: list@example.org\nSubject: hi\n\nhello\n" {
		t.Errorf("forward %+v with content %q", forwarded, content)
	}
	if forwarded.Recipients[0].Original != "" { // RFC 3461, 5.2.7.1
		t.Errorf("the copy of a list has an original recipient: %+v", forwarded.Recipients[0])
	}
	r.logged("postfix/local[", d.ID+": to=<list@example.org>", "status=sent (forwarded as "+id+")", "dsn=2.0.0")
}

// The addresses of a forward go through virtual aliases; no copies are made of it,
// and its header stays.
func TestForwardIsRewritten(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.rewrite = rewriterOf(t, "always_bcc = log@example.org\nmasquerade_domains = example.com\n"+
		"virtual_alias_maps = inline:{ {x@example.org=v@example.org w@example.org} }\n")
	var content string
	r.deliver = func(q *ipc.Request, c string) *ipc.Reply {
		if q.Recipients[0].Address != "list@example.org" {
			content = c
			return deliverAll(q, c)
		}
		return &ipc.Reply{N: q.N, Results: []ipc.Result{
			{Status: ipc.Expanded, To: []ipc.Target{{Address: "x@example.org"}, {Address: "x@example.org", Exact: true}}, Relay: "local"},
		}}
	}
	r.start()
	d := r.writer().commit(envelope("ann@h.example.com", "list@example.org"), "From: ann@h.example.com\n\nhello\n")
	r.settled()
	r.stopAll()
	id, _ := queue.ChildID(d.ID, queue.ChildForward, 0)
	for _, addr := range []string{"v@example.org", "w@example.org", "x@example.org"} {
		if got := r.got(addr); len(got) != 1 || got[0] != id {
			t.Errorf("%s got %v, want %s", addr, got, id)
		}
	}
	if len(r.got("log@example.org")) > 0 || content != "From: ann@h.example.com\n\nhello\n" {
		t.Errorf("copies %v, content %q", r.got("log@example.org"), content)
	}
	r.logged(id+": from=<ann@example.com>", "nrcpt=3")
}

// A table that cannot be read keeps a forward waiting, and a notice.
func TestForwardWaitsForTables(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.rewrite = rewriterOf(t, "virtual_alias_maps = hash:/nowhere/virtual\n")
	r.deliver = func(q *ipc.Request, c string) *ipc.Reply {
		if q.Recipients[0].Address == "list@example.org" {
			return &ipc.Reply{N: q.N, Results: []ipc.Result{{Status: ipc.Expanded, To: []ipc.Target{{Address: "x@example.org"}}, Relay: "local"}}}
		}
		return outcomes(map[string]ipc.Result{"bob@example.org": {Status: ipc.Bounced, Code: "5.1.1", Text: "unknown", Relay: "local"}})(q, c)
	}
	r.start()
	w := r.writer()
	one := w.commit(envelope("ann@example.com", "list@example.org"), "x\n")
	two := w.commit(envelope("ann@example.com", "bob@example.org"), "x\n")
	r.wait("both to wait", func(s *scheduler) bool { return len(s.messages) == 0 && s.waiting.len() == 2 })
	r.stopAll()
	r.logged(one.ID+": to=<list@example.org>", "dsn=4.3.0, status=deferred (cannot make the forwarded message)")
	r.logged(two.ID + ": sender notification failed: <ann@example.com>")
	if got := r.names(queue.DirDeferred); len(got) != 2 {
		t.Errorf("deferred holds %v", got)
	}
}

// A notice is new mail of this system's own: its addresses are rewritten too.
func TestNoticeIsRewritten(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.rewrite = rewriterOf(t, "canonical_maps = inline:{ {ann@example.com=Ann.Smith@example.com} }\nvirtual_alias_maps = inline:{ {Ann.Smith@example.com=as@example.net} }\n")
	var notice string
	r.deliver = func(q *ipc.Request, content string) *ipc.Reply {
		if q.Sender == "" {
			notice = content
		}
		return outcomes(map[string]ipc.Result{"bob@example.org": {Status: ipc.Bounced, Code: "5.1.1", Text: "unknown", Relay: "local"}})(q, content)
	}
	r.start()
	r.writer().commit(envelope("ann@example.com", "bob@example.org"), "To: ann@example.com\n\nhello\n")
	r.wait("notice", func(*scheduler) bool { return len(r.got("as@example.net")) > 0 })
	r.settled()
	r.stopAll()
	top, rest, _ := strings.Cut(notice, "\n\n")
	if !strings.Contains(top+"\n", "\nTo: Ann.Smith@example.com\n") || !strings.Contains(rest, "\nTo: ann@example.com\n") {
		t.Errorf("the notice is\n%s", notice)
	}
}

func TestMissingAgent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.missing = map[string]bool{"local": true}
	r.start()
	w := r.writer()
	d := w.commit(envelope("ann@example.com", "bob@example.org"), "text\n")
	r.settled()
	d2 := w.commit(envelope("ann@example.com", "al@example.org"), "text\n")
	r.settled()
	r.stopAll()
	for _, id := range []string{d.ID, d2.ID} {
		r.logged(id, "relay=none", "dsn=4.3.2, status=deferred (mail transport local is not available: no such service in master.cf, or its program is not installed)")
	}
	if n := r.names(queue.DirDeferred); len(n) != 2 {
		t.Errorf("deferred holds %v", n)
	}
	if n := strings.Count(r.lines(), "warning: "); n != 1 {
		t.Errorf("%d warnings, want one:\n%s", n, r.lines())
	}
}

func TestManyRecipients(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	all := addresses(1000)
	d := r.writer().commit(envelope("ann@example.com", all...), "text\n")
	r.wait("all", func(s *scheduler) bool { return len(s.messages) == 0 })
	r.settled()
	r.stopAll()
	for _, a := range all {
		if got := r.got(a); len(got) != 1 || got[0] != d.ID {
			t.Fatalf("%s: delivered %v", a, got)
		}
	}
}

// The request that fills a mailbox's places tells the agent that others wait.
func TestPressing(t *testing.T) {
	t.Parallel()
	s := &scheduler{p: testParams(""), transports: map[string]*transport{}}
	s.p.limitsOf = func(string) limits { return limits{concurrency: 2, perRequest: 50} }
	to := s.transport("local")
	request := func(mailbox string) *request {
		m := &message{
			Message: &queue.Message{Env: &queue.Envelope{Recipients: []queue.Recipient{{Address: mailbox}}}},
			rcpt:    []recipient{{to: destination{mailbox: mailbox}}},
		}
		return s.build(to, &job{m: m, ready: []int{0}})
	}
	if request("ann").msg.Pressing || request("bob").msg.Pressing {
		t.Error("the first of two places is pressing")
	}
	if !request("ann").msg.Pressing {
		t.Error("the last place is not pressing")
	}
	if r := request("ann"); r != nil {
		t.Errorf("a third request for two places: %+v", r.msg)
	}
}
