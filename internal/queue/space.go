package queue

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// minInodes is what the queue's file system must have left.
const minInodes = 1000

// A Space says how much room the queue's file system has.
type Space struct {
	Octets int64 // free for users other than root
	Files  int64 // inodes left; -1: the file system does not count them
}

// Space asks the file system.
func (s *Store) Space() (Space, error) {
	return space(s.path, func(st *unix.Statfs_t) error { return unix.Fstatfs(s.pool.fd(), st) })
}

// SpaceIn asks the file system of a directory of the queue, for who has no Store.
func SpaceIn(dir string) (Space, error) {
	return space(dir, func(st *unix.Statfs_t) error { return unix.Statfs(dir, st) })
}

func space(path string, ask func(*unix.Statfs_t) error) (Space, error) {
	var st unix.Statfs_t
	if err := ask(&st); err != nil {
		return Space{}, &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	sp := Space{Octets: int64(st.Bavail) * st.Bsize, Files: -1}
	if st.Files > 0 {
		sp.Files = int64(st.Ffree)
	}
	return sp, nil
}

// Short says what there is too little of for a letter to be taken, where
// queue_minfree is minfree; nil: nothing.
func (s Space) Short(minfree int64) error {
	switch {
	case s.Octets < minfree:
		return fmt.Errorf("%d octets free, below queue_minfree (%d)", s.Octets, minfree)
	case s.Files >= 0 && s.Files < minInodes:
		return fmt.Errorf("%d inodes left, %d are wanted", s.Files, minInodes)
	}
	return nil
}
