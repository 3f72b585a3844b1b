package mailbox

import (
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A shelf is what a process knows of a folder's records: where they lie in the
// file. It is in memory as long as somebody uses it, and shelfIdle longer.
type shelf struct {
	f *folder

	mu     sync.RWMutex // guards what follows
	maker  uint32
	valid  uint32   // UIDVALIDITY
	file   *os.File // nil: there is none that can be used
	id     inode
	places []place // by UID
	late   map[uint32]place
	size   int64 // how much of the file is read; what is behind is not
	blocks int
	torn   bool // the file has an end that is no block's, or another head
	users  int
	retire *time.Timer
	looked int64 // how large the file was when wasteful last looked at it
	memos  []memo
}

const (
	// shelfIdle is how long the places of records that nobody uses stay in
	// memory.
	shelfIdle = 20 * time.Second
	// maxPlaces is how many of all folders do, beside those in use.
	maxPlaces = 1 << 20
	// maxLate is how many places are found by a map before they are sorted in.
	maxLate = 1024
)

// Records are a folder's records for as long as a command lasts: of each message
// two texts that their maker keeps, so as not to read the message again. They may lack
// any message at any time. Its methods may be called by many goroutines while the View is not refreshed.
type Records struct {
	s    *shelf
	snap *Snapshot

	mu      sync.Mutex // guards what follows
	pending []record
	octets  int
}

// Records opens the records that this version of their maker made. Whoever gets
// them closes them.
func (v *View) Records(maker uint32) *Records {
	s := v.f.records()
	s.open(maker, v.snap.validity)
	return &Records{s: s, snap: v.snap}
}

// records returns the folder's shelf.
func (f *folder) records() *shelf {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.shelf == nil {
		f.shelf = &shelf{f: f}
	}
	return f.shelf
}

// open has the shelf know what is in the file now.
func (s *shelf) open(maker, validity uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users++
	if s.retire != nil {
		s.retire.Stop()
	}
	s.refresh(maker, validity)
}

// refresh reads what others have written.
func (s *shelf) refresh(maker, validity uint32) {
	other := s.maker != maker || s.valid != validity
	s.maker, s.valid = maker, validity
	st, err := s.f.dir.stat(recordFile)
	if err != nil {
		s.forget()
		return
	}
	if s.file == nil || s.id != inodeOf(&st) || other || st.Size < s.size {
		s.forget()
		file, err := s.f.dir.open(recordFile, unix.O_RDWR|unix.O_APPEND)
		if err != nil {
			file, err = s.f.dir.open(recordFile, unix.O_RDONLY)
		}
		if err != nil {
			return
		}
		if unix.Fstat(int(file.Fd()), &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
			file.Close()
			return
		}
		s.file, s.id = file, inodeOf(&st)
		head := make([]byte, recordHead)
		if n, _ := file.ReadAt(head, 0); n < len(head) || string(head) != string(appendRecordHead(nil, validity, maker)) {
			s.torn = true
			return
		}
		s.size = int64(recordHead)
	}
	s.more(st.Size)
}

// more reads what was appended to the file up to its size. An end that is torn
// may be one that is being written just now: whoever has the lock knows.
func (s *shelf) more(size int64) {
	if s.torn && s.size == 0 {
		return
	}
	if size > maxRecordFile {
		s.torn = true // it is none of ours
		return
	}
	list, blocks, end := readBlocks(s.file, s.size, size)
	s.torn = end < size
	s.blocks += blocks
	s.size = end
	s.add(list)
}

// add takes over places.
func (s *shelf) add(list []place) {
	if len(list) == 0 {
		return
	}
	if n := len(s.places); n == 0 || len(s.late) == 0 && list[0].uid > s.places[n-1].uid {
		s.places = append(s.places, sortPlaces(list)...)
		return
	}
	if len(list)+len(s.late) <= maxLate {
		if s.late == nil {
			s.late = map[uint32]place{}
		}
		for _, p := range list {
			s.late[p.uid] = p
		}
		return
	}
	for _, p := range s.late {
		s.places = append(s.places, p)
	}
	s.late = nil
	s.places = sortPlaces(append(s.places, list...))
}

// forget lets go of the file.
func (s *shelf) forget() {
	if s.file != nil {
		s.file.Close()
	}
	s.file, s.id, s.places, s.late, s.size, s.blocks, s.torn, s.looked, s.memos = nil, inode{}, nil, nil, 0, 0, false, 0, nil
}

// find returns where the record of a message lies, and in which file. near is
// where in places it was found last.
func (s *shelf) find(uid, name uint32, near *int) (p place, file *os.File) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	p, ok := s.late[uid]
	if !ok {
		i := *near + 1
		if i >= len(s.places) || s.places[i].uid != uid {
			if i, ok = slices.BinarySearchFunc(s.places, uid, func(p place, uid uint32) int { return int(int64(p.uid) - int64(uid)) }); !ok {
				return place{}, nil
			}
		}
		*near = i
		p = s.places[i]
	}
	if p.name != name {
		return place{}, nil
	}
	return p, s.file
}

