package queuectl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// ErrMissing is the error of a message that the queue does not have.
var ErrMissing = errors.New("not in the queue")

// A Found message is its open file and where it stands. Whoever has it closes
// the file.
type Found struct {
	File  *os.File
	Queue string                      // the directory, or active
	Next  time.Time                   // of the next attempt; zero when it is not known
	Ways  map[int]*ipc.EntryRecipient // how it would be made, by the number of a recipient who waits
}

// Open opens a message with qmgr's help, or without when the system is down.
func Open(env *cli.Env, id string) (*Found, error) {
	var found *Found
	err := New(env.Config, env.Program).Do(ipc.ControlRequest{Op: ipc.OpShow, IDs: []string{id}},
		func(reply *ipc.ControlReply, files []*os.File) error {
			if found == nil && len(files) > 0 && len(reply.Entries) > 0 {
				found = &Found{File: files[0], Queue: reply.Entries[0].Queue, Ways: map[int]*ipc.EntryRecipient{}}
				if next := reply.Entries[0].Next; next != 0 {
					found.Next = time.UnixMicro(next)
				}
				files = files[1:]
			}
			fdpass.CloseAll(files)
			for i := range reply.Entries {
				for k := range reply.Entries[i].Recipients {
					if r := &reply.Entries[i].Recipients[k]; found != nil {
						found.Ways[r.Index] = r
					}
				}
			}
			return nil
		})
	path := config.QueueDirectory.Of(env.Config)
	var down *Down
	switch {
	case errors.As(err, &down) && MayRead(path):
		return findDirect(path, id)
	case err != nil:
		if found != nil {
			found.File.Close()
		}
		return nil, Failure("cannot show mail", err)
	case found == nil:
		return nil, fmt.Errorf("%s: %w", id, ErrMissing)
	}
	return found, nil
}

func findDirect(path, id string) (*Found, error) {
	f, dir, err := Find(path, id)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s: %w", id, ErrMissing)
	}
	if err != nil {
		return nil, err
	}
	found := &Found{File: f, Queue: dir}
	if info, err := f.Stat(); err == nil && dir == queue.DirDeferred {
		found.Next = info.ModTime()
	}
	return found, nil
}
