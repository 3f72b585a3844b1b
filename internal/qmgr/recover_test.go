package qmgr

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// What a crash left in the directories.
func TestGarbageAtStart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver = outcomes(map[string]ipc.Result{"bob@example.org": {Status: ipc.Deferred, Code: "4.2.2", Text: "full"}})
	r.start()
	w := r.writer()
	torn := w.commit(envelope("", "bob@example.org"), "text\n")
	whole := w.commit(envelope("", "bob@example.org"), "text\n")
	r.settled()
	r.stopAll()
	now := time.Now()
	for _, id := range []string{torn.ID, whole.ID} {
		if err := os.Chtimes(filepath.Join(r.dir, queue.DirDeferred, id), now, now); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(r.dir, queue.DirDeferred, torn.ID), []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	never := queue.FreshID(time.Now(), queue.OriginQmgr)
	if err := os.WriteFile(filepath.Join(r.dir, queue.DirIncoming, never), make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	taken := filepath.Join(r.dir, queue.DirMaildrop, whole.ID)
	if err := os.WriteFile(taken, []byte("sendmail's"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.submitted(whole.ID, filepath.Join(queue.DirDeferred, whole.ID))
	r.deliver = deliverAll
	r.start()
	r.wait("delivery", func(*scheduler) bool { return len(r.got("bob@example.org")) > 0 })
	r.settled()
	r.stopAll()
	if n := r.names(queue.DirCorrupt); !slices.Equal(n, []string{torn.ID}) {
		t.Errorf("corrupt holds %v, want %s", n, torn.ID)
	}
	if got := r.got("bob@example.org"); !slices.Equal(got, []string{whole.ID}) {
		t.Errorf("delivered %v, want %s", got, whole.ID)
	}
	if _, err := os.Stat(taken); !errors.Is(err, os.ErrNotExist) {
		t.Error("sendmail's file of a message in the queue was not removed")
	}
	r.logged("warning: "+never, "never completed")
	r.logged("warning: "+torn.ID, "moved to corrupt")
}

// A child that waits to be read, with the rest of incoming/, is not read twice.
func TestAdoptWhatIsInTheBacklog(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	parent := queue.FreshID(time.Now(), queue.OriginQmgr)
	id, _ := queue.ChildID(parent, queue.ChildCopy, 0)
	if err := os.WriteFile(filepath.Join(r.dir, queue.DirIncoming, id), make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	r.s.ask(func() {
		r.s.backlog, r.s.inFlight = []string{id}, 1
		r.s.adopt(id)
		if n := len(r.s.loading); n != 0 || r.s.inFlight != 1 {
			t.Errorf("%d files are read, and %d counted, want 0 and 1", n, r.s.inFlight)
		}
	})
	r.settled()
	r.stopAll()
}

// A parent that cannot be told of its child at start, on a full disk, keeps nobody
// from his mail; the child waits for it.
func TestReuniteWithoutRoom(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	parent, child := r.family()

	full := r.refuses("write", "", syscall.ENOSPC)
	r.deliver = func(q *ipc.Request, content string) *ipc.Reply {
		if full.Load() {
			return outcomes(map[string]ipc.Result{"list@example.org": {Status: ipc.Deferred, Code: "4.2.2", Text: "later"}})(q, content)
		}
		return outcomes(map[string]ipc.Result{"list@example.org": {Status: ipc.Expanded, To: []ipc.Target{{Address: "bob@example.org"}}}})(q, content)
	}
	r.start()
	r.wait("the parent in memory", func(s *scheduler) bool { return s.kept[parent] != nil })
	r.settled()
	if got := r.got("bob@example.org"); len(got) != 0 {
		t.Errorf("delivered %v before its parent knows", got)
	}
	full.Store(false)
	r.s.ask(func() { r.s.tryNow(parent, "") })
	r.wait("delivery", func(s *scheduler) bool { return len(r.got("bob@example.org")) > 0 && s.atRest() })
	inFlight := 0
	r.s.ask(func() { inFlight = r.s.inFlight })
	r.stopAll()
	if got := r.got("bob@example.org"); !slices.Equal(got, []string{child}) || inFlight != 0 {
		t.Errorf("delivered %v, want %s; %d in flight", got, child, inFlight)
	}
	r.logged("warning: "+parent, child)
}

// A message in incoming/ that cannot be read for now counts until it is read, held or
// deleted, and no longer.
func TestUnreadableForNowIsCounted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		op   operation
		left int // known of, as one to be read again
	}{
		"held":    {(*scheduler).holdOne, 0},
		"deleted": {(*scheduler).deleteOne, 0},
		"left":    {func(*scheduler, string, string) (bool, error) { return true, nil }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.start()
			r.s.ask(func() { r.s.p.recipients = 0 }) // what has more than a few is read again
			d := r.writer().commit(envelope("", addresses(few+1)...), "x\n")
			r.s.ask(func() {
				s := r.s
				s.backlog = nil
				s.unloadable(d.ID, queue.DirIncoming, syscall.EIO)
				s.p.active = 0 // the calendar has no room for it
				s.trim()
				if s.waiting.byID[d.ID] == nil {
					t.Error("nobody will read it again")
				}
				if found, err := c.op(s, d.ID, ""); !found || err != nil {
					t.Errorf("found %v, %v", found, err)
				}
				if s.inFlight != c.left {
					t.Errorf("%d messages count as in flight, want %d", s.inFlight, c.left)
				}
			})
			r.stopAll()
		})
	}
}

// A child that waits for its parent is not forgotten when the parent has no use for it
// any more: it is tried when the parent has ended.
func TestReuniteWithParentThatEnds(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"delivered", "deleted"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			parent, child := r.family()
			full := r.refuses("write", "", syscall.ENOSPC)
			r.deliver = outcomes(map[string]ipc.Result{"list@example.org": {Status: ipc.Deferred, Code: "4.2.2", Text: "later"}})
			r.start()
			r.wait("the parent in memory", func(s *scheduler) bool { return s.kept[parent] != nil })
			r.settled()
			full.Store(false)
			r.answer(deliverAll)
			if end == "deleted" {
				r.request(&ipc.ControlRequest{Op: ipc.OpDelete, IDs: []string{parent}})
			} else {
				r.tryAgain(parent)
			}
			r.wait("delivery", func(s *scheduler) bool { return len(r.got("bob@example.org")) > 0 && s.atRest() })
			r.stopAll()
			if got := r.got("bob@example.org"); !slices.Equal(got, []string{child}) {
				t.Errorf("delivered %v, want %s", got, child)
			}
		})
	}
}

