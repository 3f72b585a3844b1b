package mailbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"yubin/internal/durable"
	"yubin/internal/ipc"
	"yubin/internal/processors"
	"yubin/internal/quota"
)

// Options are what a process gives its Store.
type Options struct {
	// Flush is the process's flusher.
	Flush *durable.Flusher
	// Warn tells the administrator of damaged files and stale locks.
	Warn func(format string, args ...any)
	// Idle is how many folders without a View stay in memory; 0 is 64. Together they have at
	// most half a million messages.
	Idle int
	// Quota has the limits of mailboxes whose account has none of its own; nil:
	// those that a mailbox names itself.
	Quota *quota.Rules
	// Processors are for work that takes long.
	Processors *processors.Keeper

	idleMessages int              // instead of the constant
	fault        fault            // in tests
	boot         string           // instead of the kernel's
	now          func() time.Time // instead of the clock
}

const (
	defaultIdle  = 64
	idleMessages = 500_000
)

// A Store holds the folders that a process has open. It may be used by many
// goroutines.
type Store struct {
	o       Options
	watcher watcher
	shelves shelves

	mu      sync.Mutex // guards what follows, folder.views and Tree.uses
	folders map[folderKey]*folder
	idle    []*folder // without a View, the longest so first
	resting int       // messages in idle
	trees   map[treeKey]*Tree
	// restingTrees are those without a use, the longest so first.
	restingTrees []*Tree
}

// A folderKey tells folders apart by the directory itself: two ways to one
// Maildir lead to one folder.
type folderKey struct{ root, path string }

// New returns a Store.
func New(o Options) *Store {
	if o.Warn == nil {
		o.Warn = func(string, ...any) {}
	}
	if o.Idle == 0 {
		o.Idle = defaultIdle
	}
	if o.idleMessages == 0 {
		o.idleMessages = idleMessages
	}
	return &Store{o: o, watcher: watcher{warn: o.Warn}, folders: map[folderKey]*folder{}, trees: map[treeKey]*Tree{}}
}

// Close lets go of folders that have no View, and of Trees without use. The Store
// can still be used.
func (s *Store) Close() {
	s.mu.Lock()
	old := s.idle
	s.idle, s.resting = nil, 0
	s.forget(old)
	for len(s.restingTrees) > 0 {
		s.dropTree(0)
	}
	s.mu.Unlock()
	retire(old)
}

// forget takes out folders without a View, for the caller to retire when it no
// longer holds mu.
func (s *Store) forget(old []*folder) {
	for _, f := range old {
		if s.folders[f.key] == f {
			delete(s.folders, f.key)
		}
	}
}

// retire ends folders that nobody uses.
func retire(old []*folder) {
	for _, f := range old {
		f.endMods()
		f.saveCache()
		f.shelf.close()
		f.lock.drop(f.dir)
		f.close()
	}
}

// A Tree is a user's mailbox: a Maildir++ with its folders. It may be used by
// many goroutines, and by many sessions of one account.
type Tree struct {
	store *Store
	root  *os.Root
	dir   *dir
	key   string
	rules *quota.Rules
	quota *quota.Maildir

	account  treeKey
	standing standing
	uses     int // guarded by Store.mu
}

// Tree opens the mailbox of an account, and makes it if there is none.
func (s *Store) Tree(a *ipc.Account) (*Tree, error) {
	if t := s.reuse(keyOf(a)); t != nil {
		return t, nil
	}
	t, err := s.openTree(a)
	if err == nil {
		s.share(t)
	}
	return t, err
}

func (s *Store) openTree(a *ipc.Account) (*Tree, error) {
	rules, err := s.o.Quota.With(a.Quota)
	if err != nil {
		return nil, err
	}
	root, err := openRoot(a)
	if err != nil {
		return nil, err
	}
	t := &Tree{store: s, root: root, rules: rules, quota: quota.Of(root, rules), account: keyOf(a)}
	if t.dir, err = t.openDir("."); err != nil {
		root.Close()
		return nil, err
	}
	st, err := t.dir.stat(".")
	if err == nil {
		t.key, t.standing = fmt.Sprintf("%d:%d", st.Dev, st.Ino), standingOf(&st)
		err = t.makeMaildir(".")
	}
	if err != nil {
		t.shut()
		return nil, err
	}
	return t, nil
}

