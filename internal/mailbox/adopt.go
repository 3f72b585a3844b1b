package mailbox

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
)

// adopt gives UIDs to the files that the scan found without one. On a full
// disk they stay unseen, since a UID that is not on the disk may be given again;
// the others can be read, and removed.
func (f *folder) adopt(s *scan) error {
	first, err := f.number(s)
	if err == nil {
		return nil
	}
	if first != 0 {
		n := len(f.all)
		for n > 0 && f.all[n-1].uid >= first {
			n--
		}
		f.all = f.all[:n]
		f.index = index{}
		f.index.grow(f)
		f.recent = nil
		f.rewrite = true
	}
	s.unknown, s.changed = nil, true
	f.cur.forget()
	f.new.forget()
	if !errors.Is(err, ErrFull) || f.head.version == 0 {
		return err
	}
	if !f.warned {
		f.warned = true
		f.store.o.Warn("%s: new messages stay unseen: %v", f.dir.Name(), err)
	}
	return nil
}

// number gives UIDs under the lock. If it fails, those from first on may not be
// on the disk, unless it is 0.
func (f *folder) number(s *scan) (first uint32, err error) {
	if s.lock == nil {
		if err := f.lockList(s); err != nil {
			return 0, err
		}
		defer f.unlockList(s)
	}
	unknown := s.unknown
	s.unknown = nil
	sortArrivals(unknown)
	if f.head.version == 0 {
		if err := f.begin(); err != nil {
			return 0, err
		}
	}
	first = f.head.next
	known := len(f.all)
	octets := 0
	for i := range unknown {
		octets += len(unknown[i].base)
	}
	f.expect(len(unknown), octets)
	err = f.ownChange(&f.cur, f.curDir, func() error {
		for _, n := range unknown {
			if err := f.adoptOne(s, n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return first, err
	}
	if known == len(f.all) && !f.rewrite {
		return 0, nil
	}
	return first, f.writeList(s.lock, f.all[known:], nil)
}

// adoptOne gives a UID to a file if it is still there and has none.
func (f *folder) adoptOne(s *scan, n newFile) error {
	if r := f.find([]byte(n.base)); r != nil {
		f.meet(s, r, []byte(n.info), n.isNew)
		if n.isNew && s.takeUp {
			return f.takeUp(s, r, n.info)
		}
		return nil
	}
	in := f.curDir
	if n.isNew {
		in = f.newDir
	}
	if !s.sole { // it may have been removed, and its line too, before we had the lock
		if _, err := in.stat(n.base + n.info); err != nil {
			f.cur.forget()
			return ignoreGone(err)
		}
	}
	if f.head.next > maxUID {
		return ErrUIDs
	}
	uid := f.head.next
	f.head.next++
	r := f.add(uid, []byte(n.base))
	f.setFile(r, []byte(n.info), n.isNew)
	r.st = r.st&^absent | met
	s.changed = true
	if !n.isNew { // another program has put it there, and nobody has seen it
		f.recent = append(f.recent, uid)
	}
	if n.isNew && s.takeUp {
		return f.takeUp(s, r, n.info)
	}
	return nil
}

// begin makes the header of a folder that has no usable uidlist.
func (f *folder) begin() error {
	validity, err := f.nextValidity()
	if err != nil {
		return err
	}
	f.head = header{version: 3, validity: validity, next: 1, guid: newGUID()}
	f.rewrite = true
	return nil
}

func newGUID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
