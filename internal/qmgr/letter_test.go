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

// A process that was killed may have left a message whole in memory that the disk
// does not have: sendmail's file stays until a flush has covered the message.
func TestTakenAfterFlush(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver = outcomes(map[string]ipc.Result{"bob@example.org": {Status: ipc.Deferred, Code: "4.2.2", Text: "full"}})
	r.start()
	d := r.writer().commit(envelope("", "bob@example.org"), "text\n")
	r.settled()
	r.stopAll()
	left := filepath.Join(r.dir, queue.DirMaildrop, d.ID)
	if err := os.WriteFile(left, []byte("sendmail's"), 0o600); err != nil {
		t.Fatal(err)
	}
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
	r := newRig(t)
	r.deliver = outcomes(map[string]ipc.Result{"bob@example.org": {Status: ipc.Deferred, Code: "4.2.2", Text: "full"}})
	r.start()
	d := r.writer().commit(envelope("", "bob@example.org"), "text\n")
	r.settled()
	r.stopAll()
	other := filepath.Join(r.dir, queue.DirMaildrop, d.ID)
	if err := os.WriteFile(other, []byte("sendmail's"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.stopAll()
	if _, err := os.Stat(other); err != nil {
		t.Errorf("the letter is lost: %v", err)
	}
}

// sendmail's file that cannot be removed is not taken again, however often pickup
// comes with it.
func TestLetterStays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var fail atomic.Bool
	fail.Store(true)
	r.opts.Before = func(call, name string) error {
		if call == "unlink" && strings.HasPrefix(name, queue.DirMaildrop) && fail.Load() {
			return syscall.EIO
		}
		return nil
	}
	r.start()
	w := r.writer()
	id := r.maildrop()
	take := func() ipc.Done {
		b := w.blank()
		b.write(t, id, envelope("", "bob@example.org"), "text\n")
		return w.finish(ipc.Commit{Blank: b.ID, As: id})
	}
	for range 3 {
		if d := take(); d.ID != id {
			t.Fatalf("got %+v", d)
		}
		r.settled()
	}
	fail.Store(false)
	take()
	r.settled()
	if n := r.names(queue.DirMaildrop); len(n) != 0 {
		t.Errorf("maildrop holds %v", n)
	}
	r.stopAll()
	if n := len(r.got("bob@example.org")); n != 1 {
		t.Errorf("delivered %d times, want once", n)
	}
}
