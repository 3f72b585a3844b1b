package qmgr

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/match"
	"yubin/internal/nss"
	"yubin/internal/queue"
)

// request carries out one control request and gathers the replies.
func (r *rig) request(q *ipc.ControlRequest) (all ipc.ControlReply, content string) {
	r.t.Helper()
	c := r.connect(ipc.RoleControl)
	if err := c.Send(q); err != nil {
		r.t.Fatal(err)
	}
	for {
		var p ipc.ControlReply
		c.Unix().SetReadDeadline(time.Now().Add(patience))
		files, err := c.Recv(&p)
		if err != nil {
			r.t.Fatalf("%s: %v", q.Op, err)
		}
		if len(files) > 0 {
			b, _ := io.ReadAll(files[0])
			content = string(b)
		}
		fdpass.CloseAll(files)
		all.Entries = append(all.Entries, p.Entries...)
		all.Packed = append(all.Packed, p.Packed...)
		all.Done, all.Missing = append(all.Done, p.Done...), append(all.Missing, p.Missing...)
		all.Error, all.Denied = all.Error+p.Error, all.Denied || p.Denied
		if p.End {
			return all, content
		}
	}
}

// waiting makes a queue of n deferred messages.
func waiting(t *testing.T, n int) (*rig, []string) {
	r := newRig(t)
	r.deliver = func(q *ipc.Request, _ string) *ipc.Reply {
		p := deliverAll(q, "")
		for i := range p.Results {
			p.Results[i] = ipc.Result{Index: p.Results[i].Index, Status: ipc.Deferred, Code: "4.2.2", Text: "mailbox full", Relay: "local"}
		}
		return p
	}
	r.start()
	w := r.writer()
	var ids []string
	for range n {
		d := w.commit(envelope("ann@example.com", "bob@example.org", "al@example.org"), "text\n")
		if d.Error != "" {
			t.Fatal(d.Error)
		}
		ids = append(ids, d.ID)
	}
	r.settled()
	return r, ids
}

func TestList(t *testing.T) {
	t.Parallel()
	r, ids := waiting(t, 3)
	defer r.stopAll()
	got, _ := r.request(&ipc.ControlRequest{Op: ipc.OpList})
	if len(got.Entries) != 3 {
		t.Fatalf("%d entries, want 3", len(got.Entries))
	}
	for i, e := range got.Entries {
		if e.ID != ids[i] || e.Queue != queue.DirDeferred || e.Sender != "ann@example.com" || e.Size != 5 || e.Next == 0 || len(e.Recipients) != 2 {
			t.Errorf("entry %+v", e)
		}
		if e.Recipients[0].Reason != "mailbox full" || e.Recipients[0].Code != "4.2.2" || e.Recipients[0].Tried == 0 {
			t.Errorf("recipient %+v", e.Recipients[0])
		}
	}
	shown, content := r.request(&ipc.ControlRequest{Op: ipc.OpShow, IDs: ids[:1]})
	if len(shown.Entries) != 1 || !strings.Contains(content, "text\n") {
		t.Errorf("show: %+v, file %q", shown, content)
	}
}

