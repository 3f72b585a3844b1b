package mailbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// watchPoll is how often a folder is looked at where the system does not tell
// of changes.
const watchPoll = 30 * time.Second

// watchMask is what happens to messages: they come, go, and change names.
const watchMask = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_ONLYDIR

// A watcher is the one inotify instance of a process, there as long as anybody
// watches a folder.
type watcher struct {
	warn func(format string, args ...any)

	mu     sync.Mutex // guards what follows
	file   *os.File   // nil: nobody watches
	by     map[int32]map[*watch]bool
	warned bool
}

// A watch is one View's.
type watch struct {
	wake func()
	in   []int32
}

// Watch has wake called, by another goroutine, soon after the folder may have
// changed, whoever changed it; Refresh then tells what, and what came in the same
// tick of the clock a little later. It must not block. stop
// ends it.
func (v *View) Watch(wake func()) (stop func()) {
	v.f.mu.Lock()
	defer v.f.mu.Unlock()
	return v.f.store.watcher.watch(wake, v.f.newDir, v.f.curDir)
}

func (w *watcher) watch(wake func(), dirs ...*dir) (stop func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	x := &watch{wake: wake}
	for _, d := range dirs {
		if err := w.add(x, d); err != nil {
			w.drop(x)
			if !w.warned {
				w.warned = true
				w.warn("inotify: %v; folders are looked at every %v", err, watchPoll)
			}
			return poll(wake)
		}
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.drop(x)
	}
}

// add has x woken by changes in d.
func (w *watcher) add(x *watch, d *dir) error {
	if w.file == nil {
		fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
		if err != nil {
			return err
		}
		w.file, w.by = os.NewFile(uintptr(fd), "inotify"), map[int32]map[*watch]bool{}
		go w.read(w.file)
	}
	raw, err := w.file.SyscallConn()
	if err != nil {
		return err
	}
	var n int
	// The directory that is open, whatever its path leads to now.
	cerr := raw.Control(func(fd uintptr) {
		n, err = unix.InotifyAddWatch(int(fd), fmt.Sprintf("/proc/self/fd/%d", d.fd()), watchMask)
	})
	if err := errors.Join(cerr, err); err != nil {
		return err
	}
	wd := int32(n)
	if w.by[wd] == nil {
		w.by[wd] = map[*watch]bool{}
	}
	w.by[wd][x] = true
	x.in = append(x.in, wd)
	return nil
}

// drop ends x. Who watches last closes the instance.
func (w *watcher) drop(x *watch) {
	for _, wd := range x.in {
		set := w.by[wd]
		if delete(set, x); set == nil || len(set) > 0 {
			continue
		}
		delete(w.by, wd)
		if raw, err := w.file.SyscallConn(); err == nil {
			raw.Control(func(fd uintptr) { unix.InotifyRmWatch(int(fd), uint32(wd)) })
		}
	}
	x.in = nil
	if w.file != nil && len(w.by) == 0 {
		w.file.Close()
		w.file = nil
	}
}

// read wakes whom events concern, until the instance is closed.
func (w *watcher) read(file *os.File) {
	buf := make([]byte, 16<<10)
	for {
		n, err := file.Read(buf)
		if err != nil {
			return
		}
		for _, x := range w.concerned(file, buf[:n]) {
			x.wake()
		}
	}
}

func (w *watcher) concerned(file *os.File, events []byte) (list []*watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file != file {
		return nil
	}
	woken := map[*watch]bool{}
	for len(events) >= unix.SizeofInotifyEvent {
		wd := int32(binary.NativeEndian.Uint32(events))
		mask := binary.NativeEndian.Uint32(events[4:])
		size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(events[12:]))
		events = events[min(size, len(events)):]
		if mask&unix.IN_Q_OVERFLOW != 0 { // events were lost
			for _, set := range w.by {
				for x := range set {
					woken[x] = true
				}
			}
			continue
		}
		for x := range w.by[wd] {
			woken[x] = true
		}
		if mask&unix.IN_IGNORED != 0 { // the directory has gone
			delete(w.by, wd)
		}
	}
	for x := range woken {
		list = append(list, x)
	}
	return list
}

// poll wakes now and then.
func poll(wake func()) (stop func()) {
	end := make(chan struct{})
	go func() {
		t := time.NewTicker(watchPoll)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				wake()
			case <-end:
				return
			}
		}
	}()
	return sync.OnceFunc(func() { close(end) })
}
