package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// arrivals counts files as they appear in the new/ of mailboxes (inotify), so
// that waiting for a delivery costs the systems next to nothing.
type arrivals struct {
	base  string
	boxes int
	fd    int // of inotify
	stop  chan struct{}
	done  chan struct{}

	mu   sync.Mutex // guards what follows
	n    int
	last time.Time
	lost bool // events overflowed: only counting the files tells
	news chan struct{}
}

// makeBoxes makes n Maildirs below base, of these owners, and nothing else there.
func makeBoxes(base string, n int, owner func(i int) int) error {
	if err := os.MkdirAll(base, 0o755); err != nil {
		return err
	}
	if err := os.Chown(base, owner(0), owner(0)); err != nil {
		return err
	}
	for i := range n {
		uid := owner(i)
		box := filepath.Join(base, mailbox(i))
		for _, d := range []string{box, filepath.Join(box, "tmp"), filepath.Join(box, "new"), filepath.Join(box, "cur")} {
			if err := os.Mkdir(d, 0o700); err != nil {
				return err
			}
			if err := os.Chown(d, uid, uid); err != nil {
				return err
			}
		}
	}
	return nil
}

// watchBoxes starts counting in the first n mailboxes below base.
func watchBoxes(base string, n int) (*arrivals, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	a := &arrivals{
		base: base, boxes: n, fd: fd,
		stop: make(chan struct{}), done: make(chan struct{}), news: make(chan struct{}, 1),
	}
	for i := range n {
		dir := filepath.Join(base, mailbox(i), "new")
		if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_CREATE|unix.IN_MOVED_TO); err != nil {
			unix.Close(fd)
			return nil, fmt.Errorf("inotify: watch %s: %w", dir, err)
		}
	}
	go a.read()
	return a, nil
}

// pause is how long a bystander of the load sleeps between looks at what has
// come: waking up for each delivery and each line of the log would cost the
// processors as much as a good part of the mail.
const pause = 2 * time.Millisecond

// read counts events until it is told to stop. It sleeps rather than waits in
// epoll, where each event would wake it.
func (a *arrivals) read() {
	defer close(a.done)
	buf := make([]byte, 256<<10)
	for {
		n, err := unix.Read(a.fd, buf)
		if err != nil {
			select {
			case <-a.stop:
				return
			case <-time.After(pause):
			}
			continue
		}
		now := time.Now()
		count, lost := countEvents(buf[:n])
		a.mu.Lock()
		a.n += count
		a.lost = a.lost || lost
		a.last = now
		a.mu.Unlock()
		select {
		case a.news <- struct{}{}:
		default:
		}
	}
}

// countEvents counts the events in b, which holds whole ones (inotify(7)).
func countEvents(b []byte) (n int, lost bool) {
	for len(b) >= unix.SizeofInotifyEvent {
		mask := binary.NativeEndian.Uint32(b[4:])
		if mask&unix.IN_Q_OVERFLOW != 0 {
			lost = true
		} else {
			n++
		}
		b = b[unix.SizeofInotifyEvent+int(binary.NativeEndian.Uint32(b[12:])):]
	}
	return n, lost
}

// state is how many arrived and when the last did.
func (a *arrivals) state() (n int, last time.Time, err error) {
	a.mu.Lock()
	n, last, lost := a.n, a.last, a.lost
	a.mu.Unlock()
	if lost {
		n, err = a.count()
	}
	return n, last, err
}

// wait waits until n files have arrived and returns when the last of them did.
// It gives up when nothing arrives for a while.
func (a *arrivals) wait(ctx context.Context, n int) (time.Time, error) {
	const patience = 60 * time.Second
	for {
		have, last, err := a.state()
		if err != nil || have >= n {
			return last, err
		}
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-a.news:
		case <-time.After(patience):
			return last, fmt.Errorf("%d of %d messages arrived, and none for %v", have, n, patience)
		}
	}
}

// check makes sure that exactly n files are there.
func (a *arrivals) check(n int) error {
	have, err := a.count()
	if err == nil && have != n {
		err = fmt.Errorf("%d messages were accepted and %d are in the mailboxes", n, have)
	}
	return err
}

// count counts the files in new/.
func (a *arrivals) count() (int, error) {
	n := 0
	for i := range a.boxes {
		d, err := os.Open(filepath.Join(a.base, mailbox(i), "new"))
		if err != nil {
			return 0, err
		}
		names, err := d.Readdirnames(-1)
		if err := errors.Join(err, d.Close()); err != nil {
			return 0, err
		}
		n += len(names)
	}
	return n, nil
}

func (a *arrivals) close() {
	close(a.stop)
	<-a.done
	unix.Close(a.fd)
}
