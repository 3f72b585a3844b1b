package mailbox

import (
	"slices"
	"time"

	"yubin/internal/quota"
)

// A FlagChange says what Store does to flags and keywords. Keywords are names.
type FlagChange struct {
	Add, Remove               Flags
	AddKeywords, DropKeywords []string
	// Replace takes away all flags and keywords that are not added.
	Replace bool
}

// A letterChange is a FlagChange in one folder's letters.
type letterChange struct {
	add, remove Flags
	kadd, kdrop Keywords
}

func (c *letterChange) apply(fl Flags, kw Keywords) (Flags, Keywords) {
	return fl&^c.remove | c.add, kw&^c.kdrop | c.kadd
}

// change finds the letters of a FlagChange. A keyword that the folder does not
// have need not be removed.
func (f *folder) change(c *FlagChange) (l letterChange, err error) {
	l.add, l.remove = c.Add, c.Remove
	if l.kadd, err = f.letters(c.AddKeywords); err != nil {
		return l, err
	}
	for _, name := range c.DropKeywords {
		if i := findKeyword(f.keywords, name); i >= 0 {
			l.kdrop |= 1 << i
		}
	}
	if c.Replace {
		l.remove, l.kdrop = ^Flags(0), ^Keywords(0)
	}
	return l, nil
}

// Store changes the flags of messages, whose UIDs may come in any order, and returns those that
// are now other than before. Messages that are gone are passed over. The View's
// Snapshot stays as it is until Refresh.
func (v *View) Store(uids []uint32, c FlagChange) ([]uint32, error) {
	if v.mode != ReadWrite {
		return nil, ErrReadOnly
	}
	f := v.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.head.validity != v.snap.validity {
		return nil, nil
	}
	l, err := f.change(&c)
	if err != nil {
		return nil, err
	}
	return f.storeFlags(v, uids, func(r *rec) (bool, error) { return f.setFlags(r, &l) })
}

// storeFlags calls set for messages and makes those for which it returns true
// part of the newest Snapshot.
func (f *folder) storeFlags(v *View, uids []uint32, set func(*rec) (bool, error)) ([]uint32, error) {
	changed := make([]uint32, 0, len(uids))
	err := f.each(v, uids, func(r *rec) error {
		ok, err := set(r)
		if ok {
			changed = append(changed, r.uid)
		}
		return err
	})
	slices.Sort(changed)
	now := make([]rec, 0, len(changed))
	for _, uid := range changed {
		if r := f.byUID(uid); r != nil {
			now = append(now, *r)
		}
	}
	if len(now) > 0 {
		f.renew(f.snap.patch(now))
	}
	return changed, err
}

// each calls do for messages. Where do finds the file gone, the directories
// are read and it is called again: another program has renamed or removed it.
func (f *folder) each(v *View, uids []uint32, do func(*rec) error) error {
	for round := 0; ; round++ {
		var missed []uint32
		err := f.ownChange(&f.cur, f.curDir, func() error {
			for _, uid := range uids {
				r := f.byUID(uid)
				if r == nil {
					continue
				}
				err := do(r)
				if gone(err) {
					missed = append(missed, uid)
					continue
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || len(missed) == 0 || round == rescans {
			return err
		}
		if err := f.sync(true, true); err != nil {
			return err
		}
		if f.head.validity != v.snap.validity {
			return nil
		}
		uids = missed
	}
}

// setFlags renames a message's file.
func (f *folder) setFlags(r *rec, l *letterChange) (bool, error) {
	fl, kw := l.apply(r.fl, r.kw)
	if fl == r.fl && kw == r.kw {
		return false, nil
	}
	d, name := f.file(r)
	base := f.base(r)
	_, old := splitName([]byte(name))
	info := changeInfo(old, fl, kw)
	if err := d.rename(name, f.curDir, string(base)+string(info)); err != nil {
		return false, full(err)
	}
	f.setFile(r, info, false)
	return true, nil
}

// Expunge removes messages and returns the UIDs of those that are gone now,
// those that were already among them, in rising order. Others may still read
// what they have open.
func (v *View) Expunge(uids []uint32) ([]uint32, error) {
	if v.mode != ReadWrite {
		return nil, ErrReadOnly
	}
	v.f.mu.Lock()
	defer v.f.mu.Unlock()
	return v.remove(uids)
}

// remove is Expunge. The folder's mutex is held.
func (v *View) remove(uids []uint32) ([]uint32, error) {
	f := v.f
	change := v.quota.Remove(v.name)
	defer change.End(quota.Usage{})
	if f.head.validity != v.snap.validity {
		return nil, nil
	}
	var freed quota.Usage
	err := f.each(v, uids, func(r *rec) error {
		d, name := f.file(r)
		size := int64(0)
		if change != nil {
			size = f.fileSize(r, d, name)
		}
		if err := d.remove(name); err != nil {
			return err
		}
		r.st |= absent
		freed.Bytes += size
		freed.Count++
		return nil
	})
	if freed.Count > 0 {
		f.publish()
	}
	change.End(freed.Minus())
	var done []uint32
	for _, uid := range uids {
		if f.byUID(uid) == nil && uid < f.head.next {
			done = append(done, uid)
		}
	}
	slices.Sort(done)
	return slices.Compact(done), err
}

// Received returns the time at which message i was received (RFC 9051, 2.3.3):
// the file's time of modification.
func (v *View) Received(i int) (time.Time, error) {
	st, err := v.stat(i)
	if err != nil {
		return time.Time{}, err
	}
	return time.Unix(st.Mtim.Unix()), nil
}
