package queue

import (
	"cmp"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// partNames is how many names of a directory are held at a time: what a queue
// of a million needs in memory is what one of this many does.
const partNames = 1 << 16

// eachPart gives visit the queue IDs in the open directory f, sorted, at most
// partNames at a time, until it returns false. visit may move and remove what it
// is given.
func eachPart(f *os.File, visit func(ids []string) bool) error {
	for {
		names, err := f.Readdirnames(partNames)
		names = slices.DeleteFunc(names, func(n string) bool { return !ValidID(n) })
		slices.Sort(names)
		switch {
		case len(names) > 0 && !visit(names):
			return nil
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// openNames opens the directory d again, with a position that no other reader
// moves.
func openNames(d *dir) (*os.File, error) {
	fd, err := unix.Openat(d.fd(), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: d.name, Err: err}
	}
	return os.NewFile(uintptr(fd), d.name), nil
}

// EachID gives visit the names in the directory called name, some at a time,
// until it returns false. A message that moves meanwhile may be missed or come twice.
// It may be called by any goroutine.
func (s *Store) EachID(name string, visit func(ids []string) bool) error {
	f, err := openNames(s.dir(name))
	if err != nil {
		return err
	}
	defer f.Close()
	return eachPart(f, visit)
}

// A Waiter is a deferred message as the directory tells it.
type Waiter struct {
	ID   string
	Next time.Time // of its next attempt
}

// Earliest returns the n messages in deferred/ that are due first, in that
// order, and whether there are more. What was put away before asked is due at
// asked at the latest: somebody wanted all of it tried. It may be called by any
// goroutine, and needs memory for 2n messages, however many there are.
func (s *Store) Earliest(n int, asked time.Time) (w []Waiter, more bool, err error) {
	drop := func() {
		slices.SortFunc(w, func(a, b Waiter) int { return cmp.Or(a.Next.Compare(b.Next), cmp.Compare(a.ID, b.ID)) })
		if len(w) > n {
			clear(w[n:])
			w, more = w[:n], true
		}
	}
	d := s.deferred.fd()
	err = s.EachID(DirDeferred, func(ids []string) bool {
		for _, id := range ids {
			var st unix.Stat_t
			if unix.Fstatat(d, id, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
				continue // it has moved
			}
			next := time.Unix(st.Mtim.Unix())
			if next.After(asked) && time.Unix(st.Ctim.Unix()).Before(asked) {
				next = asked
			}
			if w = append(w, Waiter{id, next}); len(w) >= 2*n {
				drop()
			}
		}
		return true
	})
	drop()
	return w, more, err
}

// eachName is EachID for a queue directory that another process may own.
func eachName(path, name string, visit func(d *os.File, ids []string) bool) error {
	f, err := os.OpenFile(filepath.Join(path, name), os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return eachPart(f, func(ids []string) bool { return visit(f, ids) })
}
