package mailbox

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"

	"golang.org/x/sys/unix"

	"yubin/internal/durable"
)

const uidlistFile = "dovecot-uidlist"

// maxUidlist bounds what is read of a uidlist, octets.
const maxUidlist = 512 << 20

// maxHeader bounds its first line, octets.
const maxHeader = 4096

// readList reads what others wrote to the uidlist since it was read last. One
// that is damaged is left as it is until it is written anew, with another
// UIDVALIDITY.
func (f *folder) readList(s *scan) error {
	st, err := f.dir.stat(uidlistFile)
	if gone(err) {
		if f.head.version != 0 {
			f.store.o.Warn("%s/%s is lost: the messages get new UIDs", f.dir.Name(), uidlistFile)
			f.reset()
			s.changed = true
		}
		return nil
	}
	if err != nil || f.list.is(&st) {
		return err
	}
	file, err := f.dir.open(uidlistFile, unix.O_RDONLY)
	if err != nil {
		return ignoreGone(err)
	}
	defer file.Close()
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return err
	}
	grown := f.head.version != 0 && f.list.id == inodeOf(&st) && st.Size >= f.listRead
	from := int64(0)
	if grown {
		from = f.listRead
	}
	if st.Size > maxUidlist {
		return fmt.Errorf("%s has %d octets: want at most %d", file.Name(), st.Size, maxUidlist)
	}
	data := make([]byte, st.Size-from)
	n, err := file.ReadAt(data, from)
	if err != nil && err != io.EOF {
		return err
	}
	data = data[:n]
	if grown {
		err = f.readMore(s, data, from)
	} else {
		err = f.readAll(s, data)
	}
	if err != nil {
		f.store.o.Warn("%s: %v: the messages get new UIDs", file.Name(), err)
		f.reset()
		f.rewrite, s.changed = true, true
	}
	f.list = seen(&st)
	return nil
}

// readMore reads the lines that were appended.
func (f *folder) readMore(s *scan, data []byte, from int64) error {
	last := f.lastUID()
	n, err := parseEntries(data, f.head.version, last, func(e entry) { f.enter(s, e) })
	f.listRead = from + int64(n)
	f.rewrite = f.rewrite || n < len(data)
	f.head.next = max(f.head.next, f.lastUID()+1)
	return err
}

// readAll reads a whole uidlist, which may have taken the place of another. It
// is believed: what is known is forgotten, but for the highest UIDNEXT of this
// UIDVALIDITY.
func (f *folder) readAll(s *scan, data []byte) error {
	first := bytes.IndexByte(data[:min(len(data), maxHeader)], '\n')
	if first < 0 {
		return fmt.Errorf("%w: line 1: no end within %d octets", errDamaged, maxHeader)
	}
	h, err := parseHeader(data[:first])
	if err != nil {
		return err
	}
	data = data[first+1:]
	next, sizes, recent := uint32(0), f.sizes, f.recent
	again := f.head.version != 0 && f.head.validity == h.validity && f.agrees(data, h.version)
	if again {
		next = f.head.next
	}
	f.reset()
	s.changed = true
	if again {
		f.sizes, f.recent = sizes, recent
	}
	f.head = h
	f.rewrite = h.version != 3 || h.guid == "" || h.next < next
	f.expect(bytes.Count(data, []byte("\n")), len(data))
	n, err := parseEntries(data, h.version, 0, func(e entry) { f.enter(s, e) })
	f.listRead = int64(first + 1 + n)
	f.rewrite = f.rewrite || n < len(data)
	f.head.next = max(f.head.next, next, f.lastUID()+1)
	return err
}

// agrees tells whether the lines of a uidlist give no UID that we know to
// another name.
func (f *folder) agrees(data []byte, version int) bool {
	fits, last := true, f.lastUID()
	_, err := parseEntries(data, version, 0, func(e entry) {
		if e.uid <= last {
			r := f.find(e.base)
			fits = fits && r != nil && r.uid == e.uid
		}
	})
	return fits && err == nil
}

