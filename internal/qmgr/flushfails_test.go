package qmgr

import (
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"yubin/internal/durable"
	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// A flush that fails refuses the message, and its file is never written again.
func TestFlushFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	fail := atomic.Bool{}
	flush := func(f *os.File) error {
		if fail.Load() && !strings.HasSuffix(f.Name(), queue.DirPool) {
			return &os.PathError{Op: "fsync", Path: f.Name(), Err: syscall.EIO}
		}
		return nil
	}
	r.flush = durable.Options{Fsync: flush, Syncfs: flush}
	r.start()
	w := r.writer()
	fail.Store(true)
	d := w.commit(envelope("ann@example.com", "bob@example.org"), "text\n")
	fail.Store(false)
	if d.ID != "" || !strings.Contains(d.Error, "input/output error") {
		t.Errorf("commit: %+v, want an I/O error", d)
	}
	if d := w.commit(envelope("ann@example.com", "al@example.org"), "text\n"); d.Error != "" {
		t.Errorf("the next commit: %+v", d)
	}
	r.settled()
	r.stopAll()
	if n := r.names(queue.DirCorrupt); len(n) != 1 {
		t.Errorf("corrupt holds %v, want the refused file", n)
	}
	if got := r.got("bob@example.org"); len(got) != 0 {
		t.Error("a refused message was delivered")
	}
}

// A record that cannot be flushed: nothing more is written to the file, and it
// is not recycled.
func TestRecordFlushFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	fail := atomic.Bool{}
	flush := func(f *os.File) error {
		if fail.Load() {
			return &os.PathError{Op: "fsync", Path: f.Name(), Err: syscall.EIO}
		}
		return nil
	}
	r.flush = durable.Options{Fsync: flush, Syncfs: flush}
	r.deliver = func(q *ipc.Request, c string) *ipc.Reply {
		fail.Store(true)
		return outcomes(map[string]ipc.Result{"bob@example.org": {Status: ipc.Deferred, Code: "4.2.2", Text: "full"}})(q, c)
	}
	r.start()
	d := r.writer().commit(envelope("ann@example.com", "bob@example.org"), "text\n")
	r.settled()
	r.wait("note of the failure", func(s *scheduler) bool { return s.sick[d.ID] })
	r.answer(deliverAll)
	r.s.ask(func() { r.s.tryNow(d.ID, "") })
	r.wait("delivery", func(s *scheduler) bool { return len(r.got("bob@example.org")) == 1 && len(s.messages) == 0 })
	pool := 0
	r.s.ask(func() { pool = len(r.names(queue.DirPool)) })
	r.stopAll()
	if pool != 0 {
		t.Errorf("%d files in the pool: a failed file was recycled", pool)
	}
	r.logged(d.ID + ": fsync")
}
