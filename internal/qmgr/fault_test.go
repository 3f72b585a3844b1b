package qmgr

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

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

func TestDiskFull(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	full := atomic.Bool{}
	full.Store(true)
	r.opts.Before = func(call, _ string) error {
		if call == "create" && full.Load() {
			return syscall.ENOSPC
		}
		return nil
	}
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

func TestUnreadableTableDefers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.resolve = func(_, _ string) (destination, error) {
		return destination{}, errors.New("open /etc/aliases: permission denied")
	}
	r.start()
	d := r.writer().commit(envelope("ann@example.com", "bob@example.org"), "text\n")
	r.settled()
	r.stopAll()
	r.logged(d.ID, "status=deferred (cannot find out how to deliver: open /etc/aliases: permission denied)", "dsn=4.3.0")
	if n := r.names(queue.DirDeferred); len(n) != 1 {
		t.Errorf("deferred holds %v", n)
	}
}

// Transports inside qmgr, and deferral by configuration.
func TestInnerTransports(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.params = func(p *params) { p.deferred["slow"] = true }
	by := map[string]destination{
		"e@example.org": {transport: "error", nexthop: "5.1.2 no such domain"},
		"r@example.org": {transport: "retry", nexthop: "not yet"},
		"d@example.org": {transport: "discard"},
		"s@example.org": {transport: "slow"},
	}
	r.resolve = func(a, _ string) (destination, error) {
		if d, ok := by[a]; ok {
			return d, nil
		}
		return destination{transport: "local", address: a, mailbox: a}, nil
	}
	r.start()
	d := r.writer().commit(envelope("ann@example.com", "e@example.org", "r@example.org", "d@example.org", "s@example.org"), "text\n")
	r.settled()
	r.stopAll()
	r.logged("postfix/error[", d.ID+": to=<e@example.org>", "dsn=5.1.2, status=bounced (no such domain)")
	r.logged("postfix/retry[", d.ID+": to=<r@example.org>", "dsn=4.0.0, status=deferred (not yet)")
	r.logged("postfix/discard[", d.ID+": to=<d@example.org>", "dsn=2.0.0, status=sent (discarded)")
	r.logged("postfix/slow[", d.ID+": to=<s@example.org>", "dsn=4.3.2, status=deferred (deferred transport)")
	if len(r.got("ann@example.com")) != 1 {
		t.Error("no notice of the bounced recipient")
	}
}

// An agent that dies with a message makes it unsure; after three deaths it is
// taken for the cause, and deferred.
func TestAgentDies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.params = func(p *params) { p.transportRetry = time.Millisecond }
	seen := make(chan bool, 10)
	r.deliver = func(q *ipc.Request, _ string) *ipc.Reply { seen <- q.Unsure; return nil }
	r.start()
	d := r.writer().commit(envelope("ann@example.com", "bob@example.org"), "text\n")
	r.settled()
	if a, b, c := <-seen, <-seen, <-seen; a || !b || !c {
		t.Errorf("attempts were unsure %v, %v, %v", a, b, c)
	}
	r.answer(func(q *ipc.Request, c string) *ipc.Reply { seen <- q.Unsure; return deliverAll(q, c) })
	r.s.ask(func() { r.s.tryNow(d.ID, "") })
	r.wait("delivery", func(*scheduler) bool { return len(r.got("bob@example.org")) == 1 })
	r.stopAll()
	if !<-seen {
		t.Error("the attempt after the deferral was not unsure")
	}
	r.logged("warning: "+d.ID+": 3 agents died", "suspect")
	r.logged(d.ID, "status=deferred (delivery agent died)")
}

// An agent that drains answers the request that it has; the next request goes
// to the next generation, and nothing becomes unsure.
func TestAgentDrains(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first, finish := make(chan struct{}, 1), make(chan struct{})
	r.deliver = func(q *ipc.Request, c string) *ipc.Reply {
		if q.Unsure {
			t.Errorf("request for %s is unsure", q.Recipients[0].Address)
		}
		if q.Recipients[0].Address == "slow@example.org" {
			first <- struct{}{}
			<-finish
		}
		return deliverAll(q, c)
	}
	r.start()
	w := r.writer()
	w.commit(envelope("", "slow@example.org"), "text\n")
	<-first
	r.mu.Lock()
	for _, c := range r.agents {
		c.Unix().CloseRead()
	}
	r.mu.Unlock()
	w.commit(envelope("", "next@example.org"), "text\n")
	r.wait("delivery by the next generation", func(*scheduler) bool { return len(r.got("next@example.org")) == 1 })
	close(finish)
	r.settled()
	r.stopAll()
	if n := len(r.got("slow@example.org")); n != 1 {
		t.Errorf("the draining agent delivered %d times, want 1", n)
	}
}

