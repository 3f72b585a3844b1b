package mailbox

import (
	"math"
	"os"
	"slices"
	"sync"

	"yubin/internal/durable"
)

// A folder is the state of one Maildir directory, shared by all its Views in
// this process.
type folder struct {
	store *Store
	key   folderKey
	dirs
	id inode // of dir
	// views and weight are guarded by Store.mu; weight is how many messages it has as an idle one.
	views, weight int
	// linksNameless says that a file that was made without a name can get one in cur/.
	linksNameless bool

	// opening is held while a directory is used and mu is not, so that it stays
	// open. Who needs both takes mu first.
	opening sync.RWMutex

	mu sync.Mutex // guards what follows
	// all has a rec for each line of the uidlist and each file, sorted by UID.
	all       []rec
	names     []byte            // base names, only ever appended to: Snapshots share it
	ext       map[uint32]string // uidlist extensions
	extShared bool              // by a Snapshot: to be copied before it is changed
	odd       map[uint32]string // file names that are not the usual ones
	sizes     map[uint32]int64  // octets with CRLF, of messages whose name has none
	oldSizes  map[string]int64  // octets by base names, of a cache that is out of date
	index     index             // base name → position in all

	head     header
	list     fileSeen // the uidlist
	listRead int64    // how much of it was read
	lines    int      // how many it has
	rewrite  bool     // it must be written anew before anything is appended
	lock     keptLock // its lock's

	new, cur   dirSeen
	keywords   []string
	keywordsAt fileSeen
	recent     []uint32 // taken up, and not yet seen by a View
	swept      bool     // tmp/ was cleared of what the dead left there
	warned     bool     // that files in new/ cannot be moved
	untaken    bool     // files in new/ that a ReadWrite View would take up
	cache      cacheState
	mods       tracker
	shelf      *shelf // nil: nobody has asked for records

	snap *Snapshot
}

// dirs are a Maildir's open directories.
type dirs struct{ root, dir, newDir, curDir *dir }

func (d *dirs) close() {
	for _, x := range []*dir{d.root, d.dir, d.newDir, d.curDir} {
		if x != nil {
			x.Close()
		}
	}
}

// openFolder opens the directories of the folder at a path below the root.
func (t *Tree) openFolder(where string) (*dirs, error) {
	d := &dirs{}
	var err error
	if d.dir, err = t.openDir(where); err != nil {
		if gone(err) {
			return nil, ErrNoFolder
		}
		return nil, err
	}
	if d.root, err = t.openDir("."); err != nil {
		d.close()
		return nil, err
	}
	for made := false; ; made = true {
		err = nil
		for sub, to := range map[string]**dir{"new": &d.newDir, "cur": &d.curDir} {
			if *to == nil && err == nil {
				*to, err = d.dir.sub(sub)
			}
		}
		if err == nil {
			return d, nil
		}
		// As Dovecot: a Maildir that lacks one of the three gets it.
		if !gone(err) || made {
			break
		}
		if err = t.makeMaildir(where); err != nil {
			break
		}
	}
	d.close()
	return nil, err
}

func newFolder(s *Store, key folderKey, d *dirs) *folder {
	f := &folder{store: s, key: key, dirs: *d, id: d.dir.inode(), snap: &Snapshot{}}
	f.new = dirSeen{name: "new", id: d.newDir.inode()}
	f.cur = dirSeen{name: "cur", id: d.curDir.inode()}
	f.linksNameless = f.cur.id.dev == f.id.dev && hasProc()
	f.reset()
	return f
}

// reset forgets all messages.
func (f *folder) reset() {
	f.all, f.names = nil, nil
	f.ext, f.odd, f.sizes = map[uint32]string{}, map[uint32]string{}, map[uint32]int64{}
	f.extShared = false
	f.index = index{}
	f.head, f.list, f.listRead, f.lines, f.rewrite = header{}, fileSeen{}, 0, 0, false
	f.new.forget()
	f.cur.forget()
	f.recent = nil
	f.cache = cacheState{}
}

func (f *folder) base(r *rec) []byte { return f.names[r.name : r.name+uint32(r.nlen)] }

