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
	r.logged(ids[1] + ": removed")
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
	u := &users{owner: map[int]bool{0: true, 500: true}, smtpd: 501, mailq: nobody, flush: anyone}
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
