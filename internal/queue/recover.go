package queue

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/durable"
)

// Recover reads the names in all directories, which is all that happens before
// mail is taken: it keeps IDs rising and makes everything in pool/ a blank. It
// returns the IDs in incoming/, oldest first, whose files are verified by
// Load; those in deferred/ and hold/ are left to Earliest and to their release.
func (s *Store) Recover() (incoming []string, err error) {
	for _, name := range [...]string{DirIncoming, DirDeferred, DirHold} {
		err := s.EachID(name, func(ids []string) bool {
			for _, id := range ids {
				s.seen(id)
			}
			if name == DirIncoming {
				incoming = append(incoming, ids...)
			}
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(incoming)
	s.moves++ // of the process before this one: nothing is known to be flushed
	err = s.EachID(DirPool, func(ids []string) bool {
		for _, id := range ids {
			s.seen(id)
			var st unix.Stat_t
			if unix.Fstatat(s.pool.fd(), id, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG {
				s.add(Blank{ID: id, Size: st.Size, used: true, move: s.moves})
			}
		}
		return true
	})
	return incoming, err
}

// Load opens and reads the message id of directory from whole. It may be
// called by any goroutine. The error is fs.ErrNotExist when it has gone, and
// wraps ErrBlank or ErrCorrupt when it is no message.
func (s *Store) Load(id, from string) (*Message, *os.File, error) {
	f, err := s.OpenMessage(id, from)
	if err != nil {
		return nil, nil, err
	}
	m, err := load(f, id)
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return m, f, nil
}

func load(f *os.File, id string) (*Message, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: f.Name(), Err: ErrCorrupt}
	}
	m, err := Read(f)
	if err == nil && m.ID != id {
		err = ErrBlank
	}
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: f.Name(), Err: err}
	}
	m.Size, m.Expired = info.Size(), info.Mode()&modeExpired != 0
	m.Doubtful = doubtful(info.ModTime())
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		m.Changed = time.Unix(st.Ctim.Unix())
	}
	return m, nil
}

// Unreadable deals with a file that Load found to be no message, by its error,
// and says what it did. A file in incoming/ that is not whole was never
// acknowledged and becomes a blank; everything else is kept in corrupt/.
func (s *Store) Unreadable(id, from string, cause error) (what string, err error) {
	if from == DirIncoming && errors.Is(cause, ErrBlank) {
		var st unix.Stat_t
		if err := unix.Fstatat(s.incoming.fd(), id, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return "", &fs.PathError{Op: "stat", Path: s.incoming.path(id), Err: err}
		}
		if st.Mode&unix.S_IFMT == unix.S_IFREG {
			return "never completed, its file is a blank again", s.done(s.incoming, id, st.Size, st.Mode&modeExpired != 0)
		}
	}
	return "moved to " + DirCorrupt, s.SetAside(id, from)
}

// Reunite writes the parent's record of a child in incoming/, if it lacks one,
// and tells whether it did. Both are flushed, the child first: what a killed process
// left is whole in memory, and on the disk perhaps not. A child that cannot be flushed
// is set aside, and can be made again. The flusher blocks.
func (s *Store) Reunite(flusher *durable.Flusher, id, parent, dir string) (bool, error) {
	c, cf, err := s.Load(id, DirIncoming)
	if err != nil {
		return false, err
	}
	defer cf.Close()
	p, pf, err := s.Load(parent, dir)
	if err != nil {
		return false, err
	}
	defer pf.Close()
	r := Record{Time: s.now().UnixMicro(), Child: id, State: Expanded, Code: "2.0.0"}
	n, ok := childNumber(id), false
	switch Child(id[len(parent)]) {
	case ChildForward:
		r.Recipients, ok, r.Report = []int{n}, n < len(p.Env.Recipients), c.Env.Attrs[AttrReport]
	case ChildBounce:
		r.State, r.Code = Returned, ""
		r.Recipients, ok = parseNumbers(c.Env.Attrs[AttrCovers], len(p.Env.Recipients))
	case ChildDelay:
		r.State, r.Code = Deferred, ""
		r.Recipients, ok = parseNumbers(c.Env.Attrs[AttrWarns], len(p.Env.Recipients))
	}
	if !ok || len(r.Recipients) == 0 {
		return false, nil
	}
	lacks := false
	for _, n := range r.Recipients {
		was := p.Result(n)
		lacks = lacks || !was.Done() && !(r.State == Deferred && was.Warned)
	}
	if !lacks {
		return false, flusher.Flush(durable.Item{File: pf})
	}
	if err := flusher.Flush(durable.Item{File: cf, Dirs: []*os.File{s.incoming.f, s.pool.f}}); err != nil {
		return false, errors.Join(err, s.SetAside(id, DirIncoming))
	}
	f, err := s.Append(p, dir, []Record{r})
	if err != nil {
		return false, err
	}
	defer f.Close()
	return true, flusher.Flush(durable.Item{File: f})
}
