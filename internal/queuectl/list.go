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
	return list(env, ipc.ControlRequest{Op: ipc.OpList, All: true}, l, l.w.Flush)
}

// ListJSON is List in JSON, with all that is known of those who wait.
func ListJSON(env *cli.Env) error {
	l := NewJSONListing(env.Stdout)
	return list(env, ipc.ControlRequest{Op: ipc.OpList, All: true, Routes: true}, l, l.Close)
}

// A printer writes entries.
type printer interface {
	Entry(e *ipc.Entry) error
	Close() error
}

// list prints by l; broken ends what has become no whole listing.
func list(env *cli.Env, req ipc.ControlRequest, l printer, broken func() error) error {
	some := false
	err := New(env.Config, env.Program).Do(req,
		func(reply *ipc.ControlReply, files []*os.File) error {
			fdpass.CloseAll(files)
			some = some || len(reply.Entries) > 0
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
	case errors.As(err, &down) && !some && MayRead(path):
		fmt.Fprintf(env.Stderr, "%s: warning: Mail system is down -- accessing queue directly (%v)\n", env.Program, down.Cause)
		err = Read(path, l.Entry)
		return errors.Join(l.Close(), err)
	case err != nil:
		// What has come is shown, without the line that says it is all.
		return Failure("Queue report unavailable", errors.Join(err, written(broken())))
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
