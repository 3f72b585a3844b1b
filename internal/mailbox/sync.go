package mailbox

import (
	"errors"
	"fmt"
	"time"
)

// rescans is how often a folder is read again because messages were missing
// while somebody changed it: a file that is renamed during the reading can
// escape it.
const rescans = 5

// A scan is one look at the folder's directories.
type scan struct {
	takeUp  bool
	changed bool // a message came, went, moved or has other flags
	unknown []newFile
	twice   []doubleFile
	lock    *dotlock // of the uidlist
	sole    bool     // it was taken before the directories were read
}

// A newFile has no UID yet.
type newFile struct {
	base, info string
	isNew      bool
	sec, usec  uint64 // in its name
}

// A doubleFile is one of two files with one base name.
type doubleFile struct {
	uid   uint32
	info  string
	isNew bool
}

// sync brings the folder up to date with the disk. takeUp moves what is in
// new/; force reads the directories even if nothing seems to have changed. The
// folder's mutex is held.
func (f *folder) sync(takeUp, force bool) error {
	news, err := f.dir.stat("new")
	if err != nil {
		return f.vanished(err)
	}
	curs, err := f.dir.stat("cur")
	if err != nil {
		return f.vanished(err)
	}
	if err := errors.Join(f.follow(&f.new, &f.newDir, &news), f.follow(&f.cur, &f.curDir, &curs)); err != nil {
		return f.vanished(err)
	}
	s := &scan{takeUp: takeUp}
	if f.head.version == 0 {
		f.loadCache()
	}
	if err := f.readList(s); err != nil {
		return err
	}
	f.oldSizes = nil
	if takeUp && !f.swept {
		f.swept = true
		f.sweep(time.Now())
	}
	words, err := f.loadKeywords()
	if err != nil {
		return err
	}
	s.changed = s.changed || words
	readCur := force || !f.cur.fresh(&curs)
	came := f.store.watcher.came(f.new.id) // whatever the clock says
	readNew := readCur || came || !f.new.fresh(&news) || takeUp && f.untaken
	if readNew {
		if f.head.version == 0 {
			// The first to come numbers everything: nobody else should begin too.
			if err := f.lockList(s); err != nil {
				return err
			}
			s.sole = true
		}
		err := f.read(s, readCur)
		if s.lock != nil {
			f.unlockList(s)
		}
		if err != nil {
			f.cur.forget()
			return err
		}
	}
	if s.changed || f.snap.validity != f.head.validity || f.snap.next != f.head.next {
		f.publish()
	}
	return nil
}

// vanished is the error of a folder without its directories.
func (f *folder) vanished(err error) error {
	if gone(err) {
		return fmt.Errorf("%w: %w", ErrNoFolder, err)
	}
	return err
}

// deleted makes ErrNoFolder of what failed since the folder was deleted just then.
func (f *folder) deleted(err error) error {
	if _, cur := f.dir.stat("cur"); gone(cur) && !errors.Is(err, ErrNoFolder) {
		return f.vanished(errors.Join(cur, err))
	}
	return err
}

// lockList takes the uidlist's lock, and reads what others wrote before.
func (f *folder) lockList(s *scan) error {
	l, err := f.dir.lockOf(uidlistFile, uidlistTimes, &f.lock)
	if err != nil {
		return err
	}
	s.lock = l
	if err := f.readList(s); err != nil {
		l.unlock()
		s.lock = nil
		return err
	}
	return nil
}

// read reads new/, and cur/ too if it must, until what it found is sure.
func (f *folder) read(s *scan, readCur bool) error {
	for i := range f.all {
		f.all[i].st &^= met
	}
	for round := 0; ; round++ {
		sure, err := f.readOnce(s, &readCur)
		if err != nil {
			return err
		}
		if len(s.unknown) > 0 {
			if err := f.adopt(s); err != nil {
				return err
			}
		}
		if len(s.twice) > 0 {
			if err := f.separate(s); err != nil {
				return err
			}
		}
		if f.head.version == 0 {
			if err := f.found(s); err != nil {
				return err
			}
		}
		if !readCur {
			return nil
		}
		if sure || round == rescans || !f.someMissing() {
			break
		}
	}
	for i := range f.all {
		if r := &f.all[i]; r.st&(met|absent) == 0 {
			s.changed = true
			r.st |= absent
		}
	}
	return nil
}

