package qmgr

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"yubin/internal/durable"
	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// pickup comes again with a message that was taken before a crash.
func TestTakenTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver = outcomes(map[string]ipc.Result{"bob@example.org": {Status: ipc.Deferred, Code: "4.2.2", Text: "full"}})
	r.start()
	w := r.writer()
	id := r.maildrop()
	at := time.Now()
	take := func(arrival time.Time) ipc.Done {
		if err := os.WriteFile(filepath.Join(r.dir, queue.DirMaildrop, id), []byte("sendmail's"), 0o600); err != nil {
			t.Fatal(err)
		}
		b := w.blank()
		qw, err := queue.NewWriter(b.f, id, b.Size, envelope("", "bob@example.org"))
		if err != nil {
			t.Fatal(err)
		}
		qw.SetArrival(arrival)
		if err := qw.Close(); err != nil {
			t.Fatal(err)
		}
		return w.finish(ipc.Commit{Blank: b.ID, As: id})
	}
	if d := take(at); d.ID != id {
		t.Fatalf("first: %+v", d)
	}
	if d := take(at); d.ID != id {
		t.Errorf("the same again: %+v, want %s", d, id)
	}
	if d := take(at.Add(time.Millisecond)); d.Error != ipc.ErrorIDInUse {
		t.Errorf("another message: %+v, want %s", d, ipc.ErrorIDInUse)
	}
	r.settled()
	r.stopAll()
}

// pickup may have read a letter before qmgr died and come with it when the next qmgr
// has found it in the queue, removed it from maildrop/ and delivered it.
func TestTakenTooLate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	w := r.writer()
	id := r.maildrop()
	take := func() ipc.Done {
		b := w.blank()
		b.write(t, id, envelope("", "bob@example.org"), "text\n")
		return w.finish(ipc.Commit{Blank: b.ID, As: id})
	}
	if d := take(); d.ID != id {
		t.Fatalf("first: %+v", d)
	}
	r.wait("delivery", func(s *scheduler) bool { return len(r.got("bob@example.org")) == 1 && s.atRest() })
	if d := take(); d.ID != id {
		t.Errorf("a letter that was taken: %+v, want %s", d, id)
	}
	r.settled()
	lent := 0
	r.s.ask(func() { lent = r.s.lent })
	r.stopAll()
	if got := r.got("bob@example.org"); len(got) != 1 || lent != 0 {
		t.Errorf("delivered %v, %d blanks still lent", got, lent)
	}
}

// letterRig is a rig without qmgr, a message in its queue, and a file of sendmail's that
// has the same ID.
func letterRig(t *testing.T) (r *rig, d ipc.Done, file string) {
	t.Helper()
	r = newRig(t)
	r.deliver = outcomes(map[string]ipc.Result{"bob@example.org": {Status: ipc.Deferred, Code: "4.2.2", Text: "full"}})
	r.start()
	d = r.writer().commit(envelope("", "bob@example.org"), "text\n")
	r.settled()
	r.stopAll()
	file = filepath.Join(r.dir, queue.DirMaildrop, d.ID)
	if err := os.WriteFile(file, []byte("sendmail's"), 0o600); err != nil {
		t.Fatal(err)
	}
	return r, d, file
}

// A process that was killed may have left a message whole in memory that the disk
// does not have: sendmail's file stays until a flush has covered the message.
func TestTakenAfterFlush(t *testing.T) {
	t.Parallel()
	r, d, left := letterRig(t)
	message := queue.DirDeferred + "/" + d.ID
	r.submitted(d.ID, message)
	fail, flushed := true, atomic.Bool{}
	flush := func(f *os.File) error {
		if fail {
			return &os.PathError{Op: "fsync", Path: f.Name(), Err: syscall.EIO}
		}
		if f.Name() == message {
			flushed.Store(true)
		}
		return nil
	}
	r.flush = durable.Options{Fsync: flush, Syncfs: flush}
	r.opts.Before = func(call, name string) error {
		if call == "unlink" && name == queue.DirMaildrop+"/"+d.ID && !flushed.Load() {
			t.Error("sendmail's file is removed before the message is flushed")
		}
		return nil
	}
	r.start()
	r.stopAll()
	if _, err := os.Stat(left); err != nil {
		t.Errorf("sendmail's file after a failed flush: %v", err)
	}
	fail = false
	r.start()
	r.stopAll()
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("sendmail's file is not removed: %v", err)
	}
}

// A letter that waits in maildrop/ because another message in the queue has its ID is
// not taken for that message by the next qmgr.
func TestOtherLetterOfThatID(t *testing.T) {
	t.Parallel()
	r, _, other := letterRig(t)
	r.start()
	r.stopAll()
	if _, err := os.Stat(other); err != nil {
		t.Errorf("the letter is lost: %v", err)
	}
}