// file returns the name of a message's file in its directory.
func (f *folder) file(r *rec) (d *dir, name string) {
	d = f.curDir
	if r.st&inNew != 0 {
		d = f.newDir
	}
	if r.st&odd != 0 {
		return d, f.odd[r.uid]
	}
	name = string(f.base(r))
	if r.st&inNew == 0 {
		name += string(appendInfo(nil, r.fl, r.kw))
	}
	return d, name
}

// setFile records where a message's file is and what its name says. It returns whether
// that is news.
func (f *folder) setFile(r *rec, info []byte, isNew bool) bool {
	fl, kw, unusual := parseInfo(info)
	st := state(0)
	if isNew {
		st |= inNew
		unusual = len(info) > 0
	}
	if unusual {
		st |= odd
	}
	changed := r.fl != fl || r.kw != kw || r.st&(inNew|odd|absent) != st
	if unusual {
		name := string(f.base(r)) + string(info)
		changed = changed || f.odd[r.uid] != name
		f.odd[r.uid] = name
	} else if r.st&odd != 0 {
		delete(f.odd, r.uid)
	}
	r.fl, r.kw, r.st = fl, kw, st|r.st&met
	return changed
}

// add appends a message that is not known yet.
func (f *folder) add(uid uint32, base []byte) *rec {
	if len(f.names)+len(base) > math.MaxUint32 {
		panic("mailbox: 4 GiB of file names")
	}
	at := len(f.names)
	f.names = append(f.names, base...)
	f.all = append(f.all, rec{uid: uid, name: uint32(at), nlen: uint8(len(base)), st: absent})
	f.index.add(f, len(f.all)-1)
	return &f.all[len(f.all)-1]
}

// expect makes room for so many messages, with names of so many octets.
func (f *folder) expect(messages, octets int) {
	f.all = slices.Grow(f.all, messages+64)
	f.names = slices.Grow(f.names, octets)
	if n := len(f.all) + messages; 2*n > len(f.index.slots) {
		f.index.resize(f, n)
	}
}

// find returns the message with a base name, or nil.
func (f *folder) find(base []byte) *rec {
	if i := f.index.find(f, base); i >= 0 {
		return &f.all[i]
	}
	return nil
}

// byUID returns the message with a UID that has a file, or nil.
func (f *folder) byUID(uid uint32) *rec {
	i, ok := slices.BinarySearchFunc(f.all, uid, func(r rec, uid uint32) int { return int(int64(r.uid) - int64(uid)) })
	if !ok || f.all[i].st&absent != 0 {
		return nil
	}
	return &f.all[i]
}

// lastUID returns the highest UID in the uidlist.
func (f *folder) lastUID() uint32 {
	if len(f.all) == 0 {
		return 0
	}
	return f.all[len(f.all)-1].uid
}

// compact drops what has no file, and its name.
func (f *folder) compact() {
	if !slices.ContainsFunc(f.all, func(r rec) bool { return r.st&absent != 0 }) {
		return
	}
	kept := make([]rec, 0, len(f.all))
	var names []byte
	ext := map[uint32]string{}
	for i := range f.all {
		r := f.all[i]
		if r.st&absent != 0 {
			delete(f.odd, r.uid)
			delete(f.sizes, r.uid)
			continue
		}
		base := f.base(&r)
		r.name = uint32(len(names))
		names = append(names, base...)
		if e, ok := f.ext[r.uid]; ok {
			ext[r.uid] = e
		}
		kept = append(kept, r)
	}
	f.all, f.names, f.ext, f.extShared = kept, names, ext, false
	f.index = index{}
	f.index.grow(f)
	f.snap = &Snapshot{} // its chunks point into the old names
}

// publish makes the present state the Snapshot that Views get.
func (f *folder) publish() { f.renew(f.snap.rebuild(f.all)) }

// renew makes a Snapshot of chunks.
func (f *folder) renew(chunks []chunk) {
	s := &Snapshot{
		chunks: chunks, names: f.names, ext: f.ext, keywords: f.keywords,
		validity: f.head.validity, next: f.head.next, guid: f.head.guid,
	}
	s.number()
	f.snap, f.extShared = s, true
}

// flushDir puts the names in the folder's directory on stable storage.
func (f *folder) flushDir() error {
	return f.store.o.Flush.Flush(durable.Item{Dirs: []*os.File{f.dir.File}})
}

func flushFile(file *os.File) durable.Item { return durable.Item{File: file} }
