package durable

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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

// Whole puts everything that was written to the file system of an open
// directory on stable storage, where one system call can do that. False says that
// nothing is known: each file is to be flushed. It is for files that nobody had open since they were
// written; of writes that were lost it sees what a descriptor that is opened now would see, and
// those since dir was opened.
func (f *Flusher) Whole(dir *os.File) bool {
	fs, err := f.fileSystem(Item{Dirs: []*os.File{dir}})
	return err == nil && fs.shares && f.o.Syncfs(dir) == nil
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
		fs = newFileSystem(&f.o, one)
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

// newFileSystem finds out what the file system of f can do.
func newFileSystem(o *Options, f *os.File) *fileSystem {
	fs := &fileSystem{o: o, journals: Journals(f)}
	var st unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &st) == nil && (st.Type == unix.EXT4_SUPER_MAGIC || st.Type == unix.XFS_SUPER_MAGIC) {
		// Before Linux 5.8 syncfs did not report lost writes.
		fs.shares = release() >= 5_008
	}
	return fs
}

// Journals tells whether one journal holds all changes of names and inodes of
// f's file system, in their order. False is also that it cannot be known.
func Journals(f *os.File) bool {
	var fs unix.Statfs_t
	var st unix.Stat_t
	if unix.Fstatfs(int(f.Fd()), &fs) != nil || unix.Fstat(int(f.Fd()), &st) != nil {
		return false
	}
	return fs.Type == unix.XFS_SUPER_MAGIC || fs.Type == unix.EXT4_SUPER_MAGIC && journal("/sys", st.Dev)
}

// journal tells whether the ext4 file system on device dev has a journal, which
// mkfs can leave out: sysfs then knows of no journal task. Where sysfs does not
// say there is none.
func journal(sys string, dev uint64) bool {
	where, err := os.Readlink(fmt.Sprintf("%s/dev/block/%d:%d", sys, unix.Major(dev), unix.Minor(dev)))
	if err != nil {
		return false
	}
	task, err := os.ReadFile(filepath.Join(sys, "fs/ext4", filepath.Base(where), "journal_task"))
	if err != nil {
		return false
	}
	_, err = strconv.Atoi(strings.TrimSpace(string(task)))
	return err == nil
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
