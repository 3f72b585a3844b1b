package mailbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"strings"

	"golang.org/x/sys/unix"
)

// The cache is what a folder has in memory, so that a process that opens it
// next spares reading uidlist and directories as long as their times say that
// nothing has changed, and counting the octets of messages whose names lack
// W=. Lost, damaged or out of date, it is made again. It tells which names
// there are and how long messages are, never what is in them; a wrong one
// would show as a message that is not found.

const cacheFile = "yubin-cache"

const cacheMagic = "yubin mailbox 1\n"

// cacheLeast is how many messages a folder has before its state is worth a
// file: fewer are read as fast.
const cacheLeast = 256

// maxCache bounds what is read of it, octets.
const maxCache = 1 << 30

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// recBytes is one rec in the file.
const recBytes = 16

type cacheState struct {
	stale   bool      // sizes were counted since it was written
	written *Snapshot // what it holds
}

// saveCache writes the cache if it would spare work.
func (f *folder) saveCache() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.head.version == 0 || f.rewrite || f.cache.written == f.snap && !f.cache.stale {
		return
	}
	if f.snap.n < cacheLeast && !f.cache.stale {
		return
	}
	b := f.encodeCache()
	const temp = cacheFile + ".tmp"
	file, err := f.dir.open(temp, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC)
	if err != nil {
		return // on a full disk or a read-only one there is none
	}
	_, err = file.Write(b)
	if err = errors.Join(err, file.Close()); err == nil {
		err = f.dir.rename(temp, f.dir, cacheFile)
	}
	if err != nil {
		f.dir.remove(temp)
		return
	}
	f.cache = cacheState{written: f.snap}
}

// loadCache takes over the cache as far as it is of this uidlist.
func (f *folder) loadCache() {
	file, err := f.dir.open(cacheFile, unix.O_RDONLY)
	if err != nil {
		return
	}
	defer file.Close()
	var st unix.Stat_t
	if unix.Fstat(int(file.Fd()), &st) != nil || st.Size > maxCache || st.Size < int64(len(cacheMagic)) {
		return
	}
	b := make([]byte, st.Size)
	if _, err := io.ReadFull(file, b); err != nil {
		return
	}
	list, err := f.dir.stat(uidlistFile)
	if err != nil {
		return
	}
	if !f.decodeCache(b) {
		f.reset()
		return
	}
	if f.list != seen(&list) {
		// Another program has changed the uidlist; the sizes still hold.
		counted := map[string]int64{}
		for uid, n := range f.sizes {
			if r := f.byUID(uid); r != nil {
				counted[string(f.base(r))] = n
			}
		}
		f.reset()
		f.oldSizes = counted
		return
	}
	f.publish()
	f.cache.written = f.snap
}

func (f *folder) encodeCache() []byte {
	e := encoder(append(make([]byte, 0, 1024+len(f.all)*recBytes+len(f.names)), cacheMagic...))
	e.u32(0) // checksum
	e.file(f.list)
	e.u64(uint64(f.listRead))
	e.u64(uint64(f.lines))
	e.u32(f.head.validity)
	e.u32(f.head.next)
	e.text(f.head.guid)
	e.text(f.head.extra)
	e.dir(f.newDir, &f.new, f.untaken)
	e.dir(f.curDir, &f.cur, false)
	e.u32(uint32(len(f.all)))
	for i := range f.all {
		r := &f.all[i]
		e.u32(r.uid)
		e.u32(r.name)
		e.u32(uint32(r.kw))
		e = append(e, r.nlen, byte(r.fl), byte(r.st&^met), 0)
	}
	e.u64(uint64(len(f.names)))
	e = append(e, f.names...)
	for _, m := range []map[uint32]string{f.ext, f.odd} {
		e.u32(uint32(len(m)))
		for uid, s := range m {
			e.u32(uid)
			e.text(s)
		}
	}
	e.u32(uint32(len(f.sizes)))
	for uid, n := range f.sizes {
		e.u32(uid)
		e.u64(uint64(n))
	}
	binary.LittleEndian.PutUint32(e[len(cacheMagic):], crc32.Checksum(e[len(cacheMagic)+4:], castagnoli))
	return e
}