// enter takes over a line of the uidlist.
func (f *folder) enter(s *scan, e entry) {
	f.lines++
	if old := f.find(e.base); old != nil {
		// A message that was removed and put back: its later UID counts.
		old.st |= absent
		f.rewrite, s.changed = true, true
		f.cur.forget()
		f.new.forget()
	}
	f.add(e.uid, e.base)
	if n, ok := f.oldSizes[string(e.base)]; ok {
		f.sizes[e.uid] = n
	}
	if len(e.ext) > 0 {
		f.setExt(e.uid, string(e.ext))
	}
}

// setExt records a message's uidlist extensions.
func (f *folder) setExt(uid uint32, ext string) {
	if f.extShared {
		f.ext, f.extShared = maps.Clone(f.ext), false
	}
	f.ext[uid] = ext
}

// writeList puts added, the last of f.all, into the uidlist: appended or, where that is
// not possible or much of the list is of no use any more, written anew. It returns when
// they are on stable storage, together with more.
func (f *folder) writeList(l *dotlock, added []rec, more []durable.Item) error {
	dead := f.lines + len(added)
	for i := range f.all {
		if f.all[i].st&absent == 0 {
			dead--
		}
	}
	if f.rewrite || f.list.id.ino == 0 || dead > 64 && dead*4 > f.lines+len(added) {
		return f.rewriteList(l, more)
	}
	var b []byte
	for i := range added {
		b = appendEntry(b, added[i].uid, f.ext[added[i].uid], f.base(&added[i]))
	}
	return f.appendList(l, b, len(added), more)
}

func (f *folder) appendList(l *dotlock, b []byte, lines int, more []durable.Item) error {
	file, err := f.dir.open(uidlistFile, unix.O_WRONLY|unix.O_APPEND)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := l.touch(); err != nil {
		return err
	}
	if err := f.dir.write(file, b); err != nil {
		if cut := file.Truncate(f.listRead); cut != nil {
			f.rewrite = true
		}
		return full(err)
	}
	if err := f.flushList(file, nil, more); err != nil {
		f.rewrite = true
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return err
	}
	f.list, f.lines, f.listRead = seen(&st), f.lines+lines, st.Size
	return nil
}

func (f *folder) rewriteList(l *dotlock, more []durable.Item) error {
	f.compact()
	if f.head.guid == "" {
		f.head.guid = newGUID()
	}
	b := f.head.append(make([]byte, 0, len(f.names)+16*len(f.all)+256))
	for i := range f.all {
		b = appendEntry(b, f.all[i].uid, f.ext[f.all[i].uid], f.base(&f.all[i]))
	}
	const temp = uidlistFile + ".tmp"
	file, err := f.dir.open(temp, unix.O_RDWR|unix.O_CREAT|unix.O_TRUNC)
	if err != nil {
		return full(err)
	}
	defer file.Close()
	err = f.dir.write(file, b)
	if err == nil {
		err = f.store.o.Flush.Flush(flushFile(file))
	}
	if err == nil {
		err = l.touch()
	}
	if err == nil {
		err = f.dir.rename(temp, f.dir, uidlistFile)
	}
	if err != nil {
		f.dir.remove(temp)
		return full(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return err
	}
	f.list, f.lines, f.listRead, f.rewrite = seen(&st), len(f.all), st.Size, false
	return f.flushList(file, []*os.File{f.dir.File}, more)
}

// flushList returns when the uidlist and what goes with it are on stable
// storage: a UID that a client heard of is never given again.
func (f *folder) flushList(file *os.File, dirs []*os.File, more []durable.Item) error {
	items := append([]durable.Item{{File: file, Dirs: dirs}}, more...)
	for _, err := range f.store.o.Flush.FlushAll(items) {
		if err != nil {
			return full(err)
		}
	}
	return nil
}
