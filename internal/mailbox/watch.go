package mailbox

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// watchPoll is how often a folder is looked at where the system does not tell
// of changes.
const watchPoll = 30 * time.Second

// watchMask is what happens to messages: they come, go, and change names.
const watchMask = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_ONLYDIR

// watchLinger is how long the inotify instance stays when nobody watches any more. To
// close one takes the kernel some 15 ms, in which it waits for whoever might still look at it.
const watchLinger = 10 * time.Second

// A watcher is the one inotify instance of a process, there as long as anybody
// watches a folder, and a little longer. Where the system gives no more watches, the
// watcher wakes every watchPoll.
type watcher struct {
	warn          func(format string, args ...any)
	every, linger time.Duration // in place of watchPoll and watchLinger, in tests

	mu     sync.Mutex // guards what follows
	file   *os.File   // nil: nobody watches
	ending bool       // end will see whether anybody does
	by     map[int32]map[*watch]bool
	news   map[int32]inode // new/ of folders
	fresh  map[inode]bool  // something came there, and was not looked for since
	polled map[*watch]bool
	unpoll chan struct{} // ends the polling; nil: there is none
	warned bool
}

// A watch is somebody's.
type watch struct {
	wake func()
	in   []int32
	of   func(name string) bool // which names in the directory count; nil: all
}

// Watch has wake called, by another goroutine, soon after the folder may have
// changed, whoever changed it; Refresh then tells what, and what came in the same
// tick of the clock a little later. It must not block. stop
// ends it.
func (v *View) Watch(wake func()) (stop func()) {
	v.f.mu.Lock()
	defer v.f.mu.Unlock()
	return v.f.store.watcher.watch(&watch{wake: wake}, v.f.newDir, v.f.curDir)
}

// Watch is View.Watch for a folder that need not be open.
func (t *Tree) Watch(name string, wake func()) (stop func(), err error) {
	where, err := diskName(name)
	if err != nil {
		return nil, err
	}
	d, err := t.openFolder(where)
	if err != nil {
		return nil, err
	}
	defer d.close()
	return t.store.watcher.watch(&watch{wake: wake}, d.newDir, d.curDir), nil
}

// WatchNames has wake called after folders or subscriptions may have changed.
func (t *Tree) WatchNames(wake func()) (stop func()) {
	of := func(name string) bool {
		return name == subsFile || len(name) > 1 && name[0] == '.' && name[1] != '.'
	}
	return t.store.watcher.watch(&watch{wake: wake, of: of}, nil, t.dir)
}

// watch begins x, which is woken by changes in news, new/ of a folder, and in
// another directory.
func (w *watcher) watch(x *watch, news, other *dir) (stop func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.add(x, other)
	if err == nil && news != nil {
		if err = w.add(x, news); err == nil {
			w.news[x.in[1]] = news.inode()
		}
	}
	if err != nil {
		w.drop(x)
		w.poll(x)
		if !w.warned {
			w.warned = true
			w.warn("inotify: %v; folders are looked at every %v", err, watchPoll)
		}
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.drop(x)
	}
}

// came tells whether something has come into new/ of a folder since it was
// asked last.
func (w *watcher) came(id inode) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	came := w.fresh[id]
	delete(w.fresh, id)
	return came
}

// add has x woken by changes in d.
func (w *watcher) add(x *watch, d *dir) error {
	if err := d.fault.ask("watch", d.Name()); err != nil {
		return err
	}
	if w.file == nil {
		fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
		if err != nil {
			return err
		}
		w.file, w.by = os.NewFile(uintptr(fd), "inotify"), map[int32]map[*watch]bool{}
		w.news, w.fresh = map[int32]inode{}, map[inode]bool{}
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

// drop ends x.
func (w *watcher) drop(x *watch) {
	for _, wd := range x.in {
		set := w.by[wd]
		if delete(set, x); set == nil || len(set) > 0 {
			continue
		}
		w.forget(wd)
		if raw, err := w.file.SyscallConn(); err == nil {
			raw.Control(func(fd uintptr) { unix.InotifyRmWatch(int(fd), uint32(wd)) })
		}
	}
	x.in = nil
	if delete(w.polled, x); len(w.polled) == 0 && w.unpoll != nil {
		close(w.unpoll)
		w.unpoll = nil
	}
	if w.file != nil && len(w.by) == 0 && !w.ending {
		w.ending = true
		time.AfterFunc(cmp.Or(w.linger, watchLinger), w.end)
	}
}

// end closes the instance, if nobody watches.
func (w *watcher) end() {
	w.mu.Lock()
	w.ending = false
	file := w.file
	if len(w.by) > 0 {
		file = nil
	} else {
		w.file = nil
	}
	w.mu.Unlock()
	if file != nil {
		file.Close() // others need not wait for it
	}
}

// forget drops what is known of a directory.
func (w *watcher) forget(wd int32) {
	delete(w.fresh, w.news[wd])
	delete(w.news, wd)
	delete(w.by, wd)
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
		name := events[unix.SizeofInotifyEvent:min(size, len(events))]
		events = events[min(size, len(events)):]
		if mask&unix.IN_Q_OVERFLOW != 0 { // events were lost
			for _, id := range w.news {
				w.fresh[id] = true
			}
			for _, set := range w.by {
				for x := range set {
					woken[x] = true
				}
			}
			continue
		}
		if id, ok := w.news[wd]; ok {
			w.fresh[id] = true
		}
		for x := range w.by[wd] {
			if x.of == nil || x.of(string(bytes.TrimRight(name, "\x00"))) {
				woken[x] = true
			}
		}
		if mask&unix.IN_IGNORED != 0 { // the directory has gone
			w.forget(wd)
		}
	}
	for x := range woken {
		list = append(list, x)
	}
	return list
}

// poll wakes x now and then.
func (w *watcher) poll(x *watch) {
	if w.unpoll == nil {
		w.unpoll, w.polled = make(chan struct{}), map[*watch]bool{}
		go w.tick(w.unpoll)
	}
	w.polled[x] = true
}

// tick wakes who is polled, until the end.
func (w *watcher) tick(end <-chan struct{}) {
	t := time.NewTicker(cmp.Or(w.every, watchPoll))
	defer t.Stop()
	for {
		select {
		case <-end:
			return
		case <-t.C:
		}
		w.mu.Lock()
		list := slices.Collect(maps.Keys(w.polled))
		w.mu.Unlock()
		for _, x := range list {
			x.wake()
		}
	}
}