// leave ends a use of the shelf.
func (s *shelf) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.users > 0 || s.file == nil {
		return
	}
	if s.f.store.shelves.keep(s) {
		s.retire = time.AfterFunc(shelfIdle, s.drop)
	} else {
		s.forget()
	}
}

// drop forgets what nobody uses.
func (s *shelf) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users == 0 {
		if s.retire != nil {
			s.retire.Stop()
		}
		s.f.store.shelves.lose(s)
		s.forget()
	}
}

// shelves counts the places that idle shelves of a process have in memory.
type shelves struct {
	mu     sync.Mutex
	places map[*shelf]int
	total  int
}

// keep tells whether there is room for a shelf that nobody uses any more.
func (k *shelves) keep(s *shelf) bool {
	n := len(s.places) + len(s.late)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.total -= k.places[s]
	if k.total+n > maxPlaces {
		delete(k.places, s)
		return false
	}
	if k.places == nil {
		k.places = map[*shelf]int{}
	}
	k.places[s] = n
	k.total += n
	return true
}

func (k *shelves) lose(s *shelf) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.total -= k.places[s]
	delete(k.places, s)
}

// close ends the shelf with its folder.
func (s *shelf) close() {
	if s == nil {
		return
	}
	s.drop()
}

// A RecordReader reads records. It is one goroutine's.
type RecordReader struct {
	r             *Records
	near          int
	keys, answers window
}

// Reader returns a RecordReader. Whoever gets it closes it, before the Records.
func (r *Records) Reader() *RecordReader { return &RecordReader{r: r, near: -1} }

// Close ends the use of the RecordReader.
func (r *RecordReader) Close() {
	r.keys.close()
	r.answers.close()
}

// Has tells whether there is a record of message i, as far as that is known
// without reading it.
func (r *RecordReader) Has(i int) bool {
	m := r.r.snap.at(i)
	_, file := r.r.s.find(m.uid, nameSum(r.r.snap.base(m)), &r.near)
	return file != nil
}

// Keys returns message i's keys, nil if there are none. They are valid until
// the next call.
func (r *RecordReader) Keys(i int) []byte {
	return r.get(i, &r.keys, func(p *place) (int64, uint32) { return p.keys, p.keysLen })
}

// Answers returns message i's answers, as Keys does its keys.
func (r *RecordReader) Answers(i int) []byte {
	return r.get(i, &r.answers, func(p *place) (int64, uint32) { return p.answers, p.answersLen })
}

func (r *RecordReader) get(i int, w *window, part func(*place) (int64, uint32)) []byte {
	m := r.r.snap.at(i)
	name := nameSum(r.r.snap.base(m))
	p, file := r.r.s.find(m.uid, name, &r.near)
	if file == nil {
		return nil
	}
	at, n := part(&p)
	return checked(m.uid, name, w.read(file, at, int(n)+sumSize))
}

// windowSize is how much is read ahead, octets; more than any part of a record.
const windowSize = 128 << 10

var windows = sync.Pool{New: func() any { return new([windowSize]byte) }}

// A window shows a file; one that is read in order is read ahead.
type window struct {
	file *os.File
	buf  *[windowSize]byte
	at   int64
	n    int
	end  int64 // of what was asked for last
}

// read returns n octets, or fewer where the file ends.
func (w *window) read(file *os.File, at int64, n int) []byte {
	if n > windowSize {
		return nil
	}
	if file != w.file { // it was written anew
		w.file, w.n = file, 0
	}
	if at < w.at || at+int64(n) > w.at+int64(w.n) {
		if w.buf == nil {
			w.buf = windows.Get().(*[windowSize]byte)
		}
		want := n
		if at >= w.end && at < w.end+windowSize/2 {
			want = windowSize
		}
		k, err := file.ReadAt(w.buf[:want], at)
		if err != nil && err != io.EOF {
			k = 0
		}
		w.at, w.n = at, k
	}
	w.end = at + int64(n)
	b := w.buf[at-w.at : w.n]
	return b[:min(n, len(b))]
}

func (w *window) close() {
	if w.buf != nil {
		windows.Put(w.buf)
	}
	*w = window{}
}
