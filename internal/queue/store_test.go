package queue

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// newStore opens a store in a new directory.
func newStore(t testing.TB, o Options) *Store {
	t.Helper()
	dir := t.TempDir()
	if err := Prepare(dir, PrepareOptions{UID: os.Geteuid(), GID: os.Getegid()}); err != nil {
		t.Fatal(err)
	}
	return reopen(t, dir, o)
}

func reopen(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// fill writes a message onto a blank and closes it.
func fill(t testing.TB, b Blank, f *os.File, id, content string) {
	t.Helper()
	w, err := NewWriter(f, id, b.Size, &Envelope{Sender: "a@example.com", Recipients: []Recipient{{Address: "b@example.org"}}})
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, content)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// put brings a message into incoming/.
func put(t testing.TB, s *Store, content string) *Message {
	t.Helper()
	b, f, err := s.Lend()
	if err != nil {
		t.Fatal(err)
	}
	fill(t, b, f, b.ID, content)
	c, err := s.Commit(b, b.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer c.File.Close()
	m, err := c.Verify()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestCommitRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		do   func(t *testing.T, s *Store, b Blank, f *os.File)
		want error
	}{
		{"nothing written", func(_ *testing.T, _ *Store, _ Blank, f *os.File) { f.Close() }, ErrBlank},
		{"still open", func(t *testing.T, s *Store, b Blank, f *os.File) {
			keep, err := os.OpenFile(filepath.Join(s.path, DirPool, b.ID), os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { keep.Close() })
			fill(t, b, f, b.ID, "text\n")
		}, ErrOpen},
		{"another ID", func(t *testing.T, s *Store, b Blank, f *os.File) { fill(t, b, f, s.NewID(), "text\n") }, ErrBlank},
		{"cut short", func(t *testing.T, s *Store, b Blank, f *os.File) {
			fill(t, b, f, b.ID, strings.Repeat("text\n", 5000))
			os.Truncate(filepath.Join(s.path, DirPool, b.ID), 4096)
		}, ErrBlank},
		{"content changed", func(t *testing.T, s *Store, b Blank, f *os.File) {
			fill(t, b, f, b.ID, "text\n")
			patch(t, filepath.Join(s.path, DirPool, b.ID), 160, "X")
		}, ErrBlank},
		{"bytes behind it", func(t *testing.T, s *Store, b Blank, f *os.File) {
			fill(t, b, f, b.ID, "text\n")
			patch(t, filepath.Join(s.path, DirPool, b.ID), 3000, "left behind")
		}, ErrTail},
		{"bytes far behind it", func(t *testing.T, s *Store, b Blank, f *os.File) {
			fill(t, b, f, b.ID, "text\n")
			patch(t, filepath.Join(s.path, DirPool, b.ID), 3*FirstRead, "left behind")
		}, ErrTail},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, Options{})
			b, f, err := s.Lend()
			if err != nil {
				t.Fatal(err)
			}
			c.do(t, s, b, f)
			qc, err := s.Commit(b, b.ID)
			if err == nil {
				_, err = qc.Verify()
				if refuseErr := s.Refuse(qc, false); refuseErr != nil {
					t.Error(refuseErr)
				}
			}
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if names := idsOf(t, s, DirIncoming); len(names) != 0 {
				t.Errorf("incoming holds %v", names)
			}
			if len(s.blanks) != 1 {
				t.Errorf("%d blanks, want the refused one back", len(s.blanks))
			}
		})
	}
}

func patch(t *testing.T, path string, off int64, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(text), off); err != nil {
		t.Fatal(err)
	}
}

