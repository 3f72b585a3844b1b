package qmgr

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// A message that waits for its release is in deferred/ until then, whatever is
// asked for, and says so.
func TestRelease(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	at := time.Now().Add(30 * 24 * time.Hour).Truncate(time.Second)
	env := envelope("ann@example.com", "bob@example.org")
	env.SetRelease(at)
	d := r.writer().commit(env, "text\n")
	r.settled()
	for range 2 {
		info, err := os.Stat(filepath.Join(r.dir, queue.DirDeferred, d.ID))
		if err != nil || info.ModTime().Unix() != at.Unix() { // the rest of it says whether it is in doubt
			t.Fatalf("%v, %v; want it due at %v", info, err, at)
		}
		r.s.ask(func() { r.s.flushAll() })
		r.settled()
	}
	r.stopAll()
	if n := len(r.got("bob@example.org")); n != 0 {
		t.Errorf("delivered %d times", n)
	}
	r.logged(d.ID, "status=deferred (waits for its release at "+at.Format(time.RFC1123Z)+")")
}

// A message whose time has come is delivered.
func TestReleased(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	env := envelope("ann@example.com", "bob@example.org")
	at := time.Now().Add(200 * time.Millisecond)
	env.SetRelease(at)
	r.writer().commit(env, "text\n")
	r.wait("delivery", func(*scheduler) bool { return len(r.got("bob@example.org")) > 0 })
	if early := time.Until(at); early > 0 {
		t.Errorf("delivered %v too early", early)
	}
	r.settled()
	r.stopAll()
}

// lateRig is a rig whose agent defers bob, and what notices say.
func lateRig(t *testing.T) (*rig, func() []string) {
	r := newRig(t)
	var mu sync.Mutex
	var notices []string
	r.deliver = func(q *ipc.Request, content string) *ipc.Reply {
		if q.Sender == "" {
			mu.Lock()
			notices = append(notices, content)
			mu.Unlock()
		}
		return outcomes(map[string]ipc.Result{"bob@example.org": {Status: ipc.Deferred, Code: "4.2.2", Text: "mailbox full", Relay: "local"}})(q, content)
	}
	return r, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), notices...)
	}
}

// A deadline that means "or not at all" brings the message back when it is over:
// after the attempt that it cut short, or without another.
func TestDeadlineReturns(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]time.Duration{"soon": 5 * time.Second, "over": -time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, notices := lateRig(t)
			r.start()
			env := envelope("ann@example.com", "bob@example.org", "al@example.org")
			env.SetDeadline(queue.Deadline{At: time.Now().Add(in), Return: true})
			d := r.writer().commit(env, "Subject: hi\n\ntext\n")
			r.wait("notice", func(*scheduler) bool { return len(r.got("ann@example.com")) > 0 })
			r.settled()
			r.stopAll()
			if got := notices(); len(got) != 1 || !strings.Contains(got[0], "Status: 5.4.7") || !strings.Contains(got[0], "Action: failed") {
				t.Errorf("notices: %q", got)
			}
			if n, want := len(r.got("al@example.org")), map[string]int{"soon": 1}[name]; n != want {
				t.Errorf("al was delivered to %d times, want %d", n, want)
			}
			r.logged(d.ID + ": removed")
		})
	}
}

// A deadline that means "else tell me" brings one notice of delay, also over a
// restart, and the message is tried on.
func TestDeadlineWarns(t *testing.T) {
	t.Parallel()
	r, notices := lateRig(t)
	r.start()
	env := envelope("ann@example.com", "bob@example.org", "al@example.org")
	env.SetDeadline(queue.Deadline{At: time.Now().Add(-time.Second)})
	d := r.writer().commit(env, "Subject: hi\n\ntext\n")
	r.wait("notice", func(*scheduler) bool { return len(r.got("ann@example.com")) > 0 })
	r.settled()
	for range 2 {
		r.s.ask(func() { r.s.flushAll() })
		r.settled()
		r.stopAll()
		if n := r.names(queue.DirDeferred); len(n) != 1 || n[0] != d.ID {
			t.Fatalf("deferred holds %v, want %s", n, d.ID)
		}
		r.start()
		r.settled()
	}
	r.stopAll()
	got := notices()
	if len(got) != 1 {
		t.Fatalf("%d notices", len(got))
	}
	for _, want := range []string{"Subject: Delayed Mail (still being retried)", "Action: delayed", "Status: 4.2.2", "Will-Retry-Until: ", "mailbox full", "Subject: hi"} {
		if !strings.Contains(got[0], want) {
			t.Errorf("the notice lacks %q:\n%s", want, got[0])
		}
	}
	if strings.Contains(got[0], "al@example.org") || strings.Contains(got[0], "\ntext\n") {
		t.Errorf("the notice has too much:\n%s", got[0])
	}
	id, _ := queue.ChildID(d.ID, queue.ChildDelay, 0)
	r.logged("postfix/bounce[", d.ID+": sender delay notification: "+id)
	if n := len(r.got("al@example.org")); n != 1 {
		t.Errorf("al was delivered to %d times", n)
	}
	q, f, err := load(r, d.ID)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if res := q.Result(0); res.State != queue.Deferred || res.Text != "mailbox full" || !res.Warned {
		t.Errorf("bob: %+v", res)
	}
}

