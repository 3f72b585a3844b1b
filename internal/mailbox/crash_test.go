package mailbox

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var errCrashed = errors.New("the process is dead")

// crashAt is a fault that lets n changes of the disk happen and no more.
func crashAt(n int) (f fault, happened func() int) {
	done := 0
	return func(op, name string) error {
		if done >= n {
			return errCrashed
		}
		done++
		return nil
	}, func() int { return done }
}

// age makes a lock that the dead left look old: its pid is looked at. One that
// has none, since it was to become the file, is what time makes of it.
func (b *box) age() {
	b.t.Helper()
	for _, name := range []string{uidlistFile, keywordsFile, subsFile, pop3File} {
		lock := b.path(name + ".lock")
		if data, err := os.ReadFile(lock); err == nil && !strings.HasPrefix(string(data), fmt.Sprintf("%d:", os.Getpid())) {
			b.rm(name + ".lock")
		}
		old := time.Now().Add(-time.Minute)
		if err := os.Chtimes(lock, old, old); err != nil && !os.IsNotExist(err) {
			b.t.Fatal(err)
		}
	}
}

// crashAppend appends two messages.
func crashAppend(b *box) []uint32 {
	a, err := b.tree.Append(Inbox)
	if err != nil {
		return nil
	}
	for range 2 {
		if a.Message(strings.NewReader("x\r\n"), Attributes{Keywords: []string{"K"}}) != nil {
			a.Abort()
			return nil
		}
	}
	_, uids, err := a.Commit()
	if err != nil {
		return nil
	}
	return uids
}

// A process that is killed between any two changes of the disk leaves a
// mailbox in which all messages are there once, under the UIDs and the UIDVALIDITY that
// anybody was told; docs/mailbox.md lists the states.
func TestCrashPoints(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		least int // messages that there must be afterwards
		act   func(b *box, v *View) (told []uint32)
	}{
		"take up and append": {6, func(b *box, v *View) []uint32 {
			v.Refresh()
			return nil
		}},
		"rewrite": {6, func(b *box, v *View) []uint32 {
			v.f.rewrite = true
			v.Refresh()
			return nil
		}},
		"flags and a new keyword": {6, func(b *box, v *View) []uint32 {
			v.Store([]uint32{1, 2, 3}, FlagChange{Add: Seen, AddKeywords: []string{"K"}})
			return nil
		}},
		"expunge": {4, func(b *box, v *View) []uint32 {
			v.Expunge([]uint32{1, 2})
			return nil
		}},
		"append": {6, func(b *box, v *View) []uint32 { return crashAppend(b) }},
		"append by way of tmp": {6, func(b *box, v *View) []uint32 {
			v.f.linksNameless = false // a file system that has none
			return crashAppend(b)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := 0; ; n++ {
				b := newBox(t, "cur/1.h:2,", "cur/2.h:2,S", "cur/3.h:2,", "cur/4.h:2,F")
				v := b.view(ReadWrite)
				before := describe(v.Snapshot())
				validity := v.Snapshot().UIDValidity()
				b.write("new/5.h", "five\n")
				b.write("new/6.h", "six\n")
				f, happened := crashAt(n)
				setFault(b, v, f)
				told := c.act(b, v)
				v.Close()
				b.tree.Close()
				b.tree = nil // the dead close nothing
				b.age()
				b.open()
				v = b.view(ReadWrite)
				s := v.Snapshot()
				if s.UIDValidity() != validity {
					t.Errorf("after %d changes: UIDVALIDITY %d, before %d", n, s.UIDValidity(), validity)
				}
				if s.Len() < c.least {
					t.Errorf("after %d changes: %d messages, want at least %d: %q", n, s.Len(), c.least, describe(s))
				}
				for _, m := range before {
					uid, rest, _ := strings.Cut(m, " ")
					base, _, _ := strings.Cut(rest, ":")
					for i := range s.Len() {
						if s.Base(i) == base && fmt.Sprint(s.Message(i).UID) != uid {
							t.Errorf("after %d changes: %s has UID %d, had %s", n, base, s.Message(i).UID, uid)
						}
					}
				}
				for _, uid := range told {
					if _, ok := s.Index(uid); !ok {
						t.Errorf("after %d changes: UID %d was told, and is gone", n, uid)
					}
				}
				if s.UIDNext() <= 4 {
					t.Errorf("after %d changes: UIDNEXT %d", n, s.UIDNext())
				}
				v.Close()
				if happened() < n {
					return // the last ran to its end
				}
			}
		})
	}
}

