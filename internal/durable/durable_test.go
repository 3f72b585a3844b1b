package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

var errLost = fmt.Errorf("fsync: %w", syscall.EIO)

// files makes n files in a new directory and returns an Item for each.
func files(t testing.TB, n int) []Item {
	t.Helper()
	dir := t.TempDir()
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	items := make([]Item, n)
	for i := range items {
		f, err := os.Create(filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		if _, err := f.WriteString("bytes"); err != nil {
			t.Fatal(err)
		}
		items[i] = Item{f, []*os.File{d}}
	}
	return items
}

// counter stands in for the kernel and counts calls by file.
type counter struct {
	mu     sync.Mutex
	fsyncs map[*os.File]int
	shared atomic.Int32
}

func (c *counter) options() Options {
	c.fsyncs = map[*os.File]int{}
	return Options{
		Fsync: func(f *os.File) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.fsyncs[f]++
			return nil
		},
		Syncfs: func(*os.File) error { c.shared.Add(1); return nil },
	}
}

// group returns the file system of items, where shared flushes are taken to
// count whatever the test runs on.
func group(t *testing.T, f *Flusher, items []Item) *fileSystem {
	t.Helper()
	fs, err := f.fileSystem(items[0])
	if err != nil {
		t.Fatal(err)
	}
	fs.shares, fs.journals = true, true
	return fs
}

func TestWaysToFlush(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		items         int
		shares        bool
		journals      bool
		witness, slow bool
		shared, each  int // system calls expected
	}{
		{"one waits", 1, true, true, true, false, 0, 1},
		{"many wait", 5, true, true, true, false, 1, 0},
		{"the first batch", 5, true, true, false, false, 0, 5},
		{"after a slow flush", 5, true, true, true, true, 0, 5},
		{"one waits, without journal", 1, true, false, true, false, 1, 0},
		{"one waits, slow, without journal", 1, true, false, true, true, 0, 2},
		{"many wait, without journal", 5, true, false, true, false, 1, 0},
		{"slow, without journal", 5, true, false, true, true, 0, 6},
		{"another file system", 5, false, false, true, false, 0, 6},
		{"old kernel", 5, false, true, true, false, 0, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var n counter
			f := New(n.options())
			items := files(t, c.items)
			fs := group(t, f, items)
			fs.shares, fs.journals, fs.slow = c.shares, c.journals, c.slow
			if c.witness {
				fs.witness = items[0].Dirs[0]
			}
			for i, err := range f.FlushAll(items) {
				if err != nil {
					t.Errorf("item %d: %v", i, err)
				}
			}
			each := 0
			for _, k := range n.fsyncs {
				each += k
			}
			if int(n.shared.Load()) != c.shared || each != c.each {
				t.Errorf("%d items: %d syncfs and %d fsyncs, want %d and %d", c.items, n.shared.Load(), each, c.shared, c.each)
			}
		})
	}
}