// take comes with a letter as pickup does.
func (r *rig) take(w *client, id string) ipc.Done {
	r.t.Helper()
	info, err := os.Stat(filepath.Join(r.dir, queue.DirMaildrop, id))
	if err != nil {
		r.t.Fatal(err)
	}
	b := w.blank()
	qw, err := queue.NewWriter(b.f, id, b.Size, envelope("ann@example.com", "bob@example.org"))
	if err != nil {
		r.t.Fatal(err)
	}
	qw.SetArrival(info.ModTime())
	if err := qw.Close(); err != nil {
		r.t.Fatal(err)
	}
	return w.finish(ipc.Commit{Blank: b.ID, As: id})
}

// sendmail's file that cannot be removed is not taken again, however often pickup
// comes with it, and however often qmgr starts anew: the message stays in the queue,
// with the record of its delivery, until the file has gone.
func TestLetterStays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	fail := r.refuses("unlink", queue.DirMaildrop, syscall.EACCES)
	id := ""
	for n := range 3 {
		r.start()
		if n == 0 {
			id = r.maildrop()
		}
		w := r.writer()
		for range 3 {
			if d := r.take(w, id); d.ID != id {
				t.Fatalf("got %+v", d)
			}
			r.settled()
		}
		if all, _ := r.request(&ipc.ControlRequest{Op: ipc.OpDelete, IDs: []string{id}}); !strings.Contains(all.Error, "permission denied") {
			t.Errorf("a letter that comes back is said to be deleted: %+v", all)
		}
		r.stopAll()
	}
	if n := strings.Count(r.lines(), "unlink maildrop/"); n != 3 {
		t.Errorf("%d warnings of three queue managers, want one each\n%s", n, r.lines())
	}
	r.start()
	fail.Store(false)
	r.take(r.writer(), id)
	r.wait("the end", func(s *scheduler) bool { return s.store.InQueue(id) == "" })
	r.stopAll()
	if n := r.names(queue.DirMaildrop); len(n) != 0 {
		t.Errorf("maildrop holds %v", n)
	}
	if n := len(r.got("bob@example.org")); n != 1 {
		t.Errorf("delivered %d times, want once", n)
	}
}

// A message that has been deleted before it was known that its letter stays does not
// come back while qmgr runs.
func TestDeletedLetterStays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	fail := r.refuses("unlink", queue.DirMaildrop, syscall.EACCES)
	at, answer := make(chan struct{}), make(chan struct{})
	r.deliver = func(q *ipc.Request, c string) *ipc.Reply {
		close(at)
		<-answer
		return outcomes(map[string]ipc.Result{"bob@example.org": {Status: ipc.Deferred, Code: "4.2.2", Text: "full"}})(q, c)
	}
	r.start()
	w, id := r.writer(), r.maildrop()
	r.take(w, id)
	<-at
	r.s.ask(func() { r.s.messages[id].remove = true })
	close(answer)
	r.wait("its end", func(s *scheduler) bool { return s.store.InQueue(id) == "" })
	for range 2 {
		if d := r.take(w, id); d.ID != id {
			t.Fatalf("got %+v", d)
		}
		r.settled()
		fail.Store(false)
	}
	if n := r.names(queue.DirMaildrop); len(n) != 0 {
		t.Errorf("maildrop holds %v", n)
	}
	r.stopAll()
}

// A message whose flush fails when the next qmgr finds it beside its letter is not
// taken for safe when a second flush says nothing: the letter stays until it is delivered.
func TestLetterOfUnflushedMessage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	full := outcomes(map[string]ipc.Result{"bob@example.org": {Status: ipc.Deferred, Code: "4.2.2", Text: "full"}})
	fail := r.refuses("unlink", queue.DirMaildrop, syscall.EACCES)
	r.deliver = full
	r.start()
	id := r.maildrop()
	r.take(r.writer(), id)
	r.settled()
	r.stopAll()
	fail.Store(false)
	var broken atomic.Bool
	broken.Store(true)
	flush := func(f *os.File) error {
		if broken.Load() {
			return &os.PathError{Op: "fsync", Path: f.Name(), Err: syscall.EIO}
		}
		return nil
	}
	r.flush = durable.Options{Fsync: flush, Syncfs: flush}
	r.start()
	broken.Store(false)
	if d := r.take(r.writer(), id); d.Error != ipc.ErrorIDInUse {
		t.Errorf("pickup hears %+v, want %s", d, ipc.ErrorIDInUse)
	}
	if n := r.names(queue.DirMaildrop); len(n) != 1 {
		t.Error("the letter has gone")
	}
	r.answer(deliverAll)
	r.s.ask(func() { r.s.tryNow(id, "") })
	r.wait("the end", func(s *scheduler) bool { return s.store.InQueue(id) == "" })
	r.stopAll()
	if n := r.names(queue.DirMaildrop); len(n) != 0 || len(r.got("bob@example.org")) != 1 {
		t.Errorf("maildrop holds %v; delivered %d times, want once", n, len(r.got("bob@example.org")))
	}
}
