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

// List prints the queue, or what a filter chooses of it, as qmgr tells it, or as it stands on disk when the
// system is down and the caller may read it. Its memory does not grow with the
// queue.
func List(env *cli.Env, filter *ipc.Filter) error {
	l := NewListing(env.Stdout, time.Local)
	return list(env, ipc.ControlRequest{Op: ipc.OpList, All: filter == nil, Filter: filter}, l, l.w.Flush)
}

// ListJSON is List in JSON, with all that is known of those who wait.
func ListJSON(env *cli.Env, filter *ipc.Filter) error {
	l := NewJSONListing(env.Stdout)
	return list(env, ipc.ControlRequest{Op: ipc.OpList, All: filter == nil, Filter: filter, Routes: true}, l, l.Close)
}

// Each gives visit the entries of the queue, or of what the filter chooses.
func Each(env *cli.Env, filter *ipc.Filter, visit func(*ipc.Entry) error) error {
	_, err := each(env, ipc.ControlRequest{Op: ipc.OpList, All: filter == nil, Filter: filter}, visit)
	return err
}

// each gives visit the entries that the request asks for, by qmgr or, when the
// system is down, by reading the queue. Where whole is false an error came after
// some.
func each(env *cli.Env, req ipc.ControlRequest, visit func(*ipc.Entry) error) (whole bool, err error) {
	some := false
	req.Packed = true
	err = New(env.Config, env.Program).Do(req,
		func(reply *ipc.ControlReply, files []*os.File) error {
			fdpass.CloseAll(files)
			some = some || len(reply.Entries)+len(reply.Packed) > 0
			if err := ipc.Unpack(reply.Packed, visit); err != nil {
				return err
			}
			for i := range reply.Entries {
				if err := visit(&reply.Entries[i]); err != nil {
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
		return true, Read(path, req.Filter, visit)
	case err != nil:
		return false, Failure("Queue report unavailable", err)
	}
	return true, nil
}

// A printer writes entries.
type printer interface {
	Entry(e *ipc.Entry) error
	Close() error
}

// list prints by l; broken ends what has become no whole listing: what has come
// is shown, without the line that says it is all.
func list(env *cli.Env, req ipc.ControlRequest, l printer, broken func() error) error {
	whole, err := each(env, req, l.Entry)
	if !whole {
		return errors.Join(err, written(broken()))
	}
	return errors.Join(l.Close(), err)
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
