package mailbox

import (
	"os"
	"regexp"
	"testing"
	"time"
)

// SAVEDATE is when a message came into the folder, whatever its INTERNALDATE is
// and however often its flags change.
func TestSaved(t *testing.T) {
	t.Parallel()
	named := time.Unix(1700000000, 5000)
	for name, want := range map[string]time.Time{
		"1700000000.M5P1.h,S=3":   named,
		"1700000000.5_1.h":        time.Unix(1700000000, 0),
		"1700000000":              time.Unix(1700000000, 0),
		"7.h":                     {}, // older than Maildir
		"99999999999.M5.h":        {}, // in the future
		"99999999999999999999.h":  {},
		"message":                 {},
		"1700000000.M5000000P1.h": {},
	} {
		b := newBox(t)
		file := "cur/" + name + ":2,"
		b.write(file, "x\n")
		old := time.Unix(1234567890, 0)
		if err := os.Chtimes(b.path(file), old, old); err != nil {
			t.Fatal(err)
		}
		v := b.view(ReadWrite)
		if _, err := v.Store([]uint32{1}, FlagChange{Add: Seen}); err != nil {
			t.Fatal(err)
		}
		got, err := v.Saved(0)
		if err != nil || !want.IsZero() && !got.Equal(want) || want.IsZero() && time.Since(got).Abs() > time.Hour {
			t.Errorf("%s: %v, %v, want %v", name, got, err, want)
		}
	}
}

// EMAILID is the same for a copy and a copy of that, another for each message, and an
// object identifier (RFC 8474, 7) whatever names are.
func TestObjectIDs(t *testing.T) {
	t.Parallel()
	b := newBox(t, "cur/a b.h:2,", "cur/1.h,S=5,W=6:2,S") // in this order
	if err := b.tree.Create("A"); err != nil {
		t.Fatal(err)
	}
	v := b.view(ReadWrite)
	ids := []string{v.Snapshot().MessageID(0), v.Snapshot().MessageID(1), v.Snapshot().FolderID()}
	for _, id := range ids {
		if !regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`).MatchString(id) {
			t.Errorf("%q is no object identifier", id)
		}
	}
	for _, to := range []string{"A", Inbox} {
		a, err := b.tree.Append(to)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			if err := a.Copy(v, i); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := a.Commit(); err != nil {
			t.Fatal(err)
		}
		v.Close()
		b.reopen()
		if v, err = b.tree.Open(to, ReadWrite); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(v.Close)
		s := v.Snapshot()
		n := s.Len()
		if s.MessageID(n-1) != ids[1] || s.MessageID(n-2) != ids[0] {
			t.Errorf("%s: EMAILIDs %q, %q, want %q", to, s.MessageID(n-2), s.MessageID(n-1), ids[:2])
		}
		if (s.FolderID() == ids[2]) != (to == Inbox) {
			t.Errorf("%s: MAILBOXID %q, INBOX has %q", to, s.FolderID(), ids[2])
		}
	}
}
