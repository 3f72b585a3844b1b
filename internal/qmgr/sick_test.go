package qmgr

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"yubin/internal/durable"
	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// A child whose parent cannot be told of it on disk is tried when the parent has
// ended, or by the next qmgr, and once.
func TestChildOfSickParent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ al, then func(r *rig, id string) }{
		"the end": {nil, nil},
		"another attempt": {
			func(r *rig, id string) { r.answer(expandBob(ipc.Deferred)) },
			func(r *rig, id string) {
				r.answer(expandBob(ipc.Sent))
				r.s.ask(func() { r.s.tryNow(id, "") })
			},
		},
		"deleted": {
			func(r *rig, id string) { r.answer(expandBob(ipc.Deferred)) },
			func(r *rig, id string) { r.s.ask(func() { r.s.deleteOne(id, "") }) },
		},
		"another qmgr": {
			func(r *rig, id string) { r.answer(expandBob(ipc.Deferred)) },
			func(r *rig, id string) { r.stopAll(); r.start() },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.resolve = func(a, _ string) (destination, error) {
				return destination{transport: a[:2], nexthop: "here", address: a, mailbox: a}, nil
			}
			var fail atomic.Bool
			flush := func(f *os.File) error {
				if fail.Load() {
					return &os.PathError{Op: "fsync", Path: f.Name(), Err: syscall.EIO}
				}
				return nil
			}
			r.flush = durable.Options{Fsync: flush, Syncfs: flush}
			r.opts.Before = func(call, name string) error {
				if call == "write" && strings.HasPrefix(name, queue.DirIncoming) {
					fail.Store(true)
				}
				return nil
			}
			sick := make(chan struct{})
			r.deliver = func(q *ipc.Request, content string) *ipc.Reply {
				if q.Recipients[0].Address == "al@example.org" {
					<-sick
					r.mu.Lock()
					deliver := r.deliver
					r.mu.Unlock()
					return deliver(q, content)
				}
				return expandBob(ipc.Sent)(q, content)
			}
			r.start()
			d := r.writer().commit(envelope("", "bob@example.org", "al@example.org"), "text\n")
			r.wait("the failure", func(s *scheduler) bool { return s.sick[d.ID] && s.making == 0 })
			fail.Store(false)
			if c.al == nil {
				r.answer(expandBob(ipc.Sent))
			} else {
				c.al(r, d.ID)
			}
			close(sick)
			if c.then != nil {
				r.settled()
				if n := len(r.got("eve@example.org")); n != 0 {
					t.Errorf("delivered %d times while the parent may come again", n)
				}
				r.s.ask(func() {
					if _, next := r.s.mayEnd(); next.IsZero() && len(r.s.kept) == 0 {
						t.Error("what is known of the parent is lost")
					}
				})
				c.then(r, d.ID)
			}
			r.wait("delivery", func(s *scheduler) bool { return len(r.got("eve@example.org")) > 0 && s.atRest() })
			r.stopAll()
			r.start()
			r.settled()
			r.stopAll()
			if n := len(r.got("eve@example.org")); n != 1 {
				t.Errorf("delivered %d times, want once", n)
			}
			if left, _ := os.ReadDir(filepath.Join(r.dir, queue.DirIncoming)); len(left) != 0 {
				t.Errorf("incoming holds %v", left)
			}
		})
	}
}

// expandBob sends bob's mail to eve, and has al's end as status says.
func expandBob(status string) func(*ipc.Request, string) *ipc.Reply {
	return outcomes(map[string]ipc.Result{
		"bob@example.org": {Status: ipc.Expanded, To: []ipc.Target{{Address: "eve@example.org"}}},
		"al@example.org":  {Status: status, Text: "x"},
	})
}

// A message that waits in memory can be put on hold, stays there, and comes out of it.
func TestHoldAndReleaseWhileKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver = outcomes(map[string]ipc.Result{"al@example.org": {Status: ipc.Deferred, Code: "4.2.2", Text: "full"}})
	r.opts.Before = func(call, _ string) error {
		if call == "write" {
			return syscall.ENOSPC
		}
		return nil
	}
	r.start()
	d := r.writer().commit(envelope("", "bob@example.org", "al@example.org"), "text\n")
	r.wait("the message in memory", func(s *scheduler) bool { return s.kept[d.ID] != nil })
	r.settled()
	r.answer(deliverAll)
	for range 2 {
		r.request(&ipc.ControlRequest{Op: ipc.OpHold, IDs: []string{d.ID}})
		r.wait("hold", func(s *scheduler) bool { return s.store.InQueue(d.ID) == queue.DirHold && s.atRest() })
	}
	r.s.ask(func() {
		if r.s.waiting.byID[d.ID] != nil {
			t.Error("what is on hold is to be tried")
		}
	})
	r.request(&ipc.ControlRequest{Op: ipc.OpRelease, IDs: []string{d.ID}})
	r.wait("the end", func(s *scheduler) bool { return s.store.InQueue(d.ID) == "" && s.atRest() })
	r.stopAll()
	if b, a := len(r.got("bob@example.org")), len(r.got("al@example.org")); b != 1 || a != 1 {
		t.Errorf("delivered %d and %d times, want once each", b, a)
	}
}
