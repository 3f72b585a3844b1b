package mailbox

import (
	"errors"
	"io/fs"
	"os"
)

// A keptLock is the file of a lock that is taken again and again. It lies in
// tmp/ and gets the lock's name as a second one. A new file each time is the
// dearest thing that one can do to ext4, which without a journal lets nobody have
// an inode again for minutes, and looks at each that was freed until it finds one to give.
// It is guarded by the mutex of the folder.
type keptLock struct {
	tmp    string // its name below the folder's directory; "" while none is kept
	file   *os.File
	id     inode
	before bool // the lock was taken once: who takes it twice may do so often
}

// keep makes the file of l, which is held, the one to be kept: instead of being
// removed it moves to tmp/.
func (k *keptLock) keep(l *dotlock) bool {
	if !k.before {
		k.before = true
		return false
	}
	tmp := "tmp/lock." + freshBase()
	if l.dir.rename(l.name, l.dir, tmp) != nil {
		return false
	}
	k.tmp, k.file, k.id = tmp, l.file, l.id
	return true
}

// take gives the kept file the name of the lock. It returns false if there is
// none, or none any more: somebody has cleared tmp/.
func (k *keptLock) take(l *dotlock) (bool, error) {
	if k == nil || k.file == nil {
		return false, nil
	}
	claim(k.id) // first: its age does not protect it from who looks at the pid in it
	err := l.dir.nameIt(k.file, l.name)
	if err == nil {
		l.file, l.id = k.file, k.id
		return true, nil
	}
	disclaim(k.id)
	if errors.Is(err, fs.ErrExist) {
		return true, err
	}
	k.drop(l.dir)
	return false, nil
}

// drop removes the file.
func (k *keptLock) drop(d *dir) {
	if k.file == nil {
		return
	}
	if st, err := d.stat(k.tmp); err == nil && inodeOf(&st) == k.id {
		d.remove(k.tmp)
	}
	k.file.Close()
	*k = keptLock{}
}
