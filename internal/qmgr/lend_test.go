package qmgr

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"yubin/internal/ipc"
)

func TestDiskFull(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	full := r.refuses("create", "", syscall.ENOSPC)
	r.start()
	w := r.writer()
	w.send(&ipc.WriterPacket{Want: 1})
	for w.full == "" {
		if err := w.recv(); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(w.full, "no space left") {
		t.Errorf("full: %q", w.full)
	}
	full.Store(false)
	r.s.ask(func() { r.s.spaceAt = time.Time{} })
	for w.full != "" {
		if err := w.recv(); err != nil {
			t.Fatal(err)
		}
	}
	if d := w.commit(envelope("", "bob@example.org"), "text\n"); d.Error != "" {
		t.Errorf("commit after recovery: %+v", d)
	}
	r.settled()
	r.stopAll()
	r.logged("warning: no mail is taken")
	r.logged("mail is taken again")
}

func TestTooManyInFlight(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.params = func(p *params) { p.incoming = 2 }
	release := make(chan struct{})
	r.deliver = func(q *ipc.Request, c string) *ipc.Reply { <-release; return deliverAll(q, c) }
	r.start()
	w := r.writer()
	for range 2 {
		if d := w.commit(envelope("", "bob@example.org"), "text\n"); d.Error != "" {
			t.Fatal(d.Error)
		}
	}
	w.send(&ipc.WriterPacket{Want: 1})
	for w.full == "" {
		if err := w.recv(); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.blanks) != 0 {
		t.Error("a blank was lent beyond incoming_limit")
	}
	close(release)
	for w.full != "" || len(w.blanks) == 0 {
		if err := w.recv(); err != nil {
			t.Fatal(err)
		}
	}
	r.stopAll()
}

// A writer that dies gives its blanks back, and its commits are carried out.
func TestWriterDies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	w := r.writer()
	w.send(&ipc.WriterPacket{Want: 5})
	for len(w.blanks) < 5 {
		if err := w.recv(); err != nil {
			t.Fatal(err)
		}
	}
	b := w.blanks[0]
	b.write(t, b.ID, envelope("", "bob@example.org"), "text\n")
	w.send(&ipc.WriterPacket{Commit: []ipc.Commit{{Blank: b.ID}}})
	r.closeAll()
	r.wait("delivery", func(s *scheduler) bool {
		return len(r.got("bob@example.org")) == 1 && s.lent == 0 && len(s.writers) == 0
	})
	r.stopAll()
}
