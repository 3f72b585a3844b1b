package mailbox

import (
	"errors"

	"yubin/internal/quota"
)

// Mode says what a View may do.
type Mode int

const (
	// ReadWrite takes up what is in new/: it moves to cur/.
	ReadWrite Mode = iota
	// Peek moves and changes nothing (EXAMINE, STATUS); UIDs are given all the
	// same.
	Peek
)

// A View is one session's view of a folder: a numbering that changes only by
// Refresh. One goroutine at a time may use it.
type View struct {
	f      *folder
	mode   Mode
	snap   *Snapshot
	recent map[uint32]bool
	closed bool
	name   string
	quota  *quota.Maildir
}

// Open opens a folder: "INBOX", or a name with "/" between its levels.
func (t *Tree) Open(name string, mode Mode) (*View, error) {
	where, err := diskName(name)
	if err != nil {
		return nil, err
	}
	if f := t.known(where); f != nil {
		v, err := t.viewOf(f, name, mode).looked()
		if !errors.Is(err, ErrNoFolder) {
			return v, err
		}
	}
	v, err := t.view(name, mode)
	if err != nil {
		return nil, err
	}
	return v.looked()
}

// looked has looked once; after an error it is closed.
func (v *View) looked() (*View, error) {
	if err := v.look(false); err != nil {
		v.Close()
		return nil, err
	}
	return v, nil
}

// view is Open before anything was looked at.
func (t *Tree) view(name string, mode Mode) (*View, error) {
	where, err := diskName(name)
	if err != nil {
		return nil, err
	}
	f, err := t.folder(where)
	if err != nil {
		return nil, err
	}
	return t.viewOf(f, name, mode), nil
}

// viewOf is a View that f has counted already.
func (t *Tree) viewOf(f *folder, name string, mode Mode) *View {
	return &View{f: f, mode: mode, snap: &Snapshot{}, name: ruled(name), quota: t.quota}
}

// Close ends the View. A second time does nothing.
func (v *View) Close() {
	if !v.closed {
		v.closed = true
		retire(v.f.store.leave(v.f, v.snap.Len()))
	}
}

// Snapshot returns the messages as this View knows them.
func (v *View) Snapshot() *Snapshot { return v.snap }

// Recent tells whether message i was taken up or found for this View, the first to see
// it (RFC 3501, 2.3.2: \Recent).
func (v *View) Recent(i int) bool {
	if v.mode == Peek && v.recent == nil {
		v.foresee()
	}
	return v.recent[v.snap.at(i).uid]
}

// foresee notes the messages that Recents counts for a View that only peeks.
func (v *View) foresee() {
	v.f.mu.Lock()
	defer v.f.mu.Unlock()
	v.recent = map[uint32]bool{}
	for _, uid := range v.f.recent {
		v.recent[uid] = true
	}
	for i := range v.f.all {
		if m := &v.f.all[i]; m.st&(inNew|absent) == inNew {
			v.recent[m.uid] = true
		}
	}
}

// Recents counts the messages that are recent for this View. One that only
// peeks counts those that the next View would get.
func (v *View) Recents() (n int) {
	if v.mode == Peek {
		v.f.mu.Lock()
		defer v.f.mu.Unlock()
		n = len(v.f.recent)
		for i := range v.f.all {
			if v.f.all[i].st&(inNew|absent) == inNew {
				n++
			}
		}
		return n
	}
	for uid := range v.recent {
		if _, ok := v.snap.Index(uid); ok {
			n++
		}
	}
	return n
}

// Refresh looks at the disk, and makes what it finds the View's Snapshot.
func (v *View) Refresh() (*Changes, error) { return v.refresh(false) }

// Reread is Refresh for who knows better than the directories' times that
// something has changed (inotify): it reads them.
func (v *View) Reread() (*Changes, error) { return v.refresh(true) }

func (v *View) refresh(force bool) (*Changes, error) {
	old := v.snap
	if err := v.look(force); err != nil {
		return nil, err
	}
	return changes(old, v.snap), nil
}

// look brings the folder and then the View up to date.
func (v *View) look(force bool) error {
	v.f.mu.Lock()
	defer v.f.mu.Unlock()
	err := v.f.sync(v.mode == ReadWrite, force)
	if err == nil {
		err = v.f.giveMods(nil)
	}
	if err != nil {
		return v.f.deleted(err)
	}
	v.snap = v.f.snap
	v.claim()
	return nil
}

// claim makes the messages that nobody has seen this View's recent ones.
func (v *View) claim() {
	if v.mode != ReadWrite {
		v.recent = nil // foresee makes it when it is wanted
		return
	}
	for _, uid := range v.f.recent {
		if v.recent == nil {
			v.recent = map[uint32]bool{}
		}
		v.recent[uid] = true
	}
	v.f.recent = nil
}
