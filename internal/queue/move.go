package queue

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// modeExpired in a file's mode says that somebody has declared the message's
// time to be over, as Postfix's postsuper -e does.
const modeExpired = 0o010

// Expire marks a message as one whose time is over. The mark is for whoever
// loads the message next.
func (s *Store) Expire(id, from string) error {
	return s.chmod(s.dir(from), id, 0o600|modeExpired)
}

// Finish ends a message that is accounted for: its file becomes a blank. That
// needs no flush: until one comes by, a crash brings the message back, and its
// next attempt is unsure.
func (s *Store) Finish(id, from string, size int64) error {
	return s.done(s.dir(from), id, size, false)
}

// done recycles a file, unless it bears a mark that the next message in it must
// not have.
func (s *Store) done(d *dir, id string, size int64, marked bool) error {
	if marked {
		return s.unlink(d, id)
	}
	return s.recycle(d, id, size)
}

// Delete is Finish for a message of which nothing is known.
func (s *Store) Delete(id, from string) error {
	d := s.dir(from)
	// To remove a file takes some file systems twenty times as long as to rename
	// it, and whoever deletes mail deletes much of it: SweepAway does it.
	if s.full(0) && s.rename(d, id, s.pool, awayPrefix+id) == nil {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstatat(d.fd(), id, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &os.PathError{Op: "stat", Path: d.path(id), Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return s.SetAside(id, from)
	}
	return s.done(d, id, st.Size, st.Mode&modeExpired != 0)
}

// awayPrefix begins the names in pool/ of files that are to be removed. They
// are no queue IDs.
const awayPrefix = "~"

// SweepAway removes what Delete has left to be removed, until stop is closed. It may be
// called by any goroutine, and rests half of the time, so that mail goes on beside it.
func (s *Store) SweepAway(stop <-chan struct{}) error {
	f, err := openNames(s.pool)
	if err != nil {
		return err
	}
	defer f.Close()
	var failed error
	for {
		names, err := f.Readdirnames(listed)
		for _, name := range names {
			if !strings.HasPrefix(name, awayPrefix) {
				continue
			}
			began := time.Now()
			if err := s.unlink(s.pool, name); err != nil && !errors.Is(err, os.ErrNotExist) {
				failed = err
			}
			select {
			case <-stop:
				return nil
			case <-time.After(time.Since(began)):
			}
		}
		switch {
		case err == io.EOF:
			return failed
		case err != nil:
			return err
		}
	}
}

// Remove ends a message whose file must not be written again.
func (s *Store) Remove(id, from string) error { return s.unlink(s.dir(from), id) }

// Defer puts a message into deferred/, or leaves it there, and writes the time of
// its next attempt into the file's modification time, and there, too, whether the
// message is in doubt: an agent may have delivered it.
func (s *Store) Defer(id, from string, next time.Time, doubt bool) error {
	if doubt {
		next = time.Unix(next.Unix(), doubtMark)
	}
	if from != DirDeferred {
		if err := s.rename(s.dir(from), id, s.deferred, id); err != nil {
			return err
		}
	}
	return s.touch(s.deferred, id, next)
}

// Hold puts a message into hold/.
func (s *Store) Hold(id, from string) error {
	return s.rename(s.dir(from), id, s.hold, id)
}

// doubtMark is the fraction of a second, in nanoseconds, of the time of a message in
// doubt. Where the file system does not keep it agents are not told to look; where
// another message has it by chance they look in vain.
const doubtMark = 1

// doubtful tells whether a file's time says that its message is in doubt.
func doubtful(mtime time.Time) bool {
	return !mtime.After(dueAtOnce) || mtime.Nanosecond() == doubtMark
}

// dueAtOnce is the time of a message that somebody wanted to be tried: long over.
// It tells as well that agents are to look first whether they have delivered it:
// what the file's time of change said about that is lost.
var dueAtOnce = time.Unix(1, 0)

// Hasten has a message in deferred/ be due at once.
func (s *Store) Hasten(id string) error { return s.touch(s.deferred, id, dueAtOnce) }

// Release takes a message out of hold/. It is due at once.
func (s *Store) Release(id string) error { return s.Defer(id, DirHold, dueAtOnce, true) }

// SetAside keeps a file in corrupt/ for a human.
func (s *Store) SetAside(id, from string) error {
	err := s.rename(s.dir(from), id, s.corrupt, id)
	if errors.Is(err, os.ErrExist) {
		err = s.rename(s.dir(from), id, s.corrupt, id+"."+s.NewID())
	}
	return err
}

// InMaildrop tells whether maildrop/id is still to be taken.
func (s *Store) InMaildrop(id string) bool { return exists(s.maildrop, id) }

// Submitted tells whether m was made of maildrop/m.ID: its arrival is that file's time. It
// may be another message of that ID.
func (s *Store) Submitted(m *Message) bool {
	var st unix.Stat_t
	err := unix.Fstatat(s.maildrop.fd(), m.ID, &st, unix.AT_SYMLINK_NOFOLLOW)
	return err == nil && time.Unix(st.Mtim.Unix()).UnixMicro() == m.Arrival
}

// Taken removes maildrop/id, whose message is in the queue and flushed. It is no
// error when it is gone.
func (s *Store) Taken(id string) error {
	err := s.unlink(s.maildrop, id)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Append writes records behind the message and returns the file, open, for the
// flush that makes them count. m.Tail moves on; after an error it has not
// moved, and the file may end in a torn record.
func (s *Store) Append(m *Message, from string, records []Record) (*os.File, error) {
	var b []byte
	for _, r := range records {
		var err error
		for all := r.Recipients; len(all) > 0 && err == nil; {
			n := min(len(all), recordRecipients)
			r.Recipients, all = all[:n], all[n:]
			b, err = AppendRecord(b, m.ID, &r)
		}
		if err != nil {
			return nil, err
		}
	}
	f, err := s.calls.open(s.dir(from), m.ID, unix.O_WRONLY)
	if err != nil {
		return nil, err
	}
	if m.Torn {
		// A shorter record over a torn one could make the rest of it readable.
		if err := s.truncate(f, m.Tail); err != nil {
			f.Close()
			return nil, err
		}
	}
	m.Torn = true
	err = s.write(f, b, m.Tail)
	s.changed(m.ID)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("append to %s/%s: %w", from, m.ID, err)
	}
	m.Torn = false
	m.Tail += int64(len(b))
	m.Size = max(m.Size, m.Tail)
	for i := range records {
		m.apply(&records[i])
	}
	return f, nil
}

// OpenMessage opens a message's file for reading. It may be called by any
// goroutine.
func (s *Store) OpenMessage(id, from string) (*os.File, error) {
	return s.calls.open(s.dir(from), id, unix.O_RDONLY)
}
