package mailbox

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/durable"
	"yubin/internal/quota"
)

// An Append puts messages into a folder, all or none. It is one goroutine's;
// Commit or Abort ends it.
type Append struct {
	f     *folder
	view  *View
	tmp   *dir // nil until it is needed
	files []appended
	quota appendQuota
}

// appended is a message that lies in tmp/ or, where there are files without a
// name, nowhere.
type appended struct {
	name   string // in tmp/, in cur/ if it was linked, or ""
	base   string // to be
	flags  Flags
	words  []string
	file   *os.File
	octets int64
	stored int64   // octets of the file
	within bool    // it moves from a folder that counts
	ext    string  // for the uidlist
	from   *source // it lies in another folder still, not in tmp/
	tries  int     // to find it there again
}

// Attributes are what goes with a message that is appended.
type Attributes struct {
	Flags    Flags
	Keywords []string
	// Received is the time to show as that of its arrival; zero is now.
	Received time.Time
}

// Append begins to put messages into the folder called name.
func (t *Tree) Append(name string) (*Append, error) {
	v, err := t.view(name, Peek) // Commit looks at what is in it
	if err != nil {
		return nil, err
	}
	return &Append{f: v.f, view: v, quota: appendQuota{of: t.quota, rules: t.rules, folder: v.name}}, nil
}

// Message takes one message from r, whose lines end in CRLF or LF, to its end.
// The file gets LF, as a delivered one has.
func (a *Append) Message(r io.Reader, at Attributes) error {
	if err := a.valid(at.Keywords); err != nil {
		return err
	}
	m, err := a.take(r, at)
	if m.file != nil {
		a.files = append(a.files, m)
	}
	if err != nil {
		return a.f.deleted(err)
	}
	return nil
}

var writeBuffers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, copySize) }}

// take writes a message to a file. Where it fails there may be one.
func (a *Append) take(r io.Reader, at Attributes) (m appended, err error) {
	base := freshBase()
	m = appended{flags: at.Flags, words: at.Keywords}
	if m.file, m.name, err = a.create(base); err != nil {
		return m, full(err)
	}
	buf := writeBuffers.Get().(*bufio.Writer)
	defer writeBuffers.Put(buf)
	buf.Reset(&dirWriter{a.f.dir, m.file})
	defer buf.Reset(nil)
	w := &lfWriter{w: buf}
	array := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(array)
	_, err = io.CopyBuffer(w, r, array[:])
	if err == nil {
		err = w.flush()
	}
	if err == nil && !at.Received.IsZero() {
		// Not by way of nanoseconds in one number, which end in 2262.
		ts := unix.Timespec{Sec: at.Received.Unix(), Nsec: int64(at.Received.Nanosecond())}
		err = unix.UtimesNanoAt(unix.AT_FDCWD, procName(m.file), []unix.Timespec{ts, ts}, 0)
	}
	m.base = fmt.Sprintf("%s,S=%d,W=%d", base, w.size, w.size+w.bare)
	m.octets, m.stored = w.size+w.bare, w.size
	return m, full(err)
}

// create makes a file for a message. One without a name, which is linked into
// cur/ when it is whole, spares two changes of tmp/, and leaves nothing there if
// the process dies.
func (a *Append) create(base string) (file *os.File, name string, err error) {
	if a.f.linksNameless {
		if file, err = a.f.dir.nameless(); err == nil || !linkless(err) {
			return file, "", err
		}
	}
	if a.tmp == nil {
		if a.tmp, err = a.f.dir.sub("tmp"); err != nil {
			return nil, "", err
		}
	}
	file, err = a.tmp.open(base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)
	return file, base, err
}

func (a *Append) valid(words []string) error {
	for _, w := range words {
		if !validKeyword(w) {
			return fmt.Errorf("keyword %q: want an atom of at most 255 octets", w)
		}
	}
	return nil
}

// Abort removes what was written.
func (a *Append) Abort() {
	a.discard(nil, 0)
	a.end()
}

func (a *Append) end() {
	for i := range a.files {
		if f := a.files[i].file; f != nil {
			f.Close()
		}
	}
	a.files = nil
	if a.tmp != nil {
		a.tmp.Close()
	}
	a.view.Close()
}