// decodeCache fills the folder. It returns false for a cache that is damaged.
func (f *folder) decodeCache(b []byte) bool {
	if len(b) < len(cacheMagic)+4 || string(b[:len(cacheMagic)]) != cacheMagic {
		return false
	}
	d := decoder{b: b[len(cacheMagic):]}
	if sum := d.u32(); sum != crc32.Checksum(d.b, castagnoli) {
		return false
	}
	f.list = d.file()
	f.listRead, f.lines = int64(d.u64()), int(d.u64())
	f.head = header{version: 3, validity: d.u32(), next: d.u32(), guid: d.text(), extra: d.text()}
	f.untaken = d.dir(f.newDir, &f.new)
	d.dir(f.curDir, &f.cur)
	f.all = d.recs()
	f.names = d.bytes(d.u64())
	for _, m := range []map[uint32]string{f.ext, f.odd} {
		for range d.u32() {
			if d.bad {
				break
			}
			uid := d.u32()
			m[uid] = d.text()
		}
	}
	for range d.u32() {
		if d.bad {
			break
		}
		uid := d.u32()
		f.sizes[uid] = int64(d.u64())
	}
	return !d.bad && len(d.b) == 0 && f.sound()
}

// sound tells whether what was decoded can be used without a fault: the
// checksum says that we wrote it, not that we wrote it well.
func (f *folder) sound() bool {
	if f.listRead < 0 || f.listRead > f.list.size {
		return false
	}
	for _, c := range []byte("/:\n\r\x00") { // of all names at once: there may be a million
		if bytes.IndexByte(f.names, c) >= 0 {
			return false
		}
	}
	last := uint32(0)
	for i := range f.all {
		r := &f.all[i]
		if r.uid <= last || uint64(r.name)+uint64(r.nlen) > uint64(len(f.names)) {
			return false
		}
		if r.nlen == 0 || f.names[r.name] == '.' {
			return false
		}
		if r.st&odd != 0 && !f.oddName(r) {
			return false
		}
		last = r.uid
	}
	for _, n := range f.sizes {
		if n < 0 {
			return false
		}
	}
	return f.head.validity != 0 && f.head.next > last
}

// oddName tells whether there is a name for a message that has not the usual one.
func (f *folder) oddName(r *rec) bool {
	info, ok := strings.CutPrefix(f.odd[r.uid], string(f.base(r)))
	return ok && (info == "" || info[0] == ':') && !strings.ContainsAny(info, "/\x00")
}

type encoder []byte

func (e *encoder) u32(n uint32) { *e = binary.LittleEndian.AppendUint32(*e, n) }
func (e *encoder) u64(n uint64) { *e = binary.LittleEndian.AppendUint64(*e, n) }

func (e *encoder) text(s string) {
	e.u32(uint32(len(s)))
	*e = append(*e, s...)
}

func (e *encoder) time(t unix.Timespec) {
	e.u64(uint64(t.Sec))
	e.u64(uint64(t.Nsec))
}

func (e *encoder) file(s fileSeen) {
	e.u64(s.id.dev)
	e.u64(s.id.ino)
	e.u64(uint64(s.size))
	e.time(s.mtim)
}

// dir writes what is known of a directory; one that was not settled is not
// known.
func (e *encoder) dir(in *dir, d *dirSeen, untaken bool) {
	st, _ := in.stat(".")
	e.u64(st.Ino)
	mtim := d.mtim
	if !d.settled {
		mtim = unix.Timespec{}
	}
	e.time(mtim)
	flag := uint32(0)
	if untaken {
		flag = 1
	}
	e.u32(flag)
}

type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) bytes(n uint64) []byte {
	if d.bad || n > uint64(len(d.b)) {
		d.bad = true
		return nil
	}
	b := d.b[:n:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) u32() uint32 {
	if b := d.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (d *decoder) u64() uint64 {
	if b := d.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) text() string { return string(d.bytes(uint64(d.u32()))) }

func (d *decoder) time() (t unix.Timespec) {
	t.Sec = int64(d.u64())
	t.Nsec = int64(d.u64())
	return t
}

func (d *decoder) file() (s fileSeen) {
	s.id.dev = d.u64()
	s.id.ino = d.u64()
	s.size = int64(d.u64())
	s.mtim = d.time()
	return s
}

func (d *decoder) dir(in *dir, to *dirSeen) (untaken bool) {
	ino, mtim := d.u64(), d.time()
	untaken = d.u32() != 0
	st, err := in.stat(".")
	if err == nil && st.Ino == ino && mtim != (unix.Timespec{}) {
		to.mtim, to.settled, to.read = mtim, true, processStart
	}
	return untaken
}

func (d *decoder) recs() []rec {
	n := uint64(d.u32())
	b := d.bytes(n * recBytes)
	if b == nil {
		return nil
	}
	all := make([]rec, n)
	for i := range all {
		p := b[i*recBytes : i*recBytes+recBytes]
		all[i] = rec{
			uid: binary.LittleEndian.Uint32(p), name: binary.LittleEndian.Uint32(p[4:]),
			kw: Keywords(binary.LittleEndian.Uint32(p[8:])), nlen: p[12], fl: Flags(p[13]), st: state(p[14]),
		}
	}
	return all
}
