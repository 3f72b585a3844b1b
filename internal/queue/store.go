package queue

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/durable"
)

// Bounds of the pool. What is finished beyond them is removed, not recycled.
const (
	poolFiles  = 4096
	poolOctets = 512 << 20
	// idleFiles is how many blanks stay when there is nothing to do.
	idleFiles = 256
)

// Options of a store. Zero values are good outside tests.
type Options struct {
	// Before is asked before every system call that changes the directory; its
	// error becomes the call's.
	Before func(call, name string) error
	// Changed hears of each message whose file was written, moved or removed, or whose
	// time or mode has changed, after that has happened.
	Changed func(id string)
	// Now replaces the clock that IDs are made from.
	Now func() time.Time
}

// A Store is the queue directory in the hands of its one owner. Its methods are
// for one goroutine, except those that say otherwise; none waits for anything
// but the disk, and none flushes: a state that others may rely on is reached
// when the Items that it hands out have been flushed.
type Store struct {
	calls
	path   string
	format *os.File // held locked
	now    func() time.Time

	maildrop, pool, incoming, deferred, hold, corrupt *dir

	last   int64 // microseconds of the last ID given
	blanks []Blank
	octets int64  // in blanks
	moves  uint64 // renames so far that a flush must cover before their files are lent
	safe   uint64 // of those, how many a flush has covered
}

// Open takes the queue directory at path for its own; it waits while another
// process has it. It refuses a directory that holds another program's queue,
// one of a format it does not know, and a file system without leases.
func Open(path string, o Options) (*Store, error) {
	s := &Store{calls: calls{o.Before, o.Changed}, path: path, now: o.Now}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.open(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) open() error {
	var err error
	if s.format, err = openFormat(s.path); err != nil {
		return err
	}
	if err := lock(s.format); err != nil {
		return err
	}
	for _, d := range []struct {
		name string
		to   **dir
	}{
		{DirMaildrop, &s.maildrop}, {DirPool, &s.pool}, {DirIncoming, &s.incoming},
		{DirDeferred, &s.deferred}, {DirHold, &s.hold}, {DirCorrupt, &s.corrupt},
	} {
		f, err := os.OpenFile(filepath.Join(s.path, d.name), os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
		if err != nil {
			return err
		}
		*d.to = &dir{d.name, f}
	}
	return s.checkLeases()
}

// lock waits until no other process has the queue.
func lock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return &os.PathError{Op: "lock", Path: f.Name(), Err: err}
		}
		return nil
	}
}

// checkLeases tries on the format file what every commit relies on.
func (s *Store) checkLeases() error {
	f, err := os.Open(s.format.Name())
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := unshared(f, unix.F_RDLCK); err != nil {
		return fmt.Errorf("queue_directory %s is on a file system without leases (fcntl F_SETLEASE), and the queue cannot be kept there: %w", s.path, err)
	}
	return nil
}

// Close gives the directory up.
func (s *Store) Close() error {
	var errs []error
	for _, d := range []*dir{s.maildrop, s.pool, s.incoming, s.deferred, s.hold, s.corrupt} {
		if d != nil {
			errs = append(errs, d.f.Close())
		}
	}
	if s.format != nil {
		errs = append(errs, s.format.Close())
	}
	return errors.Join(errs...)
}

// Path returns where the queue directory is.
func (s *Store) Path() string { return s.path }

// NewID returns an ID that was never given, even before a restart or a step of
// the clock.
func (s *Store) NewID() string {
	s.last = max(s.now().UnixMicro(), s.last+1)
	return FreshID(time.UnixMicro(s.last), OriginQmgr)
}

// seen keeps NewID above an ID that the directory holds. Only IDs that this
// store gave count: sendmail's clock must not push ours.
func (s *Store) seen(id string) {
	if id[freshDigits-1] == OriginQmgr {
		s.last = max(s.last, IDTime(id).UnixMicro())
	}
}

// dir returns the directory of a message's state.
func (s *Store) dir(name string) *dir {
	switch name {
	case DirIncoming:
		return s.incoming
	case DirDeferred:
		return s.deferred
	case DirHold:
		return s.hold
	case DirPool:
		return s.pool
	case DirMaildrop:
		return s.maildrop
	case DirCorrupt:
		return s.corrupt
	}
	panic("no such queue: " + name)
}

// Names is an Item that covers every rename and removal made so far; Flushed
// must hear of it with the Mark taken before the flush began.
func (s *Store) Names() durable.Item {
	return durable.Item{Dirs: []*os.File{s.pool.f, s.incoming.f, s.deferred.f, s.hold.f}}
}

// Mark returns a value for Flushed; take it before a flush of Names begins.
func (s *Store) Mark() uint64 { return s.moves }

// Flushed says that a flush of Names, begun after mark was taken, has succeeded.
// Files that had returned to the pool by then may be lent.
func (s *Store) Flushed(mark uint64) { s.safe = max(s.safe, mark) }
