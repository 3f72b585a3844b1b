package mailbox

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/durable"
)

// A modHandle is the open and locked file. The lock is flock(2): it ends with
// the process, and only programs of ours take it.
type modHandle struct{ *os.File }

// modWait is how long to wait for it.
const modWait = time.Minute

// modSlack is how much is appended to the file, beyond what its first record
// has, before it is written anew, octets.
const modSlack = 64 << 10

// bootID tells one run of the machine from another. One that is not known is
// no other's.
var bootID = sync.OnceValue(func() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil || len(id) > 64 {
		return newGUID()
	}
	return strings.TrimSpace(string(id))
})

func (s *Store) boot() string {
	if s.o.boot != "" {
		return s.o.boot
	}
	return bootID()
}

func (s *Store) now() time.Time {
	if s.o.now != nil {
		return s.o.now()
	}
	return time.Now()
}

// lockMods opens and locks the file. It returns nil where there is none, and
// none can be made; then the numbers last as long as the process.
func (f *folder) lockMods() (*modHandle, error) {
	deadline := time.Now().Add(modWait)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		file, err := f.dir.open(modFile, unix.O_RDWR|unix.O_APPEND)
		if gone(err) {
			file, err = f.dir.open(modFile, unix.O_RDWR|unix.O_APPEND|unix.O_CREAT)
		}
		if err != nil {
			return nil, f.unwritable(err)
		}
		err = again(func() error { return unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) })
		if err == nil {
			if f.dir.has(file, modFile) {
				return &modHandle{file}, nil
			}
			file.Close() // another has written it anew
			continue
		}
		file.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, f.dir.fail("lock", modFile, err)
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("%w: %s/%s", ErrLocked, f.dir.Name(), modFile)
		}
		time.Sleep(pause)
	}
}

// has tells whether an open file is the one of that name.
func (d *dir) has(file *os.File, name string) bool {
	var st unix.Stat_t
	now, err := d.stat(name)
	return err == nil && unix.Fstat(int(file.Fd()), &st) == nil && inodeOf(&st) == inodeOf(&now)
}

// unwritable deals with a file that cannot be made or written.
func (f *folder) unwritable(err error) error {
	for _, e := range []error{unix.EACCES, unix.EPERM, unix.EROFS, unix.ENOSPC, unix.EDQUOT, unix.ELOOP, unix.EISDIR, unix.ENXIO, errNoFile} {
		if errors.Is(err, e) {
			f.loseMods(err)
			return nil
		}
	}
	return err
}

// loseMods notes that the numbers are in this process only.
func (f *folder) loseMods(err error) {
	f.mods.lost = true
	if !f.mods.warned {
		f.mods.warned = true
		f.store.o.Warn("%s/%s cannot be written, so clients will read all flags anew: %v", f.dir.Name(), modFile, err)
	}
}

// readMods reads what others wrote to the file.
func (f *folder) readMods(file *modHandle) error {
	m := &f.mods
	if m.snap == nil {
		m.snap = &Snapshot{mods: &mods{}}
	}
	if file == nil {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return err
	}
	if m.lost && st.Size == 0 && m.validity != 0 {
		return nil // it is ours to write
	}
	head := make([]byte, min(st.Size, int64(modHead)))
	if _, err := file.ReadAt(head, 0); err != nil && err != io.EOF {
		return err
	}
	grown := !m.lost && len(head) == modHead && string(head) == m.head && st.Size >= m.size
	from := int64(0)
	if grown {
		from = m.size
	}
	if st.Size > maxModFile {
		grown, from = false, st.Size // it is none of ours
	}
	data := make([]byte, st.Size-from)
	if _, err := file.ReadAt(data, from); err != nil && err != io.EOF {
		return err
	}
	old := m.modLog
	whole := false
	if grown {
		m.sum, whole = m.read(data, m.sum)
	} else {
		m.modLog, m.head = modLog{snap: &Snapshot{mods: &mods{}}}, string(head)
		if len(data) > modHead && strings.HasPrefix(m.head, modMagic) {
			d := decoder{b: data[modHead:]}
			m.sum, whole = m.read(d.b, 0)
			m.first = int64(modHead) + 8 + int64(d.u32())
		}
	}
	m.size, m.lost = st.Size, false
	if !whole && st.Size > 0 {
		f.store.o.Warn("%s is damaged: clients will read all flags anew", file.Name())
	}
	if !whole || m.used && m.boot != f.store.boot() || m.highest < old.highest {
		// What was told last may not be in it, nor in the directories.
		m.highest, m.reserved = max(m.highest, old.highest), max(m.reserved, old.reserved)
		if max(m.highest, m.reserved) > maxModSeq-2*modBlock {
			m.highest, m.reserved = old.highest, old.reserved // damage
		}
		m.validity = 0
	}
	return nil
}

