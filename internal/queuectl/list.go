package queuectl

import (
	"errors"
	"fmt"
	"os"
	"time"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
)

// List prints the queue, as qmgr tells it, or as it stands on disk when the
// system is down and the caller may read it. Its memory does not grow with the
// queue.
func List(env *cli.Env) error {
	l := NewListing(env.Stdout, time.Local)
	err := New(env.Config, env.Program).Do(ipc.ControlRequest{Op: ipc.OpList, All: true},
		func(reply *ipc.ControlReply, files []*os.File) error {
			fdpass.CloseAll(files)
			for i := range reply.Entries {
				if err := l.Entry(&reply.Entries[i]); err != nil {
					return err
				}
			}
			return nil
		})
	path := config.QueueDirectory.Of(env.Config)
	var down *Down
	switch {
	case errors.As(err, &down) && l.messages == 0 && MayRead(path):
		fmt.Fprintf(env.Stderr, "%s: warning: Mail system is down -- accessing queue directly (%v)\n", env.Program, down.Cause)
		err = Read(path, l.Entry)
		return errors.Join(l.Close(), err)
	case err != nil:
		// What has come is shown, without the line that says it is all.
		return Failure("Queue report unavailable", errors.Join(err, written(l.w.Flush())))
	}
	return l.Close()
}

// Failure gives an error of Do its exit status. what is what could not be done.
func Failure(what string, err error) error {
	var down *Down
	switch {
	case errors.As(err, &down):
		return cli.Fail(cli.ExUnavailable, "%s - %w", what, err)
	case errors.Is(err, ErrDenied):
		return cli.Fail(cli.ExNoPerm, "%s - %w", what, err)
	}
	return err
}