// setFault makes a fault that of all that is open.
func setFault(b *box, v *View, f fault) {
	b.st.o.fault = f
	for _, d := range []*dir{b.tree.dir, v.f.dir, v.f.newDir, v.f.curDir, v.f.root} {
		d.fault = f
	}
}

// On a full disk what is there can be read, and removed, and nothing is lost:
// when there is room again everything goes on.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/1.h:2,", "cur/2.h:2,S", "cur/3.h:2,")
	v := b.view(ReadWrite)
	full := true
	setFault(b, v, func(op, name string) error {
		if full && (op == "create" || op == "write" || op == "link") {
			return unix.ENOSPC
		}
		return nil
	})
	b.write("new/4.h", "four\n")
	if c := refresh(t, v); len(c.New) != 0 {
		t.Errorf("changes %+v: a UID that is not on the disk", *c)
	}
	if got := content(t, v, 0); !strings.Contains(got, "1.h") {
		t.Errorf("content %q", got)
	}
	if _, err := v.Store([]uint32{1}, FlagChange{Add: Flagged}); err != nil {
		t.Errorf("flags: %v", err)
	}
	if _, err := v.Store([]uint32{1}, FlagChange{AddKeywords: []string{"New"}}); !errors.Is(err, ErrFull) {
		t.Errorf("a keyword: %v, want ErrFull", err)
	}
	if gone, err := v.Expunge([]uint32{2}); err != nil || !slices.Equal(gone, []uint32{2}) {
		t.Errorf("expunge: %v, %v", gone, err)
	}
	if _, err := b.tree.Append(Inbox); err != nil {
		t.Fatal(err)
	}
	a, err := b.tree.Append(Inbox)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Message(strings.NewReader("x"), Attributes{}); !errors.Is(err, ErrFull) {
		t.Errorf("append: %v, want ErrFull", err)
	}
	a.Abort()
	if err := b.tree.Subscribe("A", true); !errors.Is(err, ErrFull) {
		t.Errorf("subscribe: %v, want ErrFull", err)
	}
	full = false
	if c := refresh(t, v); len(c.New) != 1 {
		t.Errorf("changes with room again: %+v", *c)
	}
	b.want(v, "1 1.h:2,F", "3 3.h:2,", "4 4.h:2,")
	if len(b.warn) != 1 || !strings.Contains(b.warn[0], "stay unseen") {
		t.Errorf("warnings %q", b.warn)
	}
	v.Close()
	b.reopen()
	b.want(b.view(ReadWrite), "1 1.h:2,F", "3 3.h:2,", "4 4.h:2,")
}

// The disk fills up in the middle of the uidlist, or its flush fails: the UIDs
// that may be there are not given to others.
func TestUidlistFails(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"write", "create"} {
		b := newBox(t, "cur/0.h:2,", "cur/1.h:2,")
		v := b.view(ReadWrite)
		b.rm("cur/0.h:2,")
		refresh(t, v)
		fail := true
		setFault(b, v, func(o, name string) error {
			if fail && o == op && strings.HasPrefix(name, uidlistFile) && !strings.HasSuffix(name, ".lock") {
				return unix.ENOSPC
			}
			return nil
		})
		v.f.rewrite = op == "create"
		b.write("new/2.h", "two\n")
		b.write("new/3.h", "three\n")
		refresh(t, v)
		b.want(v, "2 1.h:2,")
		fail = false
		b.rm("cur/2.h:2,")
		refresh(t, v)
		if s := v.Snapshot(); s.Len() != 2 || s.Base(1) != "3.h" || s.Message(1).UID < 5 {
			t.Errorf("%s: %q: UID 3 may be another's", op, describe(s))
		}
		if got := b.read(uidlistFile); strings.Count(got, "\n") != 3 {
			t.Errorf("%s: uidlist %q", op, got)
		}
		v.Close()
	}
}
