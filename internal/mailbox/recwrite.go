package mailbox

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// recordWait is how long to wait for the file's lock. Who does not get it
// writes nothing: the records are made again.
const recordWait = 100 * time.Millisecond

// Put keeps the record of message i. It belongs to the Records from now on.
func (r *Records) Put(i int, keys, answers []byte) {
	if len(keys) > maxRecord || len(answers) > maxRecord {
		return
	}
	m := r.snap.at(i)
	n := record{m.uid, nameSum(r.snap.base(m)), keys, answers}
	r.mu.Lock()
	r.pending = append(r.pending, n)
	r.octets += n.size()
	var full []record
	if r.octets >= maxBlock {
		full, r.pending, r.octets = r.pending, nil, 0
	}
	r.mu.Unlock()
	if full != nil {
		r.s.write(full, r.snap)
	}
}

// Close writes what was put and ends the use of the Records.
func (r *Records) Close() {
	if len(r.pending) > 0 {
		r.s.write(r.pending, r.snap)
	}
	r.s.leave()
}

// write appends records to the file. Where that fails there are fewer.
func (s *shelf) write(list []record, snap *Snapshot) {
	file := s.lock()
	if file == nil {
		return
	}
	// The lock ends with the file's being closed; readers have s.file.
	defer file.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh(s.maker, snap.validity)
	var st unix.Stat_t
	if unix.Fstat(int(file.Fd()), &st) != nil || s.id != inodeOf(&st) {
		return
	}
	b := appendBlock(nil, list)
	if s.torn || s.wasteful(snap) || s.size+int64(len(b)) > maxRecordFile {
		s.rewrite(b, snap)
		return
	}
	if s.f.dir.write(file, b) != nil {
		file.Truncate(s.size) // or its end stays torn, and it is written anew
		return
	}
	s.more(s.size + int64(len(b)))
}

// lock opens and locks the file, which is made where there is none. nil: it
// cannot be written now.
func (s *shelf) lock() *os.File {
	deadline := time.Now().Add(recordWait)
	for {
		file, err := s.f.dir.open(recordFile, unix.O_RDWR|unix.O_APPEND|unix.O_CREAT)
		if err != nil {
			return nil
		}
		err = again(func() error { return unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) })
		if err == nil && s.f.dir.has(file, recordFile) {
			return file
		}
		file.Close()
		if err != nil && !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(deadline) {
			return nil
		}
		if err != nil {
			time.Sleep(2 * time.Millisecond)
		}
	}
}

// wasteful tells whether much of the file is of no use any more: of messages
// that are gone, made again, or in a great many small blocks.
func (s *shelf) wasteful(snap *Snapshot) bool {
	n := len(s.places) + len(s.late)
	if s.blocks > 256+n/16 {
		return true
	}
	if s.size < 2*maxBlock || s.size < s.looked+s.looked/4 {
		return false
	}
	s.looked = s.size
	alive := int64(0)
	s.alive(snap, func(p *place) { alive += p.size() })
	return s.size > 2*alive+maxBlock
}

// alive calls do with the records of messages that are there, by UID.
func (s *shelf) alive(snap *Snapshot, do func(*place)) {
	if len(s.late) > 0 {
		for _, p := range s.late {
			s.places = append(s.places, p)
		}
		s.late = nil
		s.places = sortPlaces(s.places)
	}
	there := cursor{chunks: snap.chunks}
	for i := range s.places {
		p := &s.places[i]
		if m := there.find(p.uid); m != nil && nameSum(snap.base(m)) == p.name {
			do(p)
		}
	}
}

// rewrite writes the file anew with what of it is of use, and the block b. What
// is beyond a quarter of the bound is left out: the oldest. The caller has the
// lock.
func (s *shelf) rewrite(b []byte, snap *Snapshot) {
	const temp = recordFile + ".tmp"
	file, err := s.f.dir.open(temp, unix.O_RDWR|unix.O_APPEND|unix.O_CREAT|unix.O_TRUNC)
	if err != nil {
		return
	}
	err = s.f.dir.write(file, appendRecordHead(nil, snap.validity, s.maker))
	if err == nil {
		err = s.copyAlive(file, snap)
	}
	if err == nil {
		err = s.f.dir.write(file, b)
	}
	var st unix.Stat_t
	if err == nil {
		err = unix.Fstat(int(file.Fd()), &st)
	}
	if err == nil {
		err = s.f.dir.rename(temp, s.f.dir, recordFile)
	}
	if err != nil {
		file.Close()
		s.f.dir.remove(temp)
		return
	}
	s.forget()
	s.file, s.id, s.size = file, inodeOf(&st), int64(recordHead)
	s.more(st.Size)
}

// copyAlive copies records to a new file.
func (s *shelf) copyAlive(to *os.File, snap *Snapshot) (err error) {
	total, octets := int64(0), 0
	var some []record
	flush := func() {
		if len(some) > 0 && err == nil {
			err = s.f.dir.write(to, appendBlock(nil, some))
		}
		some, octets = nil, 0
	}
	s.alive(snap, func(p *place) { total += p.size() })
	s.alive(snap, func(p *place) {
		if total -= p.size(); total > maxRecordFile/4 {
			return
		}
		r := record{p.uid, p.name, s.body(p, p.keys, p.keysLen), s.body(p, p.answers, p.answersLen)}
		if r.keys == nil || r.answers == nil {
			return
		}
		some = append(some, r)
		if octets += r.size(); octets >= maxBlock {
			flush()
		}
	})
	flush()
	return err
}

// body reads a part of a record; nil: it is damaged.
func (s *shelf) body(p *place, at int64, n uint32) []byte {
	b := make([]byte, n+sumSize)
	if _, err := s.file.ReadAt(b, at); err != nil {
		return nil
	}
	return checked(p.uid, p.name, b)
}
