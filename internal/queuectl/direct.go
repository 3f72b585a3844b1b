package queuectl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// directories of messages, in the order of a listing.
var directories = [...]string{queue.DirMaildrop, queue.DirIncoming, queue.DirDeferred, queue.DirHold}

// entryRecipients is the most recipients in one entry that Read makes.
const entryRecipients = 500

// Read gives visit an entry for every message in the queue directory at path
// that the filter chooses (nil: all), without qmgr. Files that are not complete
// messages are passed over; of those that cannot be read it returns the last error,
// after all others. An error of visit ends it.
func Read(path string, filter *ipc.Filter, visit func(*ipc.Entry) error) error {
	var choice queue.Filter
	if filter != nil {
		choice = queue.Filter(*filter)
	}
	now := time.Now()
	var failed error
	for _, name := range directories {
		if !choice.InQueue(name) {
			continue
		}
		var stop error
		err := queue.List(path, name, func(l *queue.Listed) bool {
			switch {
			case l.Err == nil && choice.Match(l.Message, now, nil):
				stop = entries(l, visit)
			case l.Err != nil && !errors.Is(l.Err, queue.ErrBlank):
				failed = l.Err
			}
			return stop == nil
		})
		if stop != nil {
			return stop
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return failed
}

// entries makes entries of the recipients that still wait.
func entries(l *queue.Listed, visit func(*ipc.Entry) error) error {
	m := l.Message
	e := ipc.Entry{Queue: l.Dir, ID: l.ID, Arrival: m.Arrival, Size: int64(m.Content), Sender: m.Env.Sender, Expired: m.Expired}
	if l.Dir == queue.DirDeferred {
		e.Next = l.Mtime.UnixMicro()
	}
	for i, r := range m.Env.Recipients {
		res := m.Result(i)
		if res.Done() {
			continue
		}
		e.Recipients = append(e.Recipients, ipc.EntryRecipient{
			Index: i, Address: r.Address, Original: r.Original, Reason: res.Reason(), Code: res.Code, Host: res.Host, Tried: res.Time,
			Attempts: res.Attempts,
		})
		if len(e.Recipients) == entryRecipients {
			if err := visit(&e); err != nil {
				return err
			}
			e.Recipients = nil
		}
	}
	if len(e.Recipients) == 0 {
		return nil
	}
	return visit(&e)
}

// MayRead tells whether the caller can read the queue directory at path
// without qmgr: root and mail_owner can, and whoever runs a private instance.
func MayRead(path string) bool {
	for _, name := range directories {
		dir := filepath.Join(path, name)
		if err := unix.Faccessat(unix.AT_FDCWD, dir, unix.R_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
			return false
		}
	}
	return true
}

// Find opens the message id in the queue directory at path, without qmgr, and
// tells in which directory it is.
func Find(path, id string) (f *os.File, dir string, err error) {
	if !queue.ValidID(id) {
		return nil, "", fmt.Errorf("%q is no queue ID", id)
	}
	for _, dir = range directories {
		f, err = os.OpenFile(filepath.Join(path, dir, id), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, dir, err
		}
	}
	return nil, "", fs.ErrNotExist
}
