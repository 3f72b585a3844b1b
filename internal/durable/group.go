package durable

import (
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// lanes is how many fsyncs run at once when files are flushed one by one:
// enough for the journal to commit them together.
const lanes = 16

// A fileSystem is the queue of those who wait for a flush of one file system.
type fileSystem struct {
	o        *Options
	shares   bool // syncfs flushes everything, and reports lost writes
	journals bool // one journal holds all changes of names and inodes, in order

	mu      sync.Mutex // guards busy and waiting
	busy    bool       // somebody leads
	waiting []*ticket

	// The leader's alone:
	witness *os.File // see witnessed
	slow    bool     // the last shared flush took too long
}

// A ticket is one caller's place in the queue.
type ticket struct {
	items []Item
	errs  []error
	turn  chan bool // true: lead; false: errs is filled in
}

func (fs *fileSystem) flush(items []Item) []error {
	t := &ticket{items: items, errs: make([]error, len(items)), turn: make(chan bool, 1)}
	fs.mu.Lock()
	fs.waiting = append(fs.waiting, t)
	lead := !fs.busy
	fs.busy = true
	fs.mu.Unlock()
	if lead || <-t.turn {
		fs.lead()
	}
	return t.errs
}

// lead flushes for everybody who waits, the caller among them, and hands over.
func (fs *fileSystem) lead() {
	// Who is about to ask comes first: a flush costs the same for one more.
	runtime.Gosched()
	fs.mu.Lock()
	batch := fs.waiting
	fs.waiting = nil
	fs.mu.Unlock()

	items := batch[0].items
	if len(batch) > 1 {
		items = nil
		for _, t := range batch {
			items = append(items, t.items...)
		}
	}
	errs := fs.sync(items)
	for _, t := range batch {
		errs = errs[copy(t.errs, errs):]
	}

	fs.mu.Lock()
	if len(fs.waiting) > 0 {
		fs.waiting[0].turn <- true
	} else {
		fs.busy = false
	}
	fs.mu.Unlock()
	for _, t := range batch {
		t.turn <- false
	}
}

// sync puts items on stable storage in the way that suits their number.
func (fs *fileSystem) sync(items []Item) []error {
	if !fs.shares || fs.slow || fs.single(items) || !fs.witnessed(items) {
		fs.slow = false
		return fs.each(items)
	}
	start := time.Now()
	err := fs.o.Syncfs(fs.witness)
	fs.slow = fs.o.Slow > 0 && time.Since(start) > fs.o.Slow
	if err != nil {
		return fs.each(items)
	}
	return make([]error, len(items))
}

// single tells whether one fsync is all that items need.
func (fs *fileSystem) single(items []Item) bool {
	if len(items) > 1 {
		return false
	}
	n := len(fs.uncovered(items[0]))
	if items[0].File != nil {
		n++
	}
	return n <= 1
}

// witnessed tells whether a descriptor is at hand whose syncfs sees every write
// that was lost on behalf of items. The kernel reports an error to a descriptor
// that was open when it happened, or when nobody had seen it yet; one opened
// for this flush could miss what another process was told. So the witness is
// opened once and kept, and the first batch, older than it, does without.
func (fs *fileSystem) witnessed(items []Item) bool {
	if fs.witness != nil {
		return true
	}
	for _, it := range items {
		for _, d := range it.Dirs {
			fd, err := unix.Openat(int(d.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
			if err == nil {
				fs.witness = os.NewFile(uintptr(fd), d.Name())
				return false
			}
		}
	}
	return false
}

// each fsyncs the files, then each directory once that no file's fsync covers.
// A directory's error is the error of every item in it.
func (fs *fileSystem) each(items []Item) []error {
	errs := make([]error, len(items))
	parallel(len(items), func(i int) {
		if items[i].File != nil {
			errs[i] = fs.o.Fsync(items[i].File)
		}
	})
	var dirs []*os.File
	number := map[*os.File]int{}
	for _, it := range items {
		for _, d := range fs.uncovered(it) {
			if _, ok := number[d]; !ok {
				number[d] = len(dirs)
				dirs = append(dirs, d)
			}
		}
	}
	dirErrs := make([]error, len(dirs))
	parallel(len(dirs), func(i int) { dirErrs[i] = fs.o.Fsync(dirs[i]) })
	for i, it := range items {
		for _, d := range fs.uncovered(it) {
			if err := dirErrs[number[d]]; err != nil && errs[i] == nil {
				errs[i] = err
			}
		}
	}
	return errs
}

// uncovered returns the directories that must be fsynced beside it.File. Making
// or renaming a file changes the file too (its change time), so where one
// journal holds all changes in their order, the fsync of the file reaches
// beyond its name, and beyond every directory made before it.
func (fs *fileSystem) uncovered(it Item) []*os.File {
	if fs.journals && it.File != nil {
		return nil
	}
	return it.Dirs
}

// parallel calls do(0) to do(n-1) in up to lanes goroutines and waits for them.
func parallel(n int, do func(int)) {
	if n == 1 {
		do(0)
		return
	}
	var wg sync.WaitGroup
	width := min(n, lanes)
	for lane := range width {
		wg.Go(func() {
			for i := lane; i < n; i += width {
				do(i)
			}
		})
	}
	wg.Wait()
}