// found makes the uidlist of a folder without messages.
func (f *folder) found(s *scan) error {
	if s.lock == nil { // it went while we read
		if err := f.lockList(s); err != nil {
			return err
		}
		defer f.unlockList(s)
	}
	if f.head.version != 0 {
		return nil
	}
	if err := f.begin(); err != nil {
		return err
	}
	return f.writeList(s.lock, nil, nil)
}

func (f *folder) unlockList(s *scan) {
	s.lock.unlock()
	s.lock = nil
}

func (f *folder) someMissing() bool {
	for i := range f.all {
		if f.all[i].st&(met|absent) == 0 {
			return true
		}
	}
	return false
}

// readOnce reads the directories once: new/ first, so that a file that is
// taken up meanwhile is met in cur/. sure says that no file can have escaped.
// readCur is set when cur/ was read because what was in new/ was moved.
func (f *folder) readOnce(s *scan, readCur *bool) (sure bool, err error) {
	newSure, err := f.readDir(s, &f.new, f.newDir, true)
	if err != nil || !*readCur {
		return newSure, err
	}
	curSure, err := f.readDir(s, &f.cur, f.curDir, false)
	return newSure && curSure && f.newStands(), err
}

// newStands tells that new/ is as it was read: else a file that was in cur/ then
// may have come into it since, and escaped both readings.
func (f *folder) newStands() bool {
	st, err := f.newDir.stat(".")
	return err == nil && st.Mtim == f.new.mtim
}

// readDir reads one directory.
func (f *folder) readDir(s *scan, d *dirSeen, in *dir, isNew bool) (sure bool, err error) {
	if err := in.fault.ask("read", d.name); err != nil {
		return false, err
	}
	start := time.Now()
	before, err := in.stat(".")
	if err != nil {
		return false, err
	}
	settled := settledAt(in, &before, start)
	var take []newFile
	err = in.each(func(name []byte) {
		base, info := splitName(name)
		r := f.find(base)
		if r == nil {
			s.unknown = append(s.unknown, newFile{base: string(base), info: string(info), isNew: isNew})
			return
		}
		f.meet(s, r, info, isNew)
		if isNew && s.takeUp {
			take = append(take, newFile{base: string(base), info: string(info), isNew: true})
		}
	})
	if err != nil {
		return false, err
	}
	after, err := in.stat(".")
	if err != nil {
		return false, err
	}
	d.mtim, d.settled, d.read, d.cost = before.Mtim, settled, start, time.Since(start)
	if isNew {
		f.untaken = !s.takeUp && (len(s.unknown) > 0 || f.someNew())
	}
	if len(take) > 0 {
		err = f.ownChange(&f.cur, f.curDir, func() error {
			for _, n := range take {
				if err := f.takeUp(s, f.find([]byte(n.base)), n.info); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return settled && before.Mtim == after.Mtim, err
}

func (f *folder) someNew() bool {
	for i := range f.all {
		if f.all[i].st&(inNew|absent) == inNew {
			return true
		}
	}
	return false
}

// meet notes that the scan has met a file of message r.
func (f *folder) meet(s *scan, r *rec, info []byte, isNew bool) {
	if r.st&met != 0 {
		if d, name := f.file(r); (d == f.newDir) != isNew || name != string(f.base(r))+string(info) {
			s.twice = append(s.twice, doubleFile{r.uid, string(info), isNew})
		}
		return
	}
	if isNew && r.st&(inNew|absent) == 0 {
		// It is in cur/, as far as we know; cur/ may not be read this time.
		s.twice = append(s.twice, doubleFile{r.uid, string(info), isNew})
		return
	}
	if f.setFile(r, info, isNew) {
		s.changed = true
	}
	r.st |= met
}
