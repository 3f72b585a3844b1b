package mailbox

import (
	"errors"

	"yubin/internal/quota"
)

// CommitInPlaceOf is Commit, and removes a message of v. Sessions of this
// process see both or, where the two are in one folder, one change. ErrGone: that
// message was gone before, and nothing was put anywhere. After any other error as
// well the old one is there and the new ones are not, as far as the disk allows.
func (a *Append) CommitInPlaceOf(v *View, uid uint32) (validity uint32, uids []uint32, err error) {
	if v.mode != ReadWrite {
		a.Abort()
		return 0, nil, ErrReadOnly
	}
	defer a.end()
	f := v.f
	if err := v.holds(uid); err != nil {
		a.discard(a.f.curDir, 0)
		return 0, nil, err
	}
	a.InPlaceOf(v, uid)
	change, err := a.quota.begin(a.files)
	if err != nil {
		a.discard(a.f.curDir, 0)
		return 0, nil, err
	}
	defer change.End(quota.Usage{})
	if f != a.f {
		a.f.mu.Lock()
		validity, uids, err = a.put()
		a.f.mu.Unlock()
		if err != nil {
			return 0, nil, err
		}
	}
	f.mu.Lock()
	if f == a.f {
		validity, uids, err = a.put()
	}
	if err == nil {
		_, err = v.remove([]uint32{uid})
	}
	f.mu.Unlock()
	if err == nil {
		change.End(usage(a.files))
	}
	if err == nil || len(uids) == 0 {
		return validity, uids, err
	}
	return 0, nil, errors.Join(err, a.takeBack(uids))
}

// holds looks whether a message is there.
func (v *View) holds(uid uint32) error {
	f := v.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.sync(true, false); err != nil {
		return err
	}
	if f.byUID(uid) == nil || f.head.validity != v.snap.validity {
		return ErrGone
	}
	return nil
}

// takeBack removes messages that were put into the folder.
func (a *Append) takeBack(uids []uint32) error {
	a.f.mu.Lock()
	defer a.f.mu.Unlock()
	w := &View{f: a.f, mode: ReadWrite, snap: a.f.snap}
	_, err := w.remove(uids)
	return err
}