// Whatever an agent says, a recipient without a sound result is deferred.
func TestAgentTalksNonsense(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		results []ipc.Result
		want    string
	}{
		{"nothing", nil, "status=deferred (delivery agent gave no result)"},
		{"unknown status", []ipc.Result{{Index: 0, Status: "perhaps"}}, "dsn=4.3.0, status=deferred"},
		{"class and status disagree", []ipc.Result{{Index: 0, Status: ipc.Sent, Code: "5.1.1"}}, "dsn=2.0.0, status=sent"},
		{"another's index first", []ipc.Result{{Index: 7, Status: ipc.Sent}, {Index: 0, Status: ipc.Deferred, Code: "4.2.2"}}, "dsn=4.2.2, status=deferred"},
		{"two results", []ipc.Result{{Index: 0, Status: ipc.Deferred, Code: "4.2.2"}, {Index: 0, Status: ipc.Sent}}, "dsn=4.2.2, status=deferred"},
		{"lines in the text", []ipc.Result{{Index: 0, Status: ipc.Deferred, Code: "4.2.2", Text: "a\nb"}}, "status=deferred (a?b)"},
		{"expanded to nothing", []ipc.Result{{Index: 0, Status: ipc.Expanded}}, "status=deferred (cannot make the forwarded message)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.deliver = func(q *ipc.Request, _ string) *ipc.Reply { return &ipc.Reply{N: q.N, Results: c.results} }
			r.start()
			d := r.writer().commit(envelope("", "bob@example.org"), "text\n")
			r.settled()
			r.stopAll()
			r.logged(d.ID+": to=<bob@example.org>", c.want)
		})
	}
}

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
	full := atomic.Bool{}
	full.Store(true)
	r.opts.Before = func(call, name string) error {
		if call == "write" && full.Load() {
			return syscall.ENOSPC
		}
		return nil
	}
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

// A message that is put on hold while it waits in memory, because the disk did
// not take what is known of it, does not lose that.
func TestHoldWhileKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.deliver = outcomes(map[string]ipc.Result{"al@example.org": {Status: ipc.Deferred, Code: "4.2.2", Text: "full"}})
	full := atomic.Bool{}
	full.Store(true)
	r.opts.Before = func(call, _ string) error {
		if call == "write" && full.Load() {
			return syscall.ENOSPC
		}
		return nil
	}
	r.start()
	d := r.writer().commit(envelope("ann@example.com", "bob@example.org", "al@example.org"), "text\n")
	r.wait("the message in memory", func(s *scheduler) bool { return s.kept[d.ID] != nil })
	r.settled()
	full.Store(false)
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

// A parent that cannot be told of its child at start, on a full disk, keeps nobody
// from his mail; the child waits for it.
func TestReuniteWithoutRoom(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := queue.Prepare(r.dir, queue.PrepareOptions{UID: os.Geteuid(), GID: os.Getegid()}); err != nil {
		t.Fatal(err)
	}
	store, err := queue.Open(r.dir, queue.Options{})
	if err != nil {
		t.Fatal(err)
	}
	put := func(id, to string) string {
		b, f, err := store.Lend()
		if err != nil {
			t.Fatal(err)
		}
		if id == "" {
			id = b.ID
		}
		(&blank{f: f}).write(t, id, envelope("", to), "text\n")
		c, err := store.Commit(b, id)
		if err != nil {
			t.Fatal(err)
		}
		c.File.Close()
		return id
	}
	parent := put("", "list@example.org")
	child, _ := queue.ChildID(parent, queue.ChildForward, 0)
	put(child, "bob@example.org")
	store.Close()

	full := atomic.Bool{}
	full.Store(true)
	r.opts.Before = func(call, _ string) error {
		if call == "write" && full.Load() {
			return syscall.ENOSPC
		}
		return nil
	}
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