// writeMods puts what has changed into the file: it is there before s is shown.
func (f *folder) writeMods(file *modHandle, s *Snapshot, c *modChanges) error {
	m := &f.mods
	if file == nil {
		return nil
	}
	if m.lost || m.size-m.first > m.first+modSlack {
		return f.rewriteMods(file, s)
	}
	w := &modWriter{sum: m.sum}
	flush := false
	boot, reserved := f.store.boot(), m.reserved
	if s.mods.highest > m.highest {
		if flush = !m.used || m.boot != boot || s.mods.highest > m.reserved; flush {
			reserved = max(s.mods.highest+modBlock, m.reserved)
			w.use(boot, reserved)
		}
		w.change(c, s.mods.highest, m.nextUID(s))
	}
	if m.renamed(s) != 0 {
		w.record(modWords, func(e *encoder) { e.words(s.keywords) })
	}
	if len(w.encoder) == 0 {
		return nil
	}
	err := f.dir.write(file.File, w.encoder)
	if err == nil && flush {
		err = f.store.o.Flush.Flush(flushFile(file.File))
	}
	if err != nil {
		return f.dropMods(err)
	}
	m.size, m.sum = m.size+int64(len(w.encoder)), w.sum
	if flush {
		m.boot, m.reserved, m.used = boot, reserved, true
	}
	return nil
}

// dropMods removes a file that lacks what is about to be told: who finds none
// gives all messages new numbers.
func (f *folder) dropMods(err error) error {
	if gone := f.dir.remove(modFile); gone != nil && !os.IsNotExist(gone) {
		return full(err)
	}
	f.loseMods(err)
	return nil
}

// rewriteMods writes the file anew. Where it cannot be written there is none.
func (f *folder) rewriteMods(file *modHandle, s *Snapshot) error {
	m := &f.mods
	if file == nil {
		return nil
	}
	var id [modHead - len(modMagic)]byte
	rand.Read(id[:])
	w := &modWriter{encoder: append([]byte(modMagic), id[:]...)}
	w.state(s, m.nextUID(s))
	first := int64(len(w.encoder))
	boot, reserved := f.store.boot(), max(s.mods.highest+modBlock, m.reserved)
	w.use(boot, reserved)
	const temp = modFile + ".tmp"
	to, err := f.dir.open(temp, unix.O_RDWR|unix.O_CREAT|unix.O_TRUNC)
	if err != nil {
		return f.dropMods(err)
	}
	defer to.Close()
	err = f.dir.write(to, w.encoder)
	if err == nil {
		err = f.store.o.Flush.Flush(flushFile(to))
	}
	if err == nil {
		err = f.dir.rename(temp, f.dir, modFile)
	}
	if err == nil {
		err = f.store.o.Flush.Flush(durable.Item{File: to, Dirs: []*os.File{f.dir.File}})
	}
	if err != nil {
		f.dir.remove(temp)
		return f.dropMods(err)
	}
	m.head, m.size, m.first, m.sum, m.lost = string(w.encoder[:modHead]), int64(len(w.encoder)), first, w.sum, false
	m.boot, m.reserved, m.used = boot, reserved, true
	return nil
}

// endMods notes in the file that it has all that was told, so that the machine
// may stop. Where another process is at it, it will note it.
func (f *folder) endMods() {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := &f.mods
	if !m.on || m.lost || m.head == "" {
		return
	}
	fd, err := f.dir.open(modFile, unix.O_RDWR|unix.O_APPEND)
	if err != nil {
		return
	}
	file := &modHandle{fd}
	defer file.Close()
	if unix.Flock(int(fd.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil || !f.dir.has(fd, modFile) {
		return
	}
	if f.readMods(file) != nil || m.validity == 0 || !m.used {
		return
	}
	w := &modWriter{sum: m.sum}
	w.record(modEnd, func(*encoder) {})
	if f.dir.write(fd, w.encoder) == nil {
		m.size, m.sum, m.used = m.size+int64(len(w.encoder)), w.sum, false
	} else {
		fd.Truncate(m.size) // what was written of it would be damage
	}
}
