package queue

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"yubin/internal/durable"
)

// Reasons to refuse a commit.
var (
	// ErrOpen: somebody can still write to the file.
	ErrOpen = errors.New("the file is still open for writing")
	// ErrInQueue: a message of that ID is in the queue already.
	ErrInQueue = errors.New("a message of this ID is in the queue")
	// ErrTail: what an earlier message left was not cleared.
	ErrTail = errors.New("the file has data behind its message")
)

// A Commit is a message on its way from a blank to incoming/. Its file is open
// for reading.
type Commit struct {
	Blank  Blank
	Header Header
	File   *os.File
	Size   int64 // of the file
	// Mark is for Store.Flushed when the Item has been flushed: that covers
	// every move before this file's own rename (package durable).
	Mark uint64

	first []byte // from firstReads
}

// firstReads are buffers of FirstRead octets, one for each commit under way.
var firstReads = sync.Pool{New: func() any { return new([FirstRead]byte) }}

// release gives the buffer back. Nothing refers to it: what is kept of it was copied.
func (c *Commit) release() {
	if c.first != nil {
		firstReads.Put((*[FirstRead]byte)(c.first[:FirstRead]))
		c.first = nil
	}
}

// Commit moves the message that was written on b to incoming/, under the ID in
// its header, which must be want. The message is safe, and may be promised and
// scheduled, when Verify has found it whole and its Item has been flushed;
// until then Refuse takes it back. After an error b is in the pool again.
func (s *Store) Commit(b Blank, want string) (*Commit, error) {
	c, err := s.inspect(b, want)
	if err == nil {
		err = s.admit(c, want)
	}
	if err != nil {
		if c != nil {
			c.File.Close()
			c.release()
		}
		s.Return(b)
		return nil, fmt.Errorf("commit %s: %w", want, err)
	}
	return c, nil
}

// inspect opens the file and reads its start.
func (s *Store) inspect(b Blank, want string) (*Commit, error) {
	f, err := s.calls.open(s.pool, b.ID, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	c := &Commit{Blank: b, File: f, first: firstReads.Get().(*[FirstRead]byte)[:]}
	switch alone, err := unshared(f, unix.F_RDLCK); {
	case err != nil:
		return c, err
	case !alone:
		return c, ErrOpen
	}
	n, err := unix.Pread(int(f.Fd()), c.first, 0)
	if err != nil {
		return c, &os.PathError{Op: "read", Path: f.Name(), Err: err}
	}
	c.first, c.Size = c.first[:n], int64(n)
	if n == FirstRead {
		info, err := f.Stat()
		if err != nil {
			return c, err
		}
		c.Size = info.Size()
	}
	c.Header, err = ParseHeader(c.first)
	if err == nil && (c.Header.ID != want || c.Header.End() > c.Size || c.Header.End() < HeaderSize) {
		err = ErrBlank
	}
	return c, err
}

// admit gives the file its place in incoming/.
func (s *Store) admit(c *Commit, want string) error {
	if want != c.Blank.ID && (exists(s.deferred, want) || exists(s.hold, want) || exists(s.incoming, want)) {
		return ErrInQueue
	}
	c.Mark = s.moves
	err := s.rename(s.pool, c.Blank.ID, s.incoming, want)
	if errors.Is(err, os.ErrExist) {
		return ErrInQueue
	}
	return err
}

// Verify reads the rest of the message and checks that it is whole and that
// nothing of an earlier one is left behind it. It may be called by another
// goroutine than the store's, and beside the flush.
func (c *Commit) Verify() (*Message, error) {
	defer c.release()
	b := body{f: c.File, first: c.first, h: c.Header}
	m, err := b.read(true)
	if err != nil {
		return nil, err
	}
	if m.Tail != m.End() || m.Torn {
		return nil, ErrTail
	}
	if err := b.blankTail(c.Size); err != nil {
		return nil, err
	}
	m.Size = c.Size
	return m, nil
}

// blankTail checks that the octets from the message's end to size are zeros.
func (b *body) blankTail(size int64) error {
	off := b.h.End()
	if off < int64(len(b.first)) {
		if !zeros(b.first[off:]) {
			return ErrTail
		}
		off = int64(len(b.first))
	}
	p := make([]byte, min(size-off, maxZeros))
	for off < size {
		p = p[:min(int64(len(p)), size-off)]
		if err := b.full(p, off); err != nil {
			return err
		}
		if !zeros(p) {
			return ErrTail
		}
		off += int64(len(p))
	}
	return nil
}

func zeros(p []byte) bool {
	for _, c := range p {
		if c != 0 {
			return false
		}
	}
	return true
}

// Item is what must be flushed before the message is safe.
func (s *Store) Item(c *Commit) durable.Item {
	return durable.Item{File: c.File, Dirs: []*os.File{s.incoming.f, s.pool.f}}
}

// Refuse takes a message back that was never promised, and closes its file.
// damaged says that the disk failed it: the file is then kept aside and never
// written again; otherwise it is a blank once more.
func (s *Store) Refuse(c *Commit, damaged bool) error {
	info, err := c.File.Stat()
	c.File.Close()
	if damaged {
		return s.SetAside(c.Header.ID, DirIncoming)
	}
	return s.done(s.incoming, c.Header.ID, c.Size, err != nil || info.Mode()&modeExpired != 0)
}

// InQueue returns the directory that holds the message id: incoming/, deferred/
// or hold/; "" when none does.
func (s *Store) InQueue(id string) string {
	for _, d := range []*dir{s.incoming, s.deferred, s.hold} {
		if exists(d, id) {
			return d.name
		}
	}
	return ""
}

// Same tells whether the message on b, which stays a blank, is the one that is
// in the queue under id: submitted at the same microsecond, with content of the same
// length. Envelopes may differ in what a second attempt to take it noted there. It
// returns the queue's file, open for a flush.
func (s *Store) Same(b Blank, id string) (bool, *os.File, error) {
	f, err := s.calls.open(s.pool, b.ID, unix.O_RDONLY)
	if err != nil {
		return false, nil, err
	}
	defer f.Close()
	fresh, err := readHeader(f)
	if err != nil {
		return false, nil, err
	}
	for _, d := range []*dir{s.incoming, s.deferred, s.hold} {
		old, err := s.calls.open(d, id, unix.O_RDONLY)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, nil, err
		}
		h, err := readHeader(old)
		if err != nil || h.ID != fresh.ID || h.Arrival != fresh.Arrival || h.Content != fresh.Content {
			old.Close()
			return false, nil, err
		}
		return true, old, nil
	}
	return false, nil, fmt.Errorf("look for message %s: %w", id, os.ErrNotExist)
}

func readHeader(f *os.File) (Header, error) {
	b := make([]byte, HeaderSize)
	if _, err := f.ReadAt(b, 0); err != nil {
		return Header{}, err
	}
	return ParseHeader(b)
}
