package mailbox

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// litterAge is how old a file in tmp/ must be for its writer to be dead: the
// 36 hours of Maildir's convention.
const litterAge = 36 * time.Hour

// sweep removes what dead writers left in tmp/.
func (f *folder) sweep(now time.Time) {
	tmp, err := f.dir.sub("tmp")
	if err != nil {
		return // appending will say why
	}
	defer tmp.Close()
	var old []string
	err = tmp.each(func(name []byte) { old = append(old, string(name)) })
	for _, name := range old {
		st, statErr := tmp.stat(name)
		if err == nil && statErr == nil && now.Sub(time.Unix(st.Ctim.Unix())) > litterAge {
			tmp.remove(name)
		}
	}
}

// takeUp moves a message from new/ to cur/. One that cannot be moved stays
// where it is and can be read all the same. It is called within an ownChange of
// cur/.
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
	return to, f.newDir.renameNew(base+info, f.curDir, base+to)
}

// ownCost is what a reading of a small directory counts for after a change of
// our own, or who makes one every 20 ms has the directory read as often.
const ownCost = 10 * time.Millisecond

// ownChange does something to a directory without making what is known of it
// stale: if nothing had changed before, then what has now is ours. (What
// another did meanwhile is seen at the next reading, which is not put off for long.)
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
	if !d.read.IsZero() && d.mtim == before.Mtim && after.Mtim != before.Mtim {
		d.mtim, d.settled = after.Mtim, false
		d.cost = max(d.cost, ownCost)
		d.read = time.Now()
	}
	return nil
}
