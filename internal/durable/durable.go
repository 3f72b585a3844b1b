package durable

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// An Item is what one caller needs on stable storage: the bytes of a file, and
// the directories whose entries name it or lead to it. File may be nil: then it
// is the directories alone. The file's own making or renaming is the last of the
// changes that the Item stands for. All are of one file system and stay open
// until the flush returns.
type Item struct {
	File *os.File
	Dirs []*os.File
}

// Options say how to flush. The zero value is the kernel, and never slow.
type Options struct {
	// Slow is how long a shared flush may take before the next one is made of
	// parallel fsyncs; 0 is no limit.
	Slow time.Duration
	// Fsync and Syncfs stand in for the system calls in tests of failures.
	Fsync, Syncfs func(*os.File) error
}

// A Flusher flushes for all goroutines of a process.
type Flusher struct {
	o  Options
	mu sync.Mutex // guards by
	by map[uint64]*fileSystem
}

// New returns a Flusher.
func New(o Options) *Flusher {
	if o.Fsync == nil {
		o.Fsync = fsync
	}
	if o.Syncfs == nil {
		o.Syncfs = syncfs
	}
	return &Flusher{o: o, by: map[uint64]*fileSystem{}}
}

// Flush returns when it is on stable storage, or an error when that cannot be
// known.
func (f *Flusher) Flush(it Item) error { return f.FlushAll([]Item{it})[0] }

// FlushAll flushes items together and returns their errors in the same order.
func (f *Flusher) FlushAll(items []Item) []error {
	errs := make([]error, len(items))
	groups := map[*fileSystem][]int{}
	for i, it := range items {
		fs, err := f.fileSystem(it)
		if errs[i] = err; fs != nil {
			groups[fs] = append(groups[fs], i)
		}
	}
	for fs, indexes := range groups {
		if len(indexes) == len(items) {
			return fs.flush(items)
		}
		some := make([]Item, len(indexes))
		for k, i := range indexes {
			some[k] = items[i]
		}
		for k, err := range fs.flush(some) {
			errs[indexes[k]] = err
		}
	}
	return errs
}

// fileSystem returns the file system that it lives on, nil for an empty Item.
func (f *Flusher) fileSystem(it Item) (*fileSystem, error) {
	one := it.File
	if one == nil {
		if len(it.Dirs) == 0 {
			return nil, nil
		}
		one = it.Dirs[0]
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(one.Fd()), &st); err != nil {
		return nil, &os.PathError{Op: "fstat", Path: one.Name(), Err: err}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	fs := f.by[st.Dev]
	if fs == nil {
		fs = &fileSystem{o: &f.o, shares: shares(one)}
		f.by[st.Dev] = fs
	}
	return fs, nil
}

func fsync(f *os.File) error {
	for {
		err := unix.Fsync(int(f.Fd()))
		if err == unix.EINTR {
			continue // interrupted before it did anything, which is not a failed flush
		}
		if err != nil {
			return &os.PathError{Op: "fsync", Path: f.Name(), Err: err}
		}
		return nil
	}
}

func syncfs(f *os.File) error {
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return &os.PathError{Op: "syncfs", Path: f.Name(), Err: err}
	}
	return nil
}

// shares tells whether one syncfs is as good as an fsync of everything on f's
// file system. Before Linux 5.8 syncfs did not report lost writes.
func shares(f *os.File) bool {
	var st unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &st) != nil {
		return false
	}
	switch int64(st.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC:
		return release() >= 5_008
	}
	return false
}

// release is the kernel's version: 5_008 for 5.8.
func release() int {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return 0
	}
	var major, minor int
	if n, _ := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor); n < 2 {
		return 0
	}
	return major*1_000 + minor
}
