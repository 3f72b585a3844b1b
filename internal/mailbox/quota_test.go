package mailbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"yubin/internal/durable"
	"yubin/internal/quota"
)

// limited is a process that serves a mailbox with a quota.
func limited(t *testing.T, dir string, f fault, rules ...string) *Tree {
	t.Helper()
	q, err := quota.Parse(rules)
	if err != nil {
		t.Fatal(err)
	}
	nothing := func(*os.File) error { return nil }
	s := New(Options{Flush: durable.New(durable.Options{Fsync: nothing, Syncfs: nothing}), Quota: q, fault: f})
	tree, err := s.Tree(account(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close(); s.Close() })
	return tree
}

// lies is what lies in the mailbox.
func lies(t *testing.T, dir string) (u quota.Usage) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		in := filepath.Base(filepath.Dir(path))
		if err == nil && e.Type().IsRegular() && (in == "cur" || in == "new") {
			var info fs.FileInfo
			if info, err = e.Info(); err == nil {
				u.Bytes += info.Size()
				u.Count++
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func counted(t *testing.T, tree *Tree) quota.Usage {
	t.Helper()
	s, err := tree.Quota()
	if err != nil {
		t.Fatal(err)
	}
	return s.Used
}

// put appends a letter.
func put(tree *Tree, folder string, n int) error {
	a, err := tree.Append(folder)
	if err != nil {
		return err
	}
	if err := a.Message(strings.NewReader("Subject: x\r\n\r\n"+strings.Repeat("y", n)), Attributes{}); err != nil {
		a.Abort()
		return err
	}
	_, _, err = a.Commit()
	return err
}

// Sessions of two processes that put, copy, move and remove messages and folders at
// once, while messages are counted anew, leave a count that is right.
func TestQuotaTogether(t *testing.T) {
	t.Parallel()
	b := newBox(t, "new/1.a", "cur/2.a:2,T", "cur/3.a,S=32:2,S")
	rules := []string{"*:storage=100M"}
	var wg sync.WaitGroup
	for lane := range 4 {
		tree := limited(t, b.dir, nil, rules...)
		wg.Go(func() {
			for i := range 15 {
				folder := fmt.Sprintf("F%d", lane)
				err := errors.Join(tree.Create(folder), put(tree, "INBOX", i), put(tree, folder, 100+i))
				v, err2 := tree.Open("INBOX", ReadWrite)
				if err = errors.Join(err, err2); err != nil {
					t.Error(err)
					return
				}
				err = errors.Join(err, take(tree, v, folder))
				v.Close()
				if i%3 == 0 {
					err = errors.Join(err, tree.quota.Recount())
				}
				if err = errors.Join(err, tree.Delete(folder)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	tree := limited(t, b.dir, nil, rules...)
	if got, want := counted(t, tree), lies(t, b.dir); got != want {
		text, _ := os.ReadFile(filepath.Join(b.dir, quota.File))
		t.Errorf("counted %+v, there is %+v: %s", got, want, text)
	}
}

// take moves the last message of a view.
func take(tree *Tree, v *View, to string) error {
	n := v.Snapshot().Len()
	if n == 0 {
		return nil
	}
	a, err := tree.Append(to)
	if err != nil {
		return err
	}
	a.Moving()
	if err := a.Copy(v, n-1); err != nil {
		a.Abort()
		if errors.Is(err, ErrGone) {
			return nil
		}
		return err
	}
	if _, _, err := a.Commit(); errors.Is(err, ErrGone) {
		return nil
	} else if err != nil {
		return err
	}
	_, err = v.Expunge([]uint32{v.Snapshot().Message(n - 1).UID})
	return err
}

// What fails half way leaves the count as the messages are: the disk is full, or the
// mailbox.
func TestQuotaFailures(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"create", "write", "rename", "link", "remove"} {
		for nth := 1; nth < 12; nth++ {
			b := newBox(t)
			n, armed := 0, false
			tree := limited(t, b.dir, func(what, _ string) error {
				if what == op && armed {
					n++
				}
				if n == nth && what == op && armed {
					return unix.ENOSPC
				}
				return nil
			}, "*:messages=3", "Trash:messages=+1")
			if err := errors.Join(put(tree, "INBOX", 10), put(tree, "INBOX", 20), tree.Create("Trash")); err != nil {
				t.Fatal(err)
			}
			v, err := tree.Open("INBOX", ReadWrite)
			if err != nil {
				t.Fatal(err)
			}
			armed = true
			put(tree, "INBOX", 30)
			put(tree, "INBOX", 40)
			take(tree, v, "Trash")
			v.Expunge([]uint32{1})
			tree.Delete("Trash")
			armed = false
			v.Close()
			if got, want := counted(t, tree), lies(t, b.dir); got != want {
				text, _ := os.ReadFile(filepath.Join(b.dir, quota.File))
				t.Errorf("%s %d fails: counted %+v, there is %+v: %q", op, nth, got, want, text)
			}
			if left, _ := filepath.Glob(b.path("tmp/[^l]*")); len(left) > 0 && op != "remove" {
				t.Errorf("%s %d fails: tmp has %v", op, nth, left)
			}
		}
	}
}

// An account whose rules cannot be read has no mailbox for now; one with rules of its
// own has those.
func TestQuotaOfAccount(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	a := account(b.dir)
	a.Quota = "1G"
	if tree, err := b.st.Tree(a); err == nil {
		tree.Close()
		t.Error("rules that cannot be read are none")
	}
	a.Quota = "*:messages=1\nSpam:ignore"
	tree, err := b.st.Tree(a)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	if err := put(tree, "inbox", 1); err != nil {
		t.Error(err)
	}
	if err := put(tree, "Inbox", 1); !errors.Is(err, ErrQuota) {
		t.Errorf("a second message: %v", err)
	}
	if !tree.OutsideQuota("Spam") || tree.OutsideQuota("INBOX") {
		t.Error("Spam counts, or INBOX does not")
	}
}