// A message that has waited for delay_warning_time brings one notice of delay,
// also over a restart, to senders who did not ask to hear of none.
func TestDelayWarning(t *testing.T) {
	t.Parallel()
	for notify, want := range map[string]int{"": 1, "DELAY": 1, "FAILURE,DELAY": 1, "FAILURE": 0, "NEVER": 0} {
		t.Run(notify, func(t *testing.T) {
			t.Parallel()
			r, notices := lateRig(t)
			r.params = func(p *params) { p.delayWarning = time.Nanosecond }
			r.start()
			env := envelope("ann@example.com", "bob@example.org", "al@example.org")
			env.Recipients[0].Attrs = map[string]string{queue.AttrNotify: notify}
			d := r.writer().commit(env, "Subject: hi\n\ntext\n")
			if want > 0 {
				r.wait("notice", func(*scheduler) bool { return len(r.got("ann@example.com")) > 0 })
			}
			r.settled()
			for range 2 {
				r.s.ask(func() { r.s.flushAll() })
				r.settled()
				r.stopAll()
				if n := r.names(queue.DirDeferred); len(n) != 1 || n[0] != d.ID {
					t.Fatalf("deferred holds %v, want %s", n, d.ID)
				}
				r.start()
				r.settled()
			}
			r.stopAll()
			got := notices()
			if len(got) != want {
				t.Fatalf("%d notices, want %d", len(got), want)
			}
			if want > 0 && (!strings.Contains(got[0], "Action: delayed") || !strings.Contains(got[0], "You need not send the message again") || strings.Contains(got[0], "al@example.org")) {
				t.Errorf("the notice:\n%s", got[0])
			}
		})
	}
}

// Nobody is told of a delay who said NEVER, or who has no address.
func TestNobodyIsWarned(t *testing.T) {
	t.Parallel()
	for _, sender := range []string{"", "ann@example.com"} {
		r, _ := lateRig(t)
		r.start()
		env := envelope(sender, "bob@example.org")
		env.Recipients[0].Attrs = map[string]string{queue.AttrNotify: "NEVER"}
		env.SetDeadline(queue.Deadline{At: time.Now().Add(-time.Second)})
		r.writer().commit(env, "text\n")
		r.settled()
		r.stopAll()
		if strings.Contains(r.lines(), "notification") {
			t.Errorf("%q: a notice was made", sender)
		}
	}
}

// What comes back to the null sender goes to the postmaster where he wants it, and
// when it does not reach him, nobody hears of that.
func TestDoubleBounce(t *testing.T) {
	t.Parallel()
	for _, reached := range []bool{true, false} {
		r := newRig(t)
		r.params = func(p *params) { p.doubleBounces = "chief@example.com" }
		var mu sync.Mutex
		var notices []string
		bounce := ipc.Result{Status: ipc.Bounced, Code: "5.1.1", Text: "unknown"}
		r.deliver = func(q *ipc.Request, content string) *ipc.Reply {
			results := map[string]ipc.Result{"bob@example.org": bounce}
			if q.Recipients[0].Address == "chief@example.com" {
				mu.Lock()
				notices = append(notices, content)
				mu.Unlock()
				if !reached {
					results["chief@example.com"] = bounce
				}
			}
			return outcomes(results)(q, content)
		}
		r.start()
		d := r.writer().commit(envelope("", "bob@example.org"), "Subject: notice\n\ntext\n")
		r.wait("notice", func(*scheduler) bool { mu.Lock(); defer mu.Unlock(); return len(notices) > 0 })
		r.settled()
		r.stopAll()
		if len(notices) != 1 {
			t.Fatalf("%d notices", len(notices))
		}
		for _, want := range []string{"Subject: Postmaster Copy: Undelivered Mail\n", "To: chief@example.com\n", "Action: failed\n", "bob@example.org", "Subject: notice\n"} {
			if !strings.Contains(notices[0], want) {
				t.Errorf("the notice lacks %q:\n%s", want, notices[0])
			}
		}
		r.logged(d.ID + ": postmaster non-delivery notification: ")
		for _, dir := range []string{queue.DirIncoming, queue.DirDeferred} {
			if n := r.names(dir); len(n) > 0 {
				t.Errorf("%s holds %v", dir, n)
			}
		}
	}
}

// load reads a deferred message of a rig that has stopped.
func load(r *rig, id string) (*queue.Message, *os.File, error) {
	f, err := os.Open(filepath.Join(r.dir, queue.DirDeferred, id))
	if err != nil {
		return nil, nil, err
	}
	q, err := queue.Read(f)
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("read: %w", err)
	}
	return q, f, nil
}
