package mailbox

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
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
	words, err := f.loadKeywords()
	if err != nil {
		return err
	}
	s.changed = s.changed || words
	readCur := force || !f.cur.fresh(&curs)
	readNew := readCur || !f.new.fresh(&news) || takeUp && f.untaken
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

// lockList takes the uidlist's lock, and reads what others wrote before.
func (f *folder) lockList(s *scan) error {
	l, err := f.dir.lock(uidlistFile, uidlistTimes)
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
	return newSure && curSure, err
}

// readDir reads one directory.
func (f *folder) readDir(s *scan, d *dirSeen, in *dir, isNew bool) (sure bool, err error) {
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
	for _, n := range take {
		if err := f.takeUp(s, f.find([]byte(n.base)), n.info); err != nil {
			return false, err
		}
	}
	return settled && before.Mtim == after.Mtim, nil
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

// takeUp moves a message from new/ to cur/. One that cannot be moved stays
// where it is and can be read all the same.
func (f *folder) takeUp(s *scan, r *rec, info string) error {
	if r.st&inNew == 0 {
		return nil
	}
	name := string(f.base(r)) + info
	moved, err := f.moveUp(string(f.base(r)), info)
	if err != nil {
		if gone(err) {
			r.st &^= met // somebody else moved it: cur/ will show it
			f.cur.forget()
			return nil
		}
		f.untaken = true
		if errors.Is(err, unix.EEXIST) { // a second message of that name, which we have not met
			f.cur.forget()
			return nil
		}
		if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) && !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.EROFS) {
			return err
		}
		if !f.warned {
			f.warned = true
			f.store.o.Warn("%s/new/%s stays there: %v", f.dir.Name(), name, err)
		}
		return nil
	}
	s.changed = true
	f.setFile(r, []byte(moved), false)
	r.st |= met
	f.recent = append(f.recent, r.uid)
	return nil
}

// moveUp renames a file from new/ to cur/, in whose name flags have their
// place. It returns the info that it has now.
func (f *folder) moveUp(base, info string) (string, error) {
	to := info
	if _, _, unusual := parseInfo([]byte(info)); unusual {
		if to = ""; len(info) > 3 && info[:3] == ":2," {
			to = info
		}
		if to == "" {
			to = ":2,"
		}
	}
	return to, f.ownChange(&f.cur, f.curDir, func() error {
		return f.newDir.renameNew(base+info, f.curDir, base+to)
	})
}

// ownChange does something to a directory without making what is known of it
// stale: if nothing had changed before, then what has now is ours. (What
// another did in the same moment is seen at the next reading, which is not put off for long.)
func (f *folder) ownChange(d *dirSeen, in *dir, do func() error) error {
	before, err := in.stat(".")
	if err == nil {
		err = do()
	}
	if err != nil {
		return err
	}
	after, err := in.stat(".")
	if err != nil {
		return err
	}
	if !d.read.IsZero() && d.mtim == before.Mtim {
		d.mtim, d.settled = after.Mtim, false
		if d.cost < time.Millisecond {
			d.cost = time.Millisecond
		}
		d.read = time.Now()
	}
	return nil
}

// separate deals with files that have one base name. Mostly it is one file that was renamed
// during the reading; two links to one file are made one; of two messages the
// second gets a name, and so a UID, of its own.
func (f *folder) separate(s *scan) error {
	twice := s.twice
	s.twice = nil
	for _, t := range twice {
		r := f.byUID(t.uid)
		if r == nil {
			continue
		}
		if err := f.separateOne(s, r, t); err != nil {
			return err
		}
	}
	return nil
}

func (f *folder) separateOne(s *scan, r *rec, t doubleFile) error {
	in := f.curDir
	if t.isNew {
		in = f.newDir
	}
	name := string(f.base(r)) + t.info
	d, known := f.file(r)
	first, err1 := d.stat(known)
	second, err2 := in.stat(name)
	switch {
	case err1 != nil && !gone(err1):
		return err1
	case err2 != nil && !gone(err2):
		return err2
	case err2 != nil:
		if err1 == nil {
			r.st |= met
		}
		return nil
	case err1 != nil:
		s.changed = f.setFile(r, []byte(t.info), t.isNew) || s.changed
		r.st |= met
		if t.isNew && s.takeUp {
			return f.takeUp(s, r, t.info)
		}
		return nil
	case d == in && known == name:
		return nil
	}
	r.st |= met
	if inodeOf(&first) == inodeOf(&second) {
		f.store.o.Warn("%s: %s and %s are one file: the second name is removed", f.dir.Name(), known, name)
		return ignoreGone(in.remove(name))
	}
	fresh := f.store.freshName(in, name)
	f.store.o.Warn("%s: %s and %s are two messages with one name: the second becomes %s", f.dir.Name(), known, name, fresh)
	f.cur.forget()
	f.new.forget()
	return ignoreGone(in.rename(name, in, fresh))
}

func ignoreGone(err error) error {
	if gone(err) {
		return nil
	}
	return err
}