func TestHoldReleaseDelete(t *testing.T) {
	t.Parallel()
	r, ids := waiting(t, 3)
	none := queue.FreshID(time.UnixMicro(1), queue.OriginQmgr)
	check := func(op string, ids, done, missing []string, dir string, want []string) {
		t.Helper()
		got, _ := r.request(&ipc.ControlRequest{Op: op, IDs: ids})
		if got.Error != "" || !slices.Equal(got.Done, done) || !slices.Equal(got.Missing, missing) {
			t.Errorf("%s %v: %+v", op, ids, got)
		}
		if n := r.names(dir); !slices.Equal(n, want) {
			t.Errorf("%s: %s holds %v, want %v", op, dir, n, want)
		}
	}
	check(ipc.OpHold, []string{ids[0], none, "../x"}, ids[:1], []string{none, "../x"}, queue.DirHold, ids[:1])
	check(ipc.OpDelete, ids[1:2], ids[1:2], nil, queue.DirDeferred, ids[2:])
	r.answer(deliverAll)
	check(ipc.OpRelease, ids[:1], ids[:1], nil, queue.DirHold, nil)
	r.wait("delivery", func(*scheduler) bool { return len(r.got("bob@example.org")) == 1 })
	r.request(&ipc.ControlRequest{Op: ipc.OpFlush, All: true})
	r.wait("delivery of the rest", func(*scheduler) bool { return len(r.got("bob@example.org")) == 2 })
	r.settled()
	r.stopAll()
	for _, text := range []string{ids[0] + ": placed on hold", "Placed on hold: 1 message\n", ids[0] + ": released from hold", "Released from hold: 1 message\n",
		ids[1] + ": removed", "Deleted: 1 message\n"} {
		r.logged("postfix/postsuper[", text)
	}
}

// What is expired by hand goes back at once, from hold too.
func TestExpire(t *testing.T) {
	t.Parallel()
	r, ids := waiting(t, 2)
	r.answer(deliverAll) // but nobody delivers them any more
	r.request(&ipc.ControlRequest{Op: ipc.OpHold, IDs: ids[:1]})
	got, _ := r.request(&ipc.ControlRequest{Op: ipc.OpExpire, IDs: append(ids, queue.FreshID(time.UnixMicro(1), queue.OriginQmgr))})
	if !slices.Equal(got.Done, ids) || len(got.Missing) != 1 {
		t.Errorf("expire: %+v", got)
	}
	r.settled()
	r.stopAll()
	for _, id := range ids {
		r.logged("postfix/postsuper[", id+": expired")
		r.logged(id + ": from=<ann@example.com>, status=force-expired, returned to sender")
		r.logged(id + ": removed")
	}
	if n := len(r.got("bob@example.org")); n != 0 {
		t.Errorf("%d of them were delivered", n)
	}
}

// A message is held and deleted while an agent has a part of it.
func TestHoldWhileActive(t *testing.T) {
	t.Parallel()
	for _, op := range []string{ipc.OpHold, ipc.OpDelete} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.params = func(p *params) {
				p.window, p.limitsOf = 1, func(string) limits { return limits{concurrency: 20, perRequest: 1} }
			}
			entered, release := make(chan bool, 10), make(chan bool)
			r.deliver = func(q *ipc.Request, c string) *ipc.Reply {
				entered <- true
				<-release
				return deliverAll(q, c)
			}
			r.start()
			d := r.writer().commit(envelope("ann@example.com", "bob@example.org", "al@example.org"), "text\n")
			<-entered
			r.request(&ipc.ControlRequest{Op: op, IDs: []string{d.ID}})
			close(release)
			r.settled()
			r.stopAll()
			held := r.names(queue.DirHold)
			if len(r.got("al@example.org")) != 0 || len(r.got("bob@example.org")) != 1 {
				t.Error("want only what the agent had delivered")
			}
			if (op == ipc.OpHold) != slices.Equal(held, []string{d.ID}) {
				t.Errorf("hold has %v", held)
			}
		})
	}
}

func TestRights(t *testing.T) {
	t.Parallel()
	nobody, err := match.New("authorized_mailq_users", nil)
	if err != nil {
		t.Fatal(err)
	}
	anyone, err := match.New("authorized_flush_users", []string{"static:anyone"})
	if err != nil {
		t.Fatal(err)
	}
	u := &users{owner: map[int]bool{0: true, 500: true}, smtpd: 501, mailq: nobody, flush: anyone, names: &nss.Client{}}
	for _, c := range []struct {
		op   string
		uid  int
		want bool
	}{
		{ipc.OpList, 0, true}, {ipc.OpList, 500, true}, {ipc.OpList, 1234, false},
		{ipc.OpFlush, 1234, true},
		{ipc.OpShow, 1234, false}, {ipc.OpDelete, 1234, false}, {ipc.OpDelete, 501, false}, {ipc.OpDelete, 500, true},
		{"", 1234, false},
	} {
		if got, err := u.may(c.op, c.uid); err != nil || got != c.want {
			t.Errorf("%s by %d: %v, %v, want %v", c.op, c.uid, got, err, c.want)
		}
	}
	for uid, want := range map[int]bool{0: true, 500: true, 501: true, 1234: false} {
		if got := u.writer(uid); got != want {
			t.Errorf("user %d may write: %v", uid, got)
		}
	}
	if u.keeper(501) {
		t.Error("smtpd may commit under other IDs")
	}
}