// openRoot opens the directory that nothing of the mailbox may lie beyond. In
// a home links lead to it with the rights of the process, which are the owner's; below
// a virtual base none leads out of that.
func openRoot(a *ipc.Account) (*os.Root, error) {
	name := path.Clean(strings.TrimLeft(a.Mailbox, "/"))
	if !a.Beneath {
		where := filepath.Join(a.Base, name)
		r, err := os.OpenRoot(where)
		if errors.Is(err, fs.ErrNotExist) {
			if _, err = os.Stat(a.Base); err == nil {
				if err = os.MkdirAll(where, 0o700); err == nil {
					r, err = os.OpenRoot(where)
				}
			}
		}
		return r, err
	}
	base, err := os.OpenRoot(a.Base)
	if err != nil {
		return nil, err
	}
	defer base.Close()
	r, err := base.OpenRoot(name)
	if errors.Is(err, fs.ErrNotExist) {
		if err = base.MkdirAll(name, 0o700); err == nil {
			r, err = base.OpenRoot(name)
		}
	}
	return r, err
}

// makeMaildir makes what is missing of a Maildir.
func (t *Tree) makeMaildir(name string) error {
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := t.mkdir(path.Join(name, sub)); err != nil && !errors.Is(err, fs.ErrExist) {
			return full(err)
		}
	}
	return nil
}

// mkdir makes a directory with the rights that the mailbox has, as Dovecot does.
func (t *Tree) mkdir(name string) error {
	if err := t.root.Mkdir(name, 0o700); err != nil || t.dir.mode == 0o600 {
		return err
	}
	d, err := t.openDir(name)
	if err != nil {
		return err
	}
	defer d.Close()
	as := *t.dir
	as.mode |= as.mode & 0o444 >> 2 // who may read may pass
	as.share(d.fd())
	return nil
}

// known returns the folder at a path below the root, with one View more, where
// the process has it open; else nil. What it lacks is not made.
func (t *Tree) known(where string) *folder {
	id := t.standing.id
	if where != "." {
		st, err := t.dir.stat(where)
		if err != nil {
			return nil
		}
		id = inodeOf(&st)
	}
	s := t.store
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known(folderKey{t.key, where}, id)
}

// folder returns the shared folder at a path below the root, with one View
// more.
func (t *Tree) folder(where string) (*folder, error) {
	key := folderKey{t.key, where}
	s := t.store
	id := t.whole(where)
	s.mu.Lock()
	f := s.known(key, id)
	s.mu.Unlock()
	if f != nil {
		return f, nil
	}
	dirs, err := t.openFolder(where)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.known(key, dirs.dir.inode()); f != nil {
		dirs.close()
		return f, nil
	}
	f = newFolder(s, key, dirs)
	f.views = 1
	s.folders[key] = f // one removed and made anew: who has the old one open keeps it
	return f, nil
}

// known returns the folder, with one View more, if it is in memory and still
// this directory. The caller holds mu.
func (s *Store) known(key folderKey, id inode) *folder {
	f := s.folders[key]
	if f == nil || f.id != id {
		return nil
	}
	s.wake(f)
	f.views++
	return f
}

// whole returns which directory the folder at a path is, if it has all that a
// folder has; the zero inode otherwise. It spares an open folder's being opened again.
func (t *Tree) whole(where string) inode {
	for _, sub := range []string{"new", "cur"} {
		if _, err := t.dir.stat(path.Join(where, sub)); err != nil {
			return inode{}
		}
	}
	st, err := t.dir.stat(where)
	if err != nil {
		return inode{}
	}
	return inodeOf(&st)
}

// wake takes f out of the idle ones. The caller holds mu.
func (s *Store) wake(f *folder) {
	for i, g := range s.idle {
		if g == f {
			s.idle = append(s.idle[:i], s.idle[i+1:]...)
			s.resting -= f.weight
			return
		}
	}
}

// leave ends the use of f by a View of so many messages, and returns the folders that are one too many.
func (s *Store) leave(f *folder, messages int) (old []*folder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.views--; f.views > 0 {
		return nil
	}
	if s.folders[f.key] != f {
		return []*folder{f}
	}
	f.weight = messages
	s.idle = append(s.idle, f)
	s.resting += messages
	for len(s.idle) > s.o.Idle || s.resting > s.o.idleMessages && len(s.idle) > 1 {
		old = append(old, s.idle[0])
		s.resting -= s.idle[0].weight
		s.idle = slices.Delete(s.idle, 0, 1)
	}
	s.forget(old)
	return old
}
