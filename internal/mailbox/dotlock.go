package mailbox

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A dotlock is a lock that Dovecot respects: NAME.lock beside the file NAME,
// made with O_EXCL, with the holder's "pid:host" in it. Whose pid no longer
// runs on this host loses it; so does who has none there, or one that is another
// process's by now, when nobody has touched lock and file for the stale time.
type dotlock struct {
	dir  *dir
	name string // with .lock
	id   inode
	file *os.File  // the lock, which can become the file
	kept *keptLock // what it is made of; nil: always a new file
}

type inode struct{ dev, ino uint64 }

func inodeOf(st *unix.Stat_t) inode { return inode{st.Dev, st.Ino} }

// held are the locks of this process: one that has our pid in it and is not
// among them was left by an earlier process of that pid.
var held = struct {
	sync.Mutex
	locks map[inode]bool
}{locks: map[inode]bool{}}

func claim(id inode) {
	held.Lock()
	held.locks[id] = true
	held.Unlock()
}

func disclaim(id inode) {
	held.Lock()
	delete(held.locks, id)
	held.Unlock()
}

// lockTimes are how long to wait, and after how long without a sign of life a
// lock counts for nothing.
type lockTimes struct{ wait, stale time.Duration }

// Dovecot's times.
var (
	uidlistTimes = lockTimes{122 * time.Second, 120 * time.Second}
	keywordTimes = lockTimes{122 * time.Second, 120 * time.Second}
	subsTimes    = lockTimes{120 * time.Second, 30 * time.Second}
)

// pidCheckAge spares the look at a lock's pid while the lock is fresh.
const pidCheckAge = 2 * time.Second

// lock makes name.lock.
func (d *dir) lock(name string, t lockTimes) (*dotlock, error) { return d.lockOf(name, t, nil) }

// lockOf makes name.lock of the file that is kept for it.
func (d *dir) lockOf(name string, t lockTimes, kept *keptLock) (*dotlock, error) {
	l := &dotlock{dir: d, name: name + ".lock", kept: kept}
	w := lockWaiter{dir: d, name: name, times: t}
	deadline, last := time.Now().Add(t.wait), false
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		err := l.try()
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, full(err)
		}
		stale, err := w.stale()
		if err != nil {
			return nil, err
		}
		if stale {
			if err := d.remove(l.name); err != nil && !gone(err) {
				return nil, err
			}
			// Another who found it stale may be about to remove it too, and
			// must not remove ours.
			pause = 100*time.Millisecond + rand.N(100*time.Millisecond)
		}
		if time.Now().After(deadline) {
			if !stale || last {
				return nil, fmt.Errorf("%w: %s/%s", ErrLocked, d.Name(), l.name)
			}
			last = true // what was removed is tried for once more
		}
		time.Sleep(pause)
	}
}

// try makes the lock with its holder in it at once, so that the lock of a
// process that died is known as such: a file without a name gets this name,
// unless it is taken. Where that cannot be done the file is made under its name.
func (l *dotlock) try() error {
	if done, err := l.kept.take(l); done {
		return err
	}
	f, err := l.dir.nameless()
	if err == nil {
		l.sign(f)
		if err = l.hold(f); err != nil {
			return err
		}
		if err = l.dir.nameIt(f, l.name); err == nil {
			return nil
		}
		l.forget()
		if errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if f, err = l.dir.open(l.name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL); err != nil {
		return err
	}
	if err = l.hold(f); err != nil {
		l.dir.remove(l.name)
		return err
	}
	l.sign(f)
	return nil
}

// hold notes that the lock is ours: before anybody else can see our pid in it, or
// another goroutine that is slow to be told would take it for an earlier process's.
func (l *dotlock) hold(f *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		f.Close()
		return err
	}
	l.id, l.file = inodeOf(&st), f
	claim(l.id)
	return nil
}

