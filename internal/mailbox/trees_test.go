package mailbox

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Sessions of one account, at once or one after another, have one Tree; after
// another directory has taken the place of the mailbox, the next has that one.
func TestTreeShared(t *testing.T) {
	t.Parallel()
	b := newBox(t, "new/1.a", "new/2.b")
	again := func() *Tree {
		t.Helper()
		x, err := b.st.Tree(account(b.dir))
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	count := func(x *Tree) int {
		t.Helper()
		v, err := x.Open(Inbox, ReadWrite)
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		return v.Snapshot().Len()
	}
	second := again()
	if second != b.tree {
		t.Error("another Tree while the first is in use")
	}
	if n := count(second); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
	second.Close()
	b.tree.Close()
	if b.tree = again(); b.tree != second {
		t.Error("another Tree after the first was used")
	}
	for _, sub := range []string{"new", "cur", "tmp"} {
		if err := os.RemoveAll(b.path(sub)); err != nil {
			t.Fatal(err)
		}
		third := again()
		if n := count(third); sub == "cur" && n != 0 {
			t.Errorf("%d messages without %s/, want none", n, sub)
		}
		third.Close()
		if _, err := os.Stat(b.path(sub)); err != nil {
			t.Errorf("what was removed is not made anew: %v", err)
		}
	}
	if err := os.Rename(b.dir, b.dir+".old"); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(b.path("new"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.write("new/3.c", "Subject: c\n\n")
	other := again()
	defer other.Close()
	if n := count(other); n != 1 {
		t.Errorf("%d messages in the directory that took the place, want 1", n)
	}
}

// No more mailboxes stay open than that.
func TestTreesIdle(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newStore(nil)
	for i := range idleTrees + 3 {
		x, err := s.Tree(account(filepath.Join(dir, fmt.Sprint(i))))
		if err != nil {
			t.Fatal(err)
		}
		x.Close()
	}
	if len(s.trees) != idleTrees || len(s.restingTrees) != idleTrees {
		t.Errorf("%d Trees, %d of them idle, want %d", len(s.trees), len(s.restingTrees), idleTrees)
	}
	s.Close()
	if len(s.trees)+len(s.restingTrees) > 0 {
		t.Errorf("%d Trees after the end", len(s.trees))
	}
}

// Folders without a View stay in memory, the last ones, as far as there is room for them and their messages.
func TestFoldersIdle(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		idle, messages int
		want           int // that are left of four, of two messages each
		resting        int
	}{
		{"room for all", 4, 8, 4, 8},
		{"too many folders", 3, 8, 3, 6},
		{"too many messages", 4, 7, 3, 6},
		{"the last is too large", 4, 1, 1, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStore(nil)
			s.o.Idle, s.o.idleMessages = c.idle, c.messages
			defer s.Close()
			for range 4 {
				x, err := s.Tree(account(newBox(t, "cur/1.a:2,", "cur/2.b:2,").dir))
				if err != nil {
					t.Fatal(err)
				}
				v, err := x.Open("INBOX", ReadWrite)
				if err != nil {
					t.Fatal(err)
				}
				v.Close()
				x.Close()
			}
			if len(s.folders) != c.want || len(s.idle) != c.want || s.resting != c.resting {
				t.Errorf("%d folders, %d of them idle with %d messages; want %d with %d", len(s.folders), len(s.idle), s.resting, c.want, c.resting)
			}
		})
	}
}
