package mailbox

import (
	"strings"

	"yubin/internal/quota"
)

// ruled is the name of a folder as rules of the quota have it.
func ruled(name string) string {
	if strings.EqualFold(name, Inbox) {
		return Inbox
	}
	return name
}

// Quota tells how much mail there is in the mailbox, and may be.
func (t *Tree) Quota() (quota.Status, error) {
	s, err := t.quota.Status()
	return s, full(err)
}

// An appendQuota is what an Append has to do with the quota.
type appendQuota struct {
	of     *quota.Maildir
	rules  *quota.Rules
	folder string
	move   bool
	freed  quota.Usage // by the removal of what is replaced
}

// Moving says that what is copied from now on will be removed where it is: from
// one folder that counts to another it needs no room.
func (a *Append) Moving() { a.quota.move = true }

// Room tells, before a message of so many octets with CRLF comes, whether there
// can be room for it: ErrQuota if there is none whatever its line ends turn out to be.
func (a *Append) Room(octets int64) error {
	change, err := a.quota.of.Add(a.quota.want(a.files, quota.Usage{Bytes: octets / 2, Count: 1}))
	change.End(quota.Usage{})
	return full(err)
}

// begin is called before the files are put into the folder.
func (q *appendQuota) begin(files []appended) (*quota.Change, error) {
	change, err := q.of.Add(q.want(files, quota.Usage{}))
	return change, full(err)
}

// usage is what files are in the count.
func usage(files []appended) (u quota.Usage) {
	for i := range files {
		u.Bytes += files[i].stored
		u.Count++
	}
	return u
}

// want is the room that files and more need.
func (q *appendQuota) want(files []appended, more quota.Usage) quota.Want {
	w := quota.Want{Folder: q.folder, Usage: more}
	for i := range files {
		if !files[i].within {
			w.Bytes += files[i].stored
			w.Count++
		}
	}
	w.Bytes -= q.freed.Bytes
	w.Count -= q.freed.Count
	w.Within = w.Bytes <= 0 && w.Count <= 0
	return w
}

// InPlaceOf says that CommitInPlaceOf will remove a message, which frees room. The
// message need not be there any more.
func (a *Append) InPlaceOf(v *View, uid uint32) {
	v.f.mu.Lock()
	defer v.f.mu.Unlock()
	a.quota.freed = quota.Usage{}
	if r := v.f.byUID(uid); r != nil && !a.quota.rules.Ignores(v.name) {
		d, name := v.f.file(r)
		a.quota.freed = quota.Usage{Bytes: v.f.fileSize(r, d, name), Count: 1}
	}
}

// uncount takes the messages of a folder, which are about to be removed, out of
// the count.
func (t *Tree) uncount(change *quota.Change, disk string) {
	if change == nil {
		return
	}
	used, _ := t.quota.Sum(disk) // what cannot be read stays in the count until the next
	change.End(used.Minus())
}

// recount counts anew when the renaming of folders has changed which of them
// count.
func (t *Tree) recount(renamed map[string]string) error {
	for from, to := range renamed {
		old, _ := folderName(from)
		now, _ := folderName(to)
		if t.rules.Ignores(old) != t.rules.Ignores(now) {
			return t.quota.Recount()
		}
	}
	return nil
}

// OutsideQuota tells whether what is in a folder does not count.
func (t *Tree) OutsideQuota(name string) bool { return t.rules.Ignores(ruled(name)) }

// StoredWith adds up the octets that the files of messages with a flag have, as the
// quota counts them.
func (v *View) StoredWith(flag Flags) (total int64) {
	v.f.mu.Lock()
	defer v.f.mu.Unlock()
	for i := range v.snap.Len() {
		m := v.snap.Message(i)
		if m.Flags&flag == 0 {
			continue
		}
		if r := v.f.byUID(m.UID); r != nil && v.f.head.validity == v.snap.validity {
			d, name := v.f.file(r)
			total += v.f.fileSize(r, d, name)
		}
	}
	return total
}
