package table

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"yubin/internal/config"
)

const (
	lookEvery = time.Second     // how often a file's attributes are asked for
	settle    = 2 * time.Second // a file younger than this may change again without a new mtime
	maxFile   = 1 << 31         // octets; offsets are 32 bits
)

// A Reporter takes a problem with a line of the file that is being read.
type Reporter func(line int, what string)

// A File is a text file, read into a T, and read again when it has changed.
type File[T any] struct {
	path   string
	parse  func(data []byte, report Reporter) (T, error)
	report func(config.Problem)

	current atomic.Pointer[reading[T]]
	mu      sync.Mutex // held while reading
}

// A reading is one look at the file. It never changes but for looked.
type reading[T any] struct {
	value   T
	err     error
	id      identity
	settled bool
	owner   int          // user ID
	looked  atomic.Int64 // nanoseconds since 1970
}

// identity is what changes when a file's content does.
type identity struct {
	dev, ino     uint64
	size         int64
	mtime, ctime syscall.Timespec
}

// NewFile returns a File that reads path at its first Get. parse gets the bytes,
// which it may keep, and reports lines that it leaves out; its error makes Get
// fail until the file has changed.
func NewFile[T any](path string, parse func(data []byte, report Reporter) (T, error), report func(config.Problem)) *File[T] {
	return &File[T]{path: path, parse: parse, report: report}
}

// warmSize is from how many octets on a file is read before somebody asks.
const warmSize = 1 << 20

// Warm begins to read a large file, so that who asks first need not wait for all of
// that.
func (f *File[T]) Warm() {
	if info, err := os.Stat(f.path); err == nil && info.Size() >= warmSize {
		go f.Get()
	}
}

// lookAgain has the next Get look whether the file has changed.
func (f *File[T]) lookAgain() {
	if r := f.current.Load(); r != nil {
		r.looked.Store(0)
	}
}

// Get returns what the file holds. It does not wait for another goroutine that
// is reading a changed file: until that is done the old content counts. Where that is
// an error it waits, since the file may be right by now.
func (f *File[T]) Get() (T, error) {
	r := f.get()
	return r.value, r.err
}

func (f *File[T]) get() *reading[T] {
	r := f.current.Load()
	now := time.Now()
	switch {
	case r == nil || r.err != nil && r.stale(now):
		f.mu.Lock()
		defer f.mu.Unlock()
		if r = f.current.Load(); r == nil || r.stale(now) {
			r = f.refresh(r, now)
		}
	case r.stale(now) && f.mu.TryLock():
		defer f.mu.Unlock()
		r = f.refresh(f.current.Load(), now)
	}
	return r
}

// stale tells whether it is time to look again.
func (r *reading[T]) stale(now time.Time) bool {
	return now.Sub(time.Unix(0, r.looked.Load())).Abs() >= lookEvery
}

// refresh returns old if it is still true, else a new reading.
func (f *File[T]) refresh(old *reading[T], now time.Time) *reading[T] {
	if old != nil {
		if info, err := os.Stat(f.path); err == nil && old.standsFor(info, now) {
			old.looked.Store(now.UnixNano())
			return old
		}
	}
	r := f.read(old, now)
	r.looked.Store(now.UnixNano())
	f.current.Store(r)
	return r
}

// standsFor tells whether r counts while the file is as info says. That is so
// too while the file is being written in place: half of it would deny users
// who exist.
func (r *reading[T]) standsFor(info os.FileInfo, now time.Time) bool {
	id := identify(info)
	if id == r.id {
		return r.settled
	}
	return r.err == nil && id.dev == r.id.dev && id.ino == r.id.ino && now.Sub(info.ModTime()).Abs() < lookEvery
}

// read reads the file. Problems are reported unless old is of the same content.
func (f *File[T]) read(old *reading[T], now time.Time) *reading[T] {
	r := &reading[T]{}
	file, err := os.Open(f.path)
	if err != nil {
		r.err = err
		return r
	}
	defer file.Close()
	data, info, err := contents(file)
	if err != nil {
		r.err = fmt.Errorf("read %s: %w", f.path, err)
		return r
	}
	r.id = identify(info)
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		r.owner = int(st.Uid)
	}
	r.settled = now.Sub(info.ModTime()).Abs() > settle
	known := old != nil && old.id == r.id
	r.value, err = f.parse(data, func(line int, what string) {
		if !known {
			f.report(config.Problem{File: f.path, Line: line, What: what})
		}
	})
	if err != nil {
		r.err = fmt.Errorf("read %s: %w", f.path, err)
	}
	return r
}

// contents reads a regular file whole. It refuses what cannot be a table's
// text, and a file that changes while it is read.
func contents(file *os.File) ([]byte, os.FileInfo, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errors.New("not a regular file")
	}
	if info.Size() >= maxFile {
		return nil, nil, fmt.Errorf("%d octets are too large for a table", info.Size())
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(file, data); err != nil {
		return nil, nil, err
	}
	after, err := file.Stat()
	if err != nil {
		return nil, nil, err
	}
	if after.Size() != info.Size() || !after.ModTime().Equal(info.ModTime()) {
		return nil, nil, errors.New("file changed while it was read")
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return nil, nil, errNoText
	}
	return data, info, nil
}

func identify(info os.FileInfo) identity {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{size: info.Size()}
	}
	return identity{s.Dev, s.Ino, s.Size, s.Mtim, s.Ctim}
}
