package queue

import (
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A Listed is one message of a listing. Err is set instead of Message when the
// file could not be read.
type Listed struct {
	ID      string
	Dir     string    // the directory's name
	Mtime   time.Time // in deferred/: of the next attempt
	Message *Message
	Known   []byte // in place of Message: what ListUnknown's known returned
	Err     error
}

// listed is how many messages one reader takes at a time, and readers how many
// read: a listing of a large queue waits for system calls most of the time.
const (
	listed  = 256
	readers = 4
)

// List reads the messages in the directory called name of the queue directory
// at path, without their content, and calls visit for each until it returns
// false. Up to 65,536 come sorted by ID, more in sorted parts of so many. It may
// run beside the store, in this process or another: a message that moves
// meanwhile may be missed or come twice.
func List(path, name string, visit func(*Listed) bool) error {
	return ListUnknown(path, name, func(string) []byte { return nil }, visit)
}

// ListUnknown is List that does not read the messages of which known, called by
// several goroutines, returns something.
func ListUnknown(path, name string, known func(id string) []byte, visit func(*Listed) bool) error {
	return eachName(path, name, func(d *os.File, ids []string) bool {
		return listPart(d, name, ids, known, visit)
	})
}

// listPart visits the messages ids, which several goroutines read ahead.
func listPart(d *os.File, name string, ids []string, known func(string) []byte, visit func(*Listed) bool) bool {
	stop := make(chan struct{})
	chunks := make(chan chan []Listed, readers) // in order, each filled by a reader
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(chunks)
		for ids := range slices.Chunk(ids, listed) {
			filled := make(chan []Listed, 1)
			select {
			case <-stop:
				return
			case chunks <- filled: // waits while readers are ahead of visit
			}
			wg.Go(func() { filled <- readChunk(d, name, ids, known) })
		}
	})
	defer wg.Wait()
	defer close(stop)
	for filled := range chunks {
		for _, l := range <-filled {
			if !visit(&l) {
				return false
			}
		}
	}
	return true
}

func readChunk(d *os.File, name string, ids []string, known func(string) []byte) []Listed {
	fd := int(d.Fd())
	out := make([]Listed, 0, len(ids))
	buf := make([]byte, 2*block) // most files have one block: its end is seen at once
	for _, id := range ids {
		l := Listed{ID: id, Dir: name, Known: known(id)}
		if l.Known == nil {
			l.read(fd, buf)
		}
		if !errors.Is(l.Err, os.ErrNotExist) {
			out = append(out, l)
		}
	}
	return out
}

func (l *Listed) read(d int, buf []byte) {
	fd, err := unix.Openat(d, l.ID, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		l.Err = &os.PathError{Op: "open", Path: l.Dir + "/" + l.ID, Err: err}
		return
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		l.Err = &os.PathError{Op: "fstat", Path: l.Dir + "/" + l.ID, Err: err}
		return
	}
	if l.Mtime = time.Unix(st.Mtim.Unix()); !l.Mtime.After(dueAtOnce) {
		l.Mtime = time.Now()
	}
	if l.Message, err = peek(reader(fd), buf); err != nil {
		l.Err = &os.PathError{Op: "read", Path: l.Dir + "/" + l.ID, Err: err}
		return
	}
	l.Message.Size, l.Message.Expired = st.Size, st.Mode&modeExpired != 0
}

// A reader reads a descriptor without the cost of an os.File.
type reader int

func (r reader) ReadAt(p []byte, off int64) (int, error) {
	total := 0
	for total < len(p) {
		n, err := unix.Pread(int(r), p[total:], off+int64(total))
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return total, err
		case n == 0:
			return total, io.EOF
		}
		total += n
	}
	return total, nil
}