// Commit puts all messages into the folder. It returns when they, their names
// and their UIDs, in the order in which they came, are on stable storage.
func (a *Append) Commit() (validity uint32, uids []uint32, err error) {
	defer a.end()
	change, err := a.quota.begin(a.files)
	if err != nil {
		a.discard(nil, 0)
		return 0, nil, err
	}
	defer change.End(quota.Usage{})
	for {
		a.f.mu.Lock()
		validity, uids, err = a.put()
		a.f.mu.Unlock()
		if err == nil {
			change.End(usage(a.files))
		}
		if !a.moved(&err) {
			if err != nil {
				err = a.f.deleted(err)
			}
			return validity, uids, err
		}
	}
}

// put is one try of Commit; a message that was to be copied may have been
// moved meanwhile. The folder's mutex is held.
func (a *Append) put() (validity uint32, uids []uint32, err error) {
	f := a.f
	if err := f.sync(false, false); err != nil {
		a.discard(f.curDir, 0)
		return 0, nil, err
	}
	infos := make([]string, len(a.files))
	for i := range a.files {
		m := &a.files[i]
		kw, err := f.letters(m.words)
		if errors.Is(err, ErrKeywords) {
			kw, err = f.knownLetters(m.words), nil // a copy is worth more than its keywords
		}
		if err != nil {
			a.discard(f.curDir, 0)
			return 0, nil, err
		}
		infos[i] = string(appendInfo(nil, m.flags, kw))
	}
	return a.commit(infos)
}

func (f *folder) knownLetters(words []string) (kw Keywords) {
	for _, w := range words {
		if i := findKeyword(f.keywords, w); i >= 0 {
			kw |= 1 << i
		}
	}
	return kw
}

// commit names the files in cur/ under the uidlist's lock, so that nobody else
// gives them a UID first.
func (a *Append) commit(infos []string) (validity uint32, uids []uint32, err error) {
	f := a.f
	s := &scan{}
	if err := f.lockList(s); err != nil {
		a.discard(f.curDir, 0)
		return 0, nil, err
	}
	defer f.unlockList(s)
	if f.head.version == 0 {
		if err := f.begin(); err != nil {
			a.discard(f.curDir, 0)
			return 0, nil, err
		}
	}
	moved := 0
	err = f.ownChange(&f.cur, f.curDir, func() error {
		if which, err := a.linkAll(infos); err != nil {
			return &movedError{which, err}
		}
		for i := range a.files {
			m := &a.files[i]
			if m.from != nil {
				moved++
				continue
			}
			if err := a.name(m, m.base+infos[i]); err != nil {
				return full(err)
			}
			m.name = m.base + infos[i]
			moved++
		}
		return nil
	})
	if err == nil && uint64(f.head.next)+uint64(len(a.files)) > maxUID {
		err = ErrUIDs
	}
	if errors.As(err, new(*movedError)) {
		return 0, nil, err
	}
	if err != nil {
		a.discard(f.curDir, moved)
		return 0, nil, err
	}
	first, next := len(f.all), f.head.next
	var items []durable.Item
	for i := range a.files {
		m := &a.files[i]
		r := f.add(f.head.next, []byte(m.base))
		f.setFile(r, []byte(infos[i]), false)
		r.st &^= absent
		if m.ext != "" {
			f.setExt(r.uid, m.ext)
		}
		uids = append(uids, f.head.next)
		f.recent = append(f.recent, f.head.next)
		f.head.next++
		if m.from == nil {
			items = append(items, durable.Item{File: m.file, Dirs: []*os.File{f.curDir.File}})
		}
	}
	copies, few, err := a.fewCopies()
	defer closeItems(copies)
	if err == nil {
		err = f.writeList(s.lock, f.all[first:], append(items, copies...))
	}
	if err == nil && !few {
		err = a.flushCopies()
	}
	if err != nil {
		// The UIDs may be on the disk: they are not given again.
		a.discard(f.curDir, moved)
		for i := range f.all {
			if f.all[i].uid >= next {
				f.all[i].st |= absent
			}
		}
		f.recent = nil
		f.rewrite = true
		f.publish()
		return 0, nil, err
	}
	f.publish()
	return f.head.validity, uids, nil
}

// name puts a message into cur/.
func (a *Append) name(m *appended, name string) error {
	if m.name == "" {
		return a.f.curDir.nameIt(m.file, name)
	}
	return a.tmp.rename(m.name, a.f.curDir, name)
}

// discard removes the files: the first moved ones are in cur/ already, and what
// was linked there.
func (a *Append) discard(cur *dir, moved int) {
	for i := range a.files {
		m := &a.files[i]
		switch linked := m.from != nil && m.name != ""; {
		case i < moved || linked:
			cur.remove(m.name)
		case m.name != "":
			a.tmp.remove(m.name)
		}
	}
}
