package qmgr

import (
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// What an administrator wanted and the disk refused leaves the message where it was, and
// to be tried when its time comes.
func TestControlFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ op, call, path, dir string }{
		{ipc.OpHold, "rename", queue.DirHold, queue.DirDeferred},
		{ipc.OpDelete, "rename", queue.DirPool, queue.DirDeferred},
		{ipc.OpRelease, "rename", queue.DirDeferred, queue.DirHold},
		{ipc.OpRelease, "utimes", queue.DirDeferred, queue.DirDeferred}, // it has been moved
	} {
		t.Run(c.op+" "+c.call, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			var fail atomic.Bool
			r.opts.Before = func(call, name string) error {
				if fail.Load() && call == c.call && strings.HasPrefix(name, c.path+"/") {
					return syscall.ENOSPC
				}
				return nil
			}
			r.deliver = outcomes(map[string]ipc.Result{"bob@example.org": {Status: ipc.Deferred, Code: "4.2.2", Text: "full"}})
			r.start()
			d := r.writer().commit(envelope("ann@example.com", "bob@example.org"), "text\n")
			r.settled()
			if c.op == ipc.OpRelease {
				r.request(&ipc.ControlRequest{Op: ipc.OpHold, IDs: []string{d.ID}})
			}
			r.answer(deliverAll)
			fail.Store(true)
			all, _ := r.request(&ipc.ControlRequest{Op: c.op, IDs: []string{d.ID}})
			fail.Store(false)
			if !strings.Contains(all.Error, "no space left") {
				t.Errorf("got %+v, want the disk's error", all)
			}
			if c.dir != queue.DirHold {
				r.s.ask(func() { // its time comes
					if e := r.s.waiting.byID[d.ID]; e != nil {
						r.s.waiting.put(d.ID, e.dir, r.s.now())
					}
				})
				r.settled()
				if got := r.got("bob@example.org"); len(got) != 1 {
					t.Errorf("%s is never tried again", d.ID)
				}
			} else if !slices.Contains(r.names(c.dir), d.ID) {
				t.Errorf("%s holds %v", c.dir, r.names(c.dir))
			}
			r.stopAll()
		})
	}
}