// Whoever comes while a flush is under way shares the next one.
func TestGroupCommit(t *testing.T) {
	t.Parallel()
	items := files(t, 40)
	synctest.Test(t, func(t *testing.T) {
		var n counter
		o := n.options()
		release := make(chan bool)
		first := sync.OnceFunc(func() { <-release })
		o.Fsync = func(*os.File) error { first(); return nil }
		f := New(o)
		group(t, f, items).witness = items[0].Dirs[0]
		var wg sync.WaitGroup
		wg.Go(func() { f.Flush(items[0]) })
		synctest.Wait()
		for _, it := range items[1:] {
			wg.Go(func() { f.Flush(it) })
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		if got := n.shared.Load(); got != 1 {
			t.Errorf("%d callers waited: %d shared flushes, want 1", len(items)-1, got)
		}
	})
}

// A shared flush that fails says nothing of one file: each is asked alone, and
// only what fails then has failed.
func TestSharedFlushFails(t *testing.T) {
	t.Parallel()
	items := files(t, 3)
	var asked atomic.Int32
	f := New(Options{
		Syncfs: func(*os.File) error { return errLost },
		Fsync: func(file *os.File) error {
			asked.Add(1)
			if file == items[1].File {
				return errLost
			}
			return nil
		},
	})
	group(t, f, items).witness = items[0].Dirs[0]
	errs := f.FlushAll(items)
	if errs[0] != nil || !errors.Is(errs[1], syscall.EIO) || errs[2] != nil {
		t.Errorf("got %v, want only the second to fail", errs)
	}
	if asked.Load() != 3 {
		t.Errorf("%d fsyncs, want one for each file", asked.Load())
	}
}

// ext4 has a journal when sysfs names its task.
func TestJournal(t *testing.T) {
	t.Parallel()
	sys := t.TempDir()
	for name, task := range map[string]string{"sda1": "1239\n", "vda": "<none>\n"} {
		dir := filepath.Join(sys, "fs/ext4", name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "journal_task"), []byte(task), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(sys, "dev/block"), 0o755); err != nil {
		t.Fatal(err)
	}
	for number, name := range map[string]string{"8:1": "sda1", "254:0": "vda", "7:0": "loop0"} {
		if err := os.Symlink("../../devices/some/where/"+name, filepath.Join(sys, "dev/block", number)); err != nil {
			t.Fatal(err)
		}
	}
	for dev, want := range map[uint64]bool{
		unix.Mkdev(8, 1): true, unix.Mkdev(254, 0): false, unix.Mkdev(7, 0): false, unix.Mkdev(9, 9): false,
	} {
		if got := journal(sys, dev); got != want {
			t.Errorf("device %d:%d: %t, want %t", unix.Major(dev), unix.Minor(dev), got, want)
		}
	}
}

// Directories without a file are fsynced themselves, on any file system.
func TestNamesAlone(t *testing.T) {
	t.Parallel()
	var n counter
	f := New(n.options())
	items := files(t, 1)
	items[0].File = nil
	group(t, f, items)
	if err := f.Flush(items[0]); err != nil || n.fsyncs[items[0].Dirs[0]] != 1 {
		t.Errorf("%v, fsyncs %v; want one of the directory", err, n.fsyncs)
	}
}

func TestDirectoryFails(t *testing.T) {
	t.Parallel()
	items := files(t, 2)
	f := New(Options{Fsync: func(file *os.File) error {
		if file == items[0].Dirs[0] {
			return errLost
		}
		return nil
	}})
	fs := group(t, f, items)
	fs.shares, fs.journals = false, false
	for i, err := range f.FlushAll(items) {
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("item %d: got %v, want the directory's error", i, err)
		}
	}
}

func TestSlowFlushThenParallel(t *testing.T) {
	t.Parallel()
	var n counter
	o := n.options()
	o.Slow = 1 // nanosecond: every flush is slow
	o.Syncfs = func(*os.File) error {
		n.shared.Add(1)
		for start := time.Now(); time.Since(start) <= o.Slow; {
		}
		return nil
	}
	f := New(o)
	items := files(t, 3)
	group(t, f, items).witness = items[0].Dirs[0]
	for range 4 {
		f.FlushAll(items)
	}
	if got := n.shared.Load(); got != 2 {
		t.Errorf("4 flushes, each slow: %d shared, want every other one", got)
	}
}

func TestEmptyItem(t *testing.T) {
	t.Parallel()
	if err := New(Options{}).Flush(Item{}); err != nil {
		t.Error(err)
	}
}

// BenchmarkFlush shows what one of n concurrent callers pays on the disk below
// the temporary directory.
func BenchmarkFlush(b *testing.B) {
	for _, n := range []int{1, 2, 4, 20, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			items := files(b, n)
			f := New(Options{})
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			b.ResetTimer()
			for _, it := range items {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						it.File.WriteAt([]byte("more"), 0)
						if err := f.Flush(it); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
		})
	}
}
