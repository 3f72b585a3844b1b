package qmgr

import (
	"os"
	"sync"
	"testing"

	"yubin/internal/durable"
	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// What is done to a message while its commit is flushed counts when that is over.
func TestOperateOnArriving(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		op     string
		where  string // the message afterwards
		got    int    // deliveries
		notice int
	}{
		"held":    {ipc.OpHold, queue.DirHold, 0, 0},
		"deleted": {ipc.OpDelete, "", 0, 0},
		"expired": {ipc.OpExpire, "", 0, 1},
		"flushed": {ipc.OpFlush, "", 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			begun, end := make(chan struct{}), make(chan struct{})
			var once sync.Once
			flush := func(f *os.File) error {
				once.Do(func() { close(begun); <-end })
				return nil
			}
			r.flush = durable.Options{Fsync: flush, Syncfs: flush}
			r.start()
			w := r.writer()
			b := w.blank()
			b.write(t, b.ID, envelope("ann@example.com", "bob@example.org"), "text\n")
			w.send(&ipc.WriterPacket{Commit: []ipc.Commit{{Blank: b.ID}}})
			<-begun
			r.s.ask(func() {
				if found, err := operations[c.op](r.s, b.ID, queue.DirIncoming); !found || err != nil {
					t.Errorf("found %v, %v", found, err)
				}
			})
			close(end)
			for len(w.done) == 0 {
				if err := w.recv(); err != nil {
					t.Fatal(err)
				}
			}
			if d := w.done[b.ID]; d.ID != b.ID {
				t.Errorf("commit: %+v", d)
			}
			r.settled()
			r.s.ask(func() {
				if dir := r.s.store.InQueue(b.ID); dir != c.where {
					t.Errorf("it is in %q, want %q", dir, c.where)
				}
				if len(r.s.kept) != 0 || r.s.inFlight != 0 {
					t.Errorf("%d kept, %d in flight", len(r.s.kept), r.s.inFlight)
				}
			})
			r.stopAll()
			if got, notice := len(r.got("bob@example.org")), len(r.got("ann@example.com")); got != c.got || notice != c.notice {
				t.Errorf("delivered %d times, %d notices, want %d, %d", got, notice, c.got, c.notice)
			}
		})
	}
}