// A file that went back to the pool is lent again only after a flush that began
// after that, under an ID that is above the one it had, and with its size.
func TestRecycle(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	m := put(t, s, strings.Repeat("long\n", 3000))
	if err := s.Finish(m.ID, DirIncoming, m.Size); err != nil {
		t.Fatal(err)
	}
	early, f, err := s.Lend()
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if early.Size != 0 {
		t.Error("a file was lent again before a flush")
	}
	mark := s.Mark()
	if s.Dirty() == 0 {
		t.Error("nothing waits for a flush")
	}
	s.Flushed(mark)
	b, f, err := s.Lend()
	if err != nil {
		t.Fatal(err)
	}
	if b.Size != m.Size || b.ID <= m.ID {
		t.Errorf("lent %+v, want the file of %s, %d octets", b, m.ID, m.Size)
	}
	fill(t, b, f, b.ID, "short\n")
	c, err := s.Commit(b, b.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer c.File.Close()
	if _, err := c.Verify(); err != nil {
		t.Errorf("a short message over a long one: %v", err)
	}
}

// A commit's flush covers what returned to the pool before it, and no more.
func TestCommitCoversMoves(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	first, second := put(t, s, "1\n"), put(t, s, "2\n")
	if err := s.Finish(first.ID, DirIncoming, first.Size); err != nil {
		t.Fatal(err)
	}
	b, f, err := s.Lend()
	if err != nil {
		t.Fatal(err)
	}
	fill(t, b, f, b.ID, "3\n")
	c, err := s.Commit(b, b.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer c.File.Close()
	if err := s.Finish(second.ID, DirIncoming, second.Size); err != nil {
		t.Fatal(err)
	}
	if s.Flushed(c.Mark); s.Dirty() != 1 {
		t.Errorf("%d blanks wait for a flush, want the one that came after the commit", s.Dirty())
	}
}

// A file that somebody has open, for reading too, is not lent.
func TestLendOnlyUnshared(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	m := put(t, s, "text\n")
	agent, err := s.OpenMessage(m.ID, DirIncoming)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Finish(m.ID, DirIncoming, m.Size); err != nil {
		t.Fatal(err)
	}
	s.Flushed(s.Mark())
	b, f, err := s.Lend()
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if b.Size != 0 {
		t.Error("a file that an agent holds was lent")
	}
	agent.Close()
	if b, f, err = s.Lend(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if b.Size != m.Size {
		t.Error("the file was not lent when nobody held it any more")
	}
}

// IDs rise over a restart and a clock that was set back.
func TestIDsRise(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	m := put(t, s, "text\n")
	s.Close()
	again := reopen(t, s.path, Options{Now: func() time.Time { return time.UnixMicro(1) }})
	if _, err := again.Recover(); err != nil {
		t.Fatal(err)
	}
	last := m.ID
	for range 3 {
		id := again.NewID()
		if id <= last {
			t.Errorf("%s follows %s", id, last)
		}
		last = id
	}
}

// An operation that the disk refuses leaves the message where it was.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	var refuse string
	s := newStore(t, Options{Before: func(call, _ string) error {
		if call == refuse {
			return syscall.ENOSPC
		}
		return nil
	}})
	m := put(t, s, "text\n")
	for _, c := range []struct {
		call string
		do   func() error
	}{
		{"create", func() error { _, _, err := s.Lend(); return err }},
		{"rename", func() error { return s.Defer(m.ID, DirIncoming, time.Now(), false) }},
		{"rename", func() error { return s.Finish(m.ID, DirIncoming, m.Size) }},
		{"write", func() error {
			_, err := s.Append(m, DirIncoming, []Record{{State: Sent, Recipients: []int{0}}})
			return err
		}},
	} {
		refuse = c.call
		if err := c.do(); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: got %v, want no space", c.call, err)
		}
		refuse = ""
		got, f, err := s.Load(m.ID, DirIncoming)
		if err != nil {
			t.Fatalf("after %s: %v", c.call, err)
		}
		f.Close()
		if got.Results != nil {
			t.Errorf("after %s: a record was written", c.call)
		}
	}
}

func TestListing(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	const n = 3*listed + 1
	want := make([]string, n)
	for i := range want {
		want[i] = put(t, s, "text\n").ID
	}
	var got []string
	err := List(s.path, DirIncoming, func(l *Listed) bool {
		if l.Err != nil || l.Message.Env.Sender != "a@example.com" {
			t.Errorf("%s: %+v", l.ID, l)
		}
		got = append(got, l.ID)
		return true
	})
	if err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%v: got %d messages, want %d in order", err, len(got), n)
	}
	count := 0
	if err := List(s.path, DirIncoming, func(*Listed) bool { count++; return count < 2 }); err != nil || count != 2 {
		t.Errorf("stopped after %d: %v", count, err)
	}
}

