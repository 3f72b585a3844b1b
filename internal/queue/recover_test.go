package queue

import (
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"yubin/internal/durable"
)

// orphan puts a parent and its first forward into incoming/, as a process leaves them
// that is killed before the parent's record.
func orphan(t *testing.T, s *Store) (parent *Message, id string) {
	t.Helper()
	parent = put(t, s, "text\n")
	id, _ = ChildID(parent.ID, ChildForward, 0)
	b, f, err := s.Lend()
	if err != nil {
		t.Fatal(err)
	}
	fill(t, b, f, id, "text\n")
	c, err := s.Commit(b, id)
	if err != nil {
		t.Fatal(err)
	}
	c.File.Close()
	return parent, id
}

// A process may be killed before a child's flush, and the power fail after the
// next one has started: the parent must not say on the disk that there is a
// child whose bytes are not there.
func TestReuniteFlushesChildFirst(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex // guards steps: several flushes run at once
	var steps []string
	fail := false
	note := func(step string) {
		mu.Lock()
		defer mu.Unlock()
		steps = append(steps, step)
	}
	s := newStore(t, Options{Before: func(call, name string) error {
		note(call + " " + name)
		return nil
	}})
	flush := func(f *os.File) error {
		if note("flush " + f.Name()); fail {
			return syscall.EIO
		}
		return nil
	}
	flusher := durable.New(durable.Options{Fsync: flush, Syncfs: flush})
	reunite := func() (parent *Message, id string, done bool, err error) {
		parent, id = orphan(t, s)
		steps = nil
		done, err = s.Reunite(flusher, id, parent.ID, DirIncoming)
		return parent, id, done, err
	}

	parent, id, done, err := reunite()
	if !done || err != nil {
		t.Fatalf("got %v, %v", done, err)
	}
	child := slices.Index(steps, "flush incoming/"+id)
	record := slices.Index(steps, "write incoming/"+parent.ID)
	last := slices.Index(steps, "flush incoming/"+parent.ID)
	if child < 0 || child > record || record > last {
		t.Errorf("want the child flushed, then the record written, then that flushed:\n%s", strings.Join(steps, "\n"))
	}
	// The record is there: it may be what nobody has flushed.
	steps = nil
	if done, err = s.Reunite(flusher, id, parent.ID, DirIncoming); done || err != nil {
		t.Errorf("again: %v, %v", done, err)
	}
	if !slices.Contains(steps, "flush incoming/"+parent.ID) {
		t.Errorf("a record that was found is not flushed:\n%s", strings.Join(steps, "\n"))
	}

	fail = true
	parent, id, _, err = reunite()
	if !errors.Is(err, syscall.EIO) {
		t.Errorf("child's flush fails: %v", err)
	}
	if slices.Contains(steps, "write incoming/"+parent.ID) || !exists(s.corrupt, id) {
		t.Errorf("a child that cannot be flushed is recorded, or kept:\n%s", strings.Join(steps, "\n"))
	}
}

// However much there is, no record is passed over: a recipient who has the message
// would get it again.
func TestManyRecords(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	m := put(t, s, "text\n")
	add := func(r Record) {
		t.Helper()
		r.Recipients, r.Time = []int{0}, 7
		records := make([]Record, 1000)
		for i := range records {
			records[i] = r
		}
		f, err := s.Append(m, DirIncoming, records)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	for m.Tail < 3*recordsAtOnce {
		add(Record{State: Deferred, Code: "4.2.2", Text: strings.Repeat("full ", 200)})
	}
	add(Record{State: Sent, Code: "2.0.0"})
	got, f, err := s.Load(m.ID, DirIncoming)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if r := got.Result(0); r.State != Sent || got.Tail != m.Tail || got.Torn {
		t.Errorf("state %c, records to %d, torn %v; want %c, %d", r.State, got.Tail, got.Torn, Sent, m.Tail)
	}
}

// One outcome of very many recipients is more than a record holds.
func TestRecordOfMany(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	b, f, err := s.Lend()
	if err != nil {
		t.Fatal(err)
	}
	const recipients = 320_000
	env := &Envelope{Recipients: make([]Recipient, recipients)}
	for i := range env.Recipients {
		env.Recipients[i].Address = "b@example.org"
	}
	w, err := NewWriter(f, b.ID, b.Size, env)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Commit(b, b.ID)
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Verify()
	if err != nil {
		t.Fatal(err)
	}
	c.File.Close()
	r := Record{State: Sent, Time: 7, Code: "2.0.0", Text: "delivered"}
	for n := 0; n < recipients; n += 2 {
		r.Recipients = append(r.Recipients, n)
	}
	f, err = s.Append(m, DirIncoming, []Record{r})
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	m, f, err = s.Load(m.ID, DirIncoming)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	for n := range recipients {
		if got := m.Result(n).State; (got == Sent) != (n%2 == 0) {
			t.Fatalf("recipient %d: %v", n, got)
		}
	}
}
