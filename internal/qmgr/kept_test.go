package qmgr

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// A message that waits in memory, because it could not be put away, is looked up
// beside the scheduler: who does not answer holds up nobody else.
func TestKeptMessageHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	fail, slow := atomic.Bool{}, atomic.Bool{}
	fail.Store(true)
	r.opts.Before = func(call, _ string) error {
		if call == "utimes" && fail.Load() {
			return syscall.EIO
		}
		return nil
	}
	r.deliver = outcomes(map[string]ipc.Result{"bob@example.org": {Status: ipc.Deferred, Code: "4.2.2", Text: "full"}})
	asked, answer := make(chan struct{}), make(chan struct{})
	r.resolve = func(a, _ string) (destination, error) {
		if slow.Load() {
			close(asked)
			<-answer
		}
		return destination{transport: "local", address: a, mailbox: a}, nil
	}
	r.start()
	d := r.writer().commit(envelope("ann@example.com", "bob@example.org"), "text\n")
	r.wait("the message in memory", func(s *scheduler) bool { return s.kept[d.ID] != nil })
	r.settled()
	slow.Store(true)
	fail.Store(false)
	r.answer(deliverAll)
	go r.s.ask(func() { r.s.tryNow(d.ID, "") })
	<-asked
	slow.Store(false)
	alive := make(chan struct{})
	go func() { r.s.ask(func() {}); close(alive) }()
	select {
	case <-alive:
	case <-time.After(patience):
		t.Error("the scheduler waits for a look-up")
	}
	close(answer)
	r.wait("delivery", func(s *scheduler) bool { return len(r.got("bob@example.org")) == 1 && s.atRest() })
	r.stopAll()
}

// A notice that its parent could not note is made anew at the next attempt, which
// may have more to tell of: the sender hears of every recipient.
func TestNoticeNotNoted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var notices []string
	by := map[string]ipc.Result{
		"bob@example.org": {Status: ipc.Bounced, Code: "5.1.1", Text: "unknown user"},
		"al@example.org":  {Status: ipc.Deferred, Code: "4.2.2", Text: "full"},
	}
	answer := func(q *ipc.Request, content string) *ipc.Reply {
		if q.Sender == "" {
			notices = append(notices, content)
		}
		return outcomes(by)(q, content)
	}
	r.deliver = answer
	full := r.refuses("write", "", syscall.ENOSPC)
	r.start()
	d := r.writer().commit(envelope("ann@example.com", "bob@example.org", "al@example.org"), "text\n")
	r.wait("the message in memory", func(s *scheduler) bool { return s.kept[d.ID] != nil })
	r.settled()
	if n := r.names(queue.DirIncoming); len(n) != 0 {
		t.Errorf("incoming holds %v: a notice of which its parent knows nothing", n)
	}
	full.Store(false)
	by = map[string]ipc.Result{
		"bob@example.org": {Status: ipc.Bounced, Code: "5.1.1", Text: "unknown user"},
		"al@example.org":  {Status: ipc.Bounced, Code: "5.2.1", Text: "closed"},
	}
	r.s.ask(func() { r.s.tryNow(d.ID, "") })
	r.wait("the end", func(s *scheduler) bool { return len(r.got("ann@example.com")) > 0 && s.atRest() })
	r.stopAll()
	all := strings.Join(notices, "")
	for _, a := range []string{"bob@example.org", "al@example.org"} {
		if !strings.Contains(all, a) {
			t.Errorf("the sender does not hear of %s: %d notices:\n%s", a, len(notices), all)
		}
	}
}

// keptRig is a rig whose qmgr has a message in memory that bob has and al has not: the
// disk did not take that, and would by now.
func keptRig(t *testing.T) (*rig, ipc.Done) {
	t.Helper()
	r := newRig(t)
	r.deliver = outcomes(map[string]ipc.Result{"al@example.org": {Status: ipc.Deferred, Code: "4.2.2", Text: "full"}})
	full := r.refuses("write", "", syscall.ENOSPC)
	r.start()
	d := r.writer().commit(envelope("ann@example.com", "bob@example.org", "al@example.org"), "text\n")
	r.wait("the message in memory", func(s *scheduler) bool { return s.kept[d.ID] != nil })
	r.settled()
	full.Store(false)
	return r, d
}

// A message that is put on hold while it waits in memory, because the disk did
// not take what is known of it, does not lose that.
func TestHoldWhileKept(t *testing.T) {
	t.Parallel()
	r, d := keptRig(t)
	r.answer(deliverAll)
	if all, _ := r.request(&ipc.ControlRequest{Op: ipc.OpHold, IDs: []string{d.ID}}); !slices.Contains(all.Done, d.ID) {
		t.Errorf("hold: %+v", all)
	}
	r.wait("hold", func(*scheduler) bool { return slices.Contains(r.names(queue.DirHold), d.ID) })
	r.request(&ipc.ControlRequest{Op: ipc.OpRelease, IDs: []string{d.ID}})
	r.wait("delivery", func(s *scheduler) bool { return len(r.got("al@example.org")) == 1 && s.atRest() })
	r.stopAll()
	if got := r.got("bob@example.org"); len(got) != 1 {
		t.Errorf("delivered %d times, want once", len(got))
	}
}

// The mark of a child that somebody expires, and that its parent cannot note, is not
// left on the blank that its file becomes: the next message in it would go back.
func TestExpiredChildIsNoBlank(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var parent atomic.Value
	r.opts.Before = func(call, name string) error { // in the scheduler's goroutine
		id, _ := parent.Load().(string)
		if call != "write" || id == "" || filepath.Base(name) != id {
			return nil
		}
		parent.Store("")
		child, _ := queue.ChildID(id, queue.ChildForward, 0)
		if found, err := r.s.expireOne(child, queue.DirIncoming); !found || err != nil {
			t.Errorf("expire %s: %v, %v", child, found, err)
		}
		return syscall.ENOSPC
	}
	r.deliver = func(q *ipc.Request, _ string) *ipc.Reply {
		parent.CompareAndSwap(nil, q.ID)
		return &ipc.Reply{N: q.N, Results: []ipc.Result{{Status: ipc.Expanded, To: []ipc.Target{{Address: "al@example.org"}}}}}
	}
	r.start()
	r.writer().commit(envelope("ann@example.com", "bob@example.org"), "text\n")
	r.settled()
	r.stopAll()
	if parent.Load() != "" {
		t.Error("its parent could note it")
	}
	for _, name := range r.names(queue.DirPool) {
		if info, err := os.Stat(filepath.Join(r.dir, queue.DirPool, name)); err != nil || info.Mode() != 0o600 {
			t.Errorf("a blank has mode %v, %v", info.Mode(), err)
		}
	}
}

// What the disk did not take when it was full is written down when qmgr ends: the next
// one does not deliver it again.
func TestStopWritesWhatIsKept(t *testing.T) {
	t.Parallel()
	r, d := keptRig(t)
	r.stopAll()
	r.deliver = deliverAll
	r.start()
	r.tryAgain(d.ID)
	r.stopAll()
	if bob, al := len(r.got("bob@example.org")), len(r.got("al@example.org")); bob != 1 || al != 1 {
		t.Errorf("delivered %d and %d times, want once each", bob, al)
	}
}