// A blank that comes back may hold more than when it was lent: a message that
// was begun. The next one clears it.
func TestReturnAfterMuch(t *testing.T) {
	t.Parallel()
	s := newStore(t, Options{})
	for _, n := range []int{1 << 20, 1} {
		b, f, err := s.Lend()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(bytes.Repeat([]byte("x"), n)); err != nil {
			t.Fatal(err)
		}
		f.Close()
		s.Return(b)
		put(t, s, "short\n")
	}
	if s.octets != 0 {
		t.Errorf("%d octets in an empty pool", s.octets)
	}
}

// Earliest keeps as many as are asked for, whatever the directory's order, and takes
// what was put away before somebody asked for all as due then.
func TestEarliest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := Prepare(dir, PrepareOptions{UID: os.Geteuid(), GID: os.Getegid()}); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const n = 100
	when := time.Now().Add(time.Hour).Truncate(time.Second)
	var ids []string
	for i := range n {
		ids = append(ids, FreshID(time.UnixMicro(int64(1000+i)), OriginQmgr))
	}
	for i, id := range ids { // the last ID is due first
		path := filepath.Join(dir, DirDeferred, id)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, when, when.Add(time.Duration(n-i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	w, more, err := s.Earliest(7, time.Time{})
	if err != nil || len(w) != 7 || !more || w[0].ID != ids[n-1] || w[6].ID != ids[n-7] || !w[0].Next.Equal(when.Add(time.Second)) {
		t.Errorf("got %v, %t, %v", w, more, err)
	}
	asked := time.Now().Add(time.Second)
	w, more, err = s.Earliest(3, asked)
	if err != nil || len(w) != 3 || !more || w[0].ID != ids[0] || !w[2].Next.Equal(asked) {
		t.Errorf("asked for all: got %v, %t, %v", w, more, err)
	}
	if err := s.Hasten(ids[50]); err != nil {
		t.Fatal(err)
	}
	w, more, err = s.Earliest(n, time.Time{})
	if err != nil || len(w) != n || more || w[0].ID != ids[50] {
		t.Errorf("hastened: got %d, first %v, %t, %v", len(w), w[0], more, err)
	}
}

// What Delete leaves over when the pool is full is removed by SweepAway, and a new
// store takes none of it for a blank.
func TestSweepAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := Prepare(dir, PrepareOptions{UID: os.Geteuid(), GID: os.Getegid()}); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.octets = poolOctets
	for i := range 10 {
		id := FreshID(time.UnixMicro(int64(1000+i)), OriginQmgr)
		if err := os.WriteFile(filepath.Join(dir, DirDeferred, id), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(id, DirDeferred); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	if s, err = Open(dir, Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Recover(); err != nil || len(s.blanks) != 0 {
		t.Errorf("%d blanks, %v", len(s.blanks), err)
	}
	if err := s.SweepAway(nil); err != nil {
		t.Error(err)
	}
	for _, d := range []string{DirDeferred, DirPool} {
		if left, err := os.ReadDir(filepath.Join(dir, d)); err != nil || len(left) != 0 {
			t.Errorf("%s: %v, %v", d, left, err)
		}
	}
}

// idsOf returns the names in one directory.
func idsOf(t *testing.T, s *Store, name string) (all []string) {
	t.Helper()
	err := s.EachID(name, func(ids []string) bool {
		all = append(all, ids...)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
