package mailbox

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
			return f.ownChange(&f.cur, f.curDir, func() error { return f.takeUp(s, r, t.info) })
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
