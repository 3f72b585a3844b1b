package queue

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// A Blank is a file in pool/ to write a message on.
type Blank struct {
	ID   string
	Size int64 // octets that it has now

	// used: it may hold a message under its own ID, which must not be committed
	// by accident, so it gets a fresh one before it is lent.
	used bool
	// move is the number of the rename that a flush must cover first: until
	// then the disk may know the file under the name of the message it held.
	move uint64
}

// busyTries is how many blanks are looked at for one that nobody has open.
const busyTries = 8

// Lend takes a blank from the pool, or makes one, and opens it for writing. The
// caller lends the descriptor, closes its own, and ends the loan by Commit or
// Return.
func (s *Store) Lend() (Blank, *os.File, error) {
	for range min(busyTries, len(s.blanks)) {
		if s.blanks[0].move > s.safe {
			break
		}
		b := s.blanks[0]
		s.blanks = s.blanks[1:]
		size := b.Size
		f, err := s.reuse(&b)
		if errors.Is(err, os.ErrNotExist) {
			s.octets -= size // somebody removed it
			continue
		}
		if err != nil {
			s.blanks = append(s.blanks, b)
			return Blank{}, nil, err
		}
		if f == nil {
			s.blanks = append(s.blanks, b)
			continue
		}
		s.octets -= size
		return b, f, nil
	}
	b := Blank{ID: s.NewID()}
	f, err := s.open0(b.ID)
	return b, f, err
}

// open0 makes a new file in the pool.
func (s *Store) open0(id string) (*os.File, error) {
	return s.calls.open(s.pool, id, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)
}

// reuse opens a blank that held something before. It returns nil when another
// process has the file open: an agent that kept the descriptor of the message
// that was in it would read the next one.
func (s *Store) reuse(b *Blank) (*os.File, error) {
	used := b.used
	if used {
		id := s.NewID()
		if err := s.rename(s.pool, b.ID, s.pool, id); err != nil {
			return nil, err
		}
		b.ID, b.used = id, false
	}
	f, err := s.calls.open(s.pool, b.ID, unix.O_WRONLY)
	if err != nil {
		return nil, err
	}
	alone, err := unshared(f, unix.F_WRLCK)
	if err == nil && alone && used { // who had it may have written more than was in it
		var st os.FileInfo
		if st, err = f.Stat(); err == nil {
			b.Size = st.Size()
		}
	}
	if err != nil || !alone {
		b.used = used
		f.Close()
		return nil, err
	}
	return f, nil
}

// Return puts a blank back that was lent and not committed.
func (s *Store) Return(b Blank) {
	b.used, b.move = true, s.moves
	s.add(b)
}

func (s *Store) add(b Blank) {
	s.blanks = append(s.blanks, b)
	s.octets += b.Size
}

// recycle moves a file that is no message any more from d to the pool, or
// removes it when the pool is full.
func (s *Store) recycle(d *dir, name string, size int64) error {
	if s.full(size) {
		return s.unlink(d, name)
	}
	b := Blank{ID: s.NewID(), Size: size}
	if err := s.rename(d, name, s.pool, b.ID); err != nil {
		return err
	}
	s.moves++
	b.move = s.moves
	s.add(b)
	return nil
}

// full tells whether the pool has no room for a file of this size.
func (s *Store) full(size int64) bool {
	return len(s.blanks) >= poolFiles || s.octets+size > poolOctets
}

// Dirty tells how many blanks wait for a flush of Names before they can be lent.
func (s *Store) Dirty() int {
	n := 0
	for i := len(s.blanks) - 1; i >= 0 && s.blanks[i].move > s.safe; i-- {
		n++
	}
	return n
}

// Trim removes blanks that an idle system does not need, a few at a time, and
// tells whether there are more.
func (s *Store) Trim() (more bool) { return s.shrink(idleFiles) }

// FreeRoom removes all blanks that are not lent: on a full file system their
// room is worth more than the speed of writing on them. It tells whether there
// were any.
func (s *Store) FreeRoom() bool {
	had := len(s.blanks) > 0
	for s.shrink(0) {
	}
	return had
}

// shrink removes a few blanks, down to keep, and tells whether there are more.
func (s *Store) shrink(keep int) (more bool) {
	const few = 64
	for range few {
		if len(s.blanks) <= keep {
			return false
		}
		b := s.blanks[0]
		s.blanks = s.blanks[1:]
		s.octets -= b.Size
		if err := s.unlink(s.pool, b.ID); err != nil && !errors.Is(err, os.ErrNotExist) {
			return false
		}
	}
	return len(s.blanks) > keep
}