// sign writes who holds the lock; one that cannot be written says nothing.
func (l *dotlock) sign(f *os.File) {
	if err := l.dir.write(f, fmt.Appendf(nil, "%d:%s", os.Getpid(), hostname())); err != nil {
		f.Truncate(0)
	}
}

// write makes b the content of what is to replace the file.
func (l *dotlock) write(b []byte) error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	if _, err := l.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return l.dir.write(l.file, b)
}

// touch shows that the holder lives.
func (l *dotlock) touch() error {
	if !l.ours() {
		return fmt.Errorf("%w: %s was taken over", ErrLocked, l.name)
	}
	return again(func() error {
		return unix.UtimesNanoAt(l.dir.fd(), l.name, []unix.Timespec{{Nsec: unix.UTIME_NOW}, {Nsec: unix.UTIME_NOW}}, unix.AT_SYMLINK_NOFOLLOW)
	})
}

// ours tells whether the lock has not been taken over as stale.
func (l *dotlock) ours() bool {
	st, err := l.dir.stat(l.name)
	return err == nil && inodeOf(&st) == l.id
}

// unlock removes the lock if it is still ours.
func (l *dotlock) unlock() {
	if l.ours() {
		if l.kept != nil && l.kept.file == nil && l.kept.keep(l) {
			l.forget()
			return
		}
		l.dir.remove(l.name)
	}
	l.forget()
}

// replace makes what was written to l.file the file that the lock protects.
func (l *dotlock) replace() error {
	defer l.forget()
	if !l.ours() {
		return fmt.Errorf("%w: %s was taken over", ErrLocked, l.name)
	}
	err := l.dir.rename(l.name, l.dir, strings.TrimSuffix(l.name, ".lock"))
	if err != nil {
		l.dir.remove(l.name) // it has no pid any more by which others would know that it is over
	}
	return full(err)
}

func (l *dotlock) forget() {
	disclaim(l.id)
	if l.file != nil && (l.kept == nil || l.file != l.kept.file) {
		l.file.Close()
	}
	l.file = nil
}

// A lockWaiter watches another's lock.
type lockWaiter struct {
	dir   *dir
	name  string // of the file
	times lockTimes

	seen     [2]unix.Stat_t // the lock and the file as they were last
	activity time.Time      // when one of them changed last
}

// stale tells whether the lock may be taken over.
func (w *lockWaiter) stale() (bool, error) {
	lock := w.name + ".lock"
	st, err := w.dir.stat(lock)
	if gone(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	w.note(0, &st)
	if signed := time.Unix(st.Mtim.Unix()); time.Since(signed) > pidCheckAge {
		pid := w.holder(lock)
		if pid > 0 && !alive(pid, inodeOf(&st)) {
			return true, nil
		}
		if pid > 0 && !startedAfter(pid, signed) {
			return false, nil
		}
	}
	if time.Since(w.activity) <= w.times.stale {
		return false, nil
	}
	if st, err := w.dir.stat(w.name); err == nil {
		w.note(1, &st)
	}
	return time.Since(w.activity) > w.times.stale, nil
}

// note records a change of the lock (0) or the file (1).
func (w *lockWaiter) note(which int, st *unix.Stat_t) {
	old := &w.seen[which]
	if inodeOf(old) == inodeOf(st) && old.Ctim == st.Ctim && old.Mtim == st.Mtim && old.Size == st.Size {
		return
	}
	when := time.Now()
	if old.Ino == 0 { // first look: what the times say, unless they lie in the future
		changed := time.Unix(st.Ctim.Unix())
		if m := time.Unix(st.Mtim.Unix()); m.After(changed) {
			changed = m
		}
		if changed.Before(when) {
			when = changed
		}
	}
	*old = *st
	if when.After(w.activity) {
		w.activity = when
	}
}

// hostname is what Dovecot writes into its locks.
var hostname = sync.OnceValue(func() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "localhost"
	}
	return name
})