// A time that a wrong clock has put years away is no later than the longest wait.
func TestTimeTooFarAway(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver = outcomes(map[string]ipc.Result{"bob@example.org": {Status: ipc.Deferred, Code: "4.2.2", Text: "full"}})
	r.start()
	d := r.writer().commit(envelope("ann@example.com", "bob@example.org"), "text\n")
	r.settled()
	r.stopAll()
	far := time.Now().AddDate(10, 0, 0)
	if err := os.Chtimes(filepath.Join(r.dir, queue.DirDeferred, d.ID), far, far); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.wait("the message in the calendar", func(s *scheduler) bool { return s.waiting.byID[d.ID] != nil })
	r.s.ask(func() {
		if wait := r.s.waiting.byID[d.ID].next.Sub(r.s.now()); wait > r.s.p.maximal {
			t.Errorf("it is tried in %v, want %v at most", wait, r.s.p.maximal)
		}
	})
	r.stopAll()
}

// family puts a message to a list and its forward to bob into incoming/, as a crash
// leaves them.
func (r *rig) family() (parent, child string) {
	r.t.Helper()
	if err := queue.Prepare(r.dir, queue.PrepareOptions{UID: os.Geteuid(), GID: os.Getegid()}); err != nil {
		r.t.Fatal(err)
	}
	store, err := queue.Open(r.dir, queue.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	defer store.Close()
	put := func(id, to string) string {
		b, f, err := store.Lend()
		if err != nil {
			r.t.Fatal(err)
		}
		if id == "" {
			id = b.ID
		}
		(&blank{f: f}).write(r.t, id, envelope("", to), "text\n")
		c, err := store.Commit(b, id)
		if err != nil {
			r.t.Fatal(err)
		}
		c.File.Close()
		return id
	}
	parent = put("", "list@example.org")
	child, _ = queue.ChildID(parent, queue.ChildForward, 0)
	return parent, put(child, "bob@example.org")
}