// A flush for a domain tries its mail and no other; strangers cause one search a
// minute.
func TestFlushTo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.resolve = func(a, _ string) (destination, error) {
		_, domain, _ := strings.Cut(a, "@")
		return destination{transport: "smtp", nexthop: domain, address: a, rule: "the test"}, nil
	}
	r.deliver = func(q *ipc.Request, _ string) *ipc.Reply {
		p := &ipc.Reply{N: q.N}
		for _, rc := range q.Recipients {
			p.Results = append(p.Results, ipc.Result{Index: rc.Index, Status: ipc.Deferred, Code: "4.4.1", Text: "no answer", Host: "mx.test", Site: true})
		}
		return p
	}
	r.start()
	defer r.stopAll()
	w := r.writer()
	ids := map[string]string{}
	for _, to := range []string{"bob@a.test", "bob@B.test", "bob@x.b.test", "bob@c.test", "bob@nota.test"} {
		ids[to] = w.commit(envelope("ann@example.com", "al@elsewhere.test", to), "text\n").ID
	}
	r.settled()
	tests := []struct {
		to   string
		want []string
	}{
		{"b.test", []string{ids["bob@B.test"]}},
		{"@B.test.", []string{ids["bob@B.test"], ids["bob@x.b.test"]}},
		{"a.test", []string{ids["bob@a.test"]}},
		{"none.test", nil},
		{"@test", []string{ids["bob@a.test"], ids["bob@B.test"], ids["bob@x.b.test"], ids["bob@c.test"], ids["bob@nota.test"]}},
	}
	for _, test := range tests {
		before := r.lines()
		got, _ := r.request(&ipc.ControlRequest{Op: ipc.OpFlush, To: test.to})
		if slices.Sort(got.Done); !slices.Equal(got.Done, test.want) || got.Error != "" {
			t.Errorf("%s: got %v %q, want %v", test.to, got.Done, got.Error, test.want)
		}
		r.settled()
		r.wait("the attempts", func(*scheduler) bool {
			return strings.Count(r.lines()[len(before):], "(queue active)") >= len(test.want)
		})
		r.settled()
	}
	// A stranger's request is answered before anything is found.
	tried := func() int { return strings.Count(r.lines(), ids["bob@a.test"]+": from=") }
	n := tried()
	for range 3 {
		if got, _ := r.request(&ipc.ControlRequest{Op: ipc.OpFlush, To: "a.test", Later: true}); got.Error != "" || len(got.Done) > 0 {
			t.Errorf("later: %+v", got)
		}
	}
	r.wait("the attempt", func(s *scheduler) bool { return tried() > n && !s.sites.running })
	r.settled()
	if got := tried(); got != n+1 {
		t.Errorf("three requests of strangers made %d attempts", got-n)
	}
	show, _ := r.request(&ipc.ControlRequest{Op: ipc.OpShow, IDs: []string{ids["bob@a.test"]}})
	if len(show.Entries) != 1 || len(show.Entries[0].Recipients) != 2 || show.Entries[0].Next == 0 {
		t.Fatalf("show: %+v", show.Entries)
	}
	if rc := show.Entries[0].Recipients[1]; rc.Index != 1 || rc.Transport != "smtp" || rc.Nexthop != "a.test" || rc.Rule != "the test" || rc.Host != "mx.test" || rc.Reason != "no answer" {
		t.Errorf("show: %+v", rc)
	}
}
