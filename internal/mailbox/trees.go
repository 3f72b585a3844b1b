package mailbox

import (
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"yubin/internal/ipc"
)

// idleTrees is how many mailboxes without a session stay open: who looks for
// mail every minute need not have it opened anew.
const idleTrees = 64

// A treeKey tells mailboxes apart by what their accounts say.
type treeKey struct {
	base, mailbox string
	beneath       bool
	quota         string
}

func keyOf(a *ipc.Account) treeKey { return treeKey{a.Base, a.Mailbox, a.Beneath, a.Quota} }

// where is the path of the mailbox's directory.
func (k *treeKey) where() string {
	return filepath.Join(k.base, path.Clean(strings.TrimLeft(k.mailbox, "/")))
}

// A standing is which directory a mailbox is, and who may use it.
type standing struct {
	id        inode
	mode, gid uint32
}

func standingOf(st *unix.Stat_t) standing { return standing{inodeOf(st), st.Mode, st.Gid} }

// reuse returns a Tree that is open already, with one use more; nil: there is
// none, or its path leads to another directory by now. That it leads there is all
// that counts: the directory was opened as openRoot does.
func (s *Store) reuse(k treeKey) *Tree {
	s.mu.Lock()
	t := s.trees[k]
	if t != nil {
		if t.uses == 0 {
			s.restless(t)
		}
		t.uses++
	}
	s.mu.Unlock()
	if t == nil {
		return nil
	}
	var st unix.Stat_t
	err := again(func() error { return unix.Stat(k.where(), &st) })
	if err == nil && standingOf(&st) == t.standing {
		if _, err = t.dir.stat("tmp"); err == nil {
			return t
		}
	}
	s.mu.Lock()
	if s.trees[k] == t {
		delete(s.trees, k)
	}
	s.mu.Unlock()
	t.Close()
	return nil
}

// share keeps t for others of its account.
func (s *Store) share(t *Tree) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.uses = 1
	if s.trees[t.account] == nil {
		s.trees[t.account] = t
	}
}

// restless takes t out of the idle ones. The caller holds mu.
func (s *Store) restless(t *Tree) {
	for i, x := range s.restingTrees {
		if x == t {
			s.restingTrees = append(s.restingTrees[:i], s.restingTrees[i+1:]...)
			return
		}
	}
}

// Close ends one use of the Tree; its Views stay.
func (t *Tree) Close() {
	s := t.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.uses--; t.uses > 0 {
		return
	}
	if s.trees[t.account] != t {
		t.shut()
		return
	}
	s.restingTrees = append(s.restingTrees, t)
	if len(s.restingTrees) > idleTrees {
		s.dropTree(0)
	}
}

// dropTree closes an idle Tree. The caller holds mu.
func (s *Store) dropTree(i int) {
	t := s.restingTrees[i]
	s.restingTrees = append(s.restingTrees[:i], s.restingTrees[i+1:]...)
	delete(s.trees, t.account)
	t.shut()
}

func (t *Tree) shut() {
	t.dir.Close()
	t.root.Close()
}
