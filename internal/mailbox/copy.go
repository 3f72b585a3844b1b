package mailbox

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"yubin/internal/durable"
)

// A source is where the file of a message that is to be copied lies. It gets
// its second name in Commit, where the folder's other sessions wait: a link and a rename
// would cost three times as much.
type source struct {
	view *View
	uid  uint32
	dir  *dir
	name string
}

// A movedError is a file that was not where it was, or cannot be linked.
type movedError struct {
	which int // of an Append's messages
	err   error
}

func (e *movedError) Error() string { return e.err.Error() }

// moved tells whether a try failed since a message was moved, and another may
// succeed, for which the message was looked for.
func (a *Append) moved(err *error) bool {
	var moved *movedError
	if !errors.As(*err, &moved) {
		return false
	}
	m := &a.files[moved.which]
	if *err = moved.err; m.tries < rescans {
		m.tries++
		if *err = m.again(a, moved.err); *err == nil {
			return true
		}
	}
	a.discard(nil, 0)
	if gone(*err) {
		*err = ErrGone
	}
	return false
}

// Copy takes message i of a View: in Commit its file gets a second name where
// that is possible, else its bytes are copied. The flags, keywords and time go with it. A
// message that goes meanwhile makes Commit fail, with ErrGone.
func (a *Append) Copy(v *View, i int) error {
	msg := v.snap.Message(i)
	m := appended{base: freshBase(), flags: msg.Flags, ext: v.snap.carried(i), from: &source{view: v, uid: msg.UID}}
	for k := range maxKeywords {
		if msg.Keywords&(1<<k) != 0 {
			m.words = append(m.words, v.snap.Keyword(k))
		}
	}
	stored, err := m.from.locate(&m)
	if err != nil {
		return err
	}
	m.stored, m.within = stored, a.quota.move && !a.quota.rules.Ignores(v.name)
	if m.octets > 0 {
		b := append(append([]byte(m.base), ",S="...), strconv.AppendInt(nil, stored, 10)...)
		m.base = string(strconv.AppendInt(append(b, ",W="...), m.octets, 10))
	}
	a.files = append(a.files, m)
	return nil
}

// locate finds where the file is, and the sizes that it is known to have.
func (s *source) locate(m *appended) (stored int64, err error) {
	f := s.view.f
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.byUID(s.uid)
	if r == nil || f.head.validity != s.view.snap.validity {
		return 0, ErrGone
	}
	s.dir, s.name = f.file(r)
	n, ok := f.size(r)
	if !ok {
		return f.fileSize(r, s.dir, s.name), nil
	}
	m.octets = n
	if stored, ok = f.storedSize(r); !ok {
		st, err := s.dir.stat(s.name)
		if err != nil {
			m.octets = 0 // Commit will look for it
			return 0, ignoreGone(err)
		}
		stored = st.Size
	}
	return stored, nil
}

// link gives the file a name in another directory.
func (s *source) link(to *dir, name string) error {
	f := s.view.f
	f.opening.RLock() // its mutex may be another copy's that waits for ours
	defer f.opening.RUnlock()
	return s.dir.link(s.name, to, name)
}

// linkAll links what is to be copied into cur/. Where that fails nothing is
// linked; which says where.
func (a *Append) linkAll(infos []string) (which int, err error) {
	for i := range a.files {
		m := &a.files[i]
		if m.from == nil {
			continue
		}
		if err := m.from.link(a.f.curDir, m.base+infos[i]); err != nil {
			for k := range i {
				if a.files[k].from != nil {
					a.f.curDir.remove(a.files[k].name)
					a.files[k].name = ""
				}
			}
			return i, err
		}
		m.name = m.base + infos[i]
	}
	return 0, nil
}

// again finds the file that could not be linked, or copies its bytes to tmp/.
func (m *appended) again(a *Append, why error) error {
	if !gone(why) && !linkless(why) {
		return full(why)
	}
	v := m.from.view
	if gone(why) {
		v.f.mu.Lock()
		err := v.f.sync(v.mode == ReadWrite, true)
		v.f.mu.Unlock()
		if err == nil {
			_, err = m.from.locate(&appended{})
		}
		return err
	}
	i, ok := v.snap.Index(m.from.uid)
	if !ok {
		return ErrGone
	}
	c, err := v.Content(i)
	if err != nil {
		return err
	}
	defer c.Close()
	at := Attributes{Flags: m.flags, Keywords: m.words}
	if at.Received, err = v.Received(i); err != nil {
		return err
	}
	n, err := a.take(c, at)
	n.ext = m.ext
	n.tries = m.tries
	n.within = m.within
	*m = n
	return err
}

// linkless tells whether an error says that a file cannot have another name
// there: another file system, too many names, or none that has several.
func linkless(err error) bool {
	for _, e := range []error{unix.EXDEV, unix.EMLINK, unix.EPERM, unix.ENOSYS, unix.EOPNOTSUPP, unix.EACCES} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// flushBatch is how many files are open at once to be flushed.
const flushBatch = 256

// aFew is how many copies are flushed one by one.
const aFew = flushBatch / 16

// fewCopies opens the files that were linked, to be flushed together with the
// uidlist, if they are few.
func (a *Append) fewCopies() (items []durable.Item, few bool, err error) {
	var names []string
	for i := range a.files {
		if a.files[i].from != nil {
			names = append(names, a.files[i].name)
		}
	}
	if len(names) > aFew {
		return nil, false, nil
	}
	items, err = a.f.openItems(names, []*os.File{a.f.curDir.File})
	return items, true, full(err)
}

// flushCopies puts the bytes of files that were linked on stable storage: who
// delivered them may not have done so yet.
func (a *Append) flushCopies() error {
	f := a.f
	cur := []*os.File{f.curDir.File}
	var names []string
	for i := range a.files {
		if a.files[i].from != nil {
			names = append(names, a.files[i].name)
		}
	}
	if f.store.o.Flush.Whole(cur[0]) {
		return nil
	}
	for len(names) > 0 {
		some := names[:min(len(names), flushBatch)]
		names = names[len(some):]
		if err := f.flushNames(some, cur); err != nil {
			return err
		}
	}
	return nil
}

func (f *folder) flushNames(names []string, dirs []*os.File) error {
	items, err := f.openItems(names, dirs)
	defer closeItems(items)
	for _, flushErr := range f.store.o.Flush.FlushAll(items) {
		err = errors.Join(err, flushErr)
	}
	return full(err)
}

// openItems opens messages in cur/ to be flushed.
func (f *folder) openItems(names []string, dirs []*os.File) (items []durable.Item, err error) {
	for _, name := range names {
		file, err := f.curDir.open(name, unix.O_RDONLY)
		if gone(err) {
			continue // another program has renamed or removed it by now
		}
		if err != nil {
			return items, err
		}
		items = append(items, durable.Item{File: file, Dirs: dirs})
	}
	return items, nil
}

func closeItems(items []durable.Item) {
	for _, it := range items {
		it.File.Close()
	}
}
