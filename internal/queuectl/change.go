package queuectl

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"

	"yubin/internal/cli"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/queue"
)

// batch is how many IDs go into one request: a packet holds that many of the
// longest.
const batch = 1000

// A Deed is an operation on messages in postsuper's words.
type Deed struct {
	Op   string // ipc.OpHold, ...
	Each string // said of each message
	Sum  string // said of all
}

// The deeds that people ask for.
var (
	Flush   = Deed{ipc.OpFlush, "", ""}
	Hold    = Deed{ipc.OpHold, "placed on hold", "Placed on hold"}
	Release = Deed{ipc.OpRelease, "released from hold", "Released from hold"}
	Requeue = Deed{ipc.OpRequeue, "requeued", "Requeued"}
	Delete  = Deed{ipc.OpDelete, "removed", "Deleted"}
	Expire  = Deed{ipc.OpExpire, "expired", "Force-expired"}
)

// Do carries the deed out on the messages that args name: IDs, ALL, or - for
// those that standard input has; or on those that the filter chooses.
func (d Deed) Do(env *cli.Env, filter *ipc.Filter, args []string) error {
	var n int
	var err error
	switch {
	case filter != nil && len(args) > 0 && args[0] != "ALL":
		return cli.Fail(cli.ExUsage, "want queue IDs, or options that choose messages, not both")
	case len(args) == 0 && filter == nil:
		return cli.Fail(cli.ExUsage, "want queue IDs, ALL, - to read IDs from standard input, or options that choose messages")
	case filter != nil:
		n, err = Ask(env, ipc.ControlRequest{Op: d.Op, Filter: filter}, d.Each)
	case len(args) == 1 && args[0] == "ALL":
		n, err = Ask(env, ipc.ControlRequest{Op: d.Op, All: true}, d.Each)
	case len(args) == 1 && args[0] == "-":
		err = EachInput(env, func(ids iter.Seq[string]) error {
			n, err = AskIDs(env, ipc.ControlRequest{Op: d.Op}, ids, d.Each)
			return err
		})
	default:
		if err := WantIDs(args); err != nil {
			return err
		}
		n, err = AskIDs(env, ipc.ControlRequest{Op: d.Op}, slices.Values(args), d.Each)
	}
	d.Total(env, n)
	return err
}

// Try prints the IDs of the messages that Do would be carried out on, a line each
// on standard output, and changes nothing.
func (d Deed) Try(env *cli.Env, filter *ipc.Filter, args []string) error {
	if filter == nil && (len(args) != 1 || args[0] != "ALL") || filter != nil && len(args) > 0 && args[0] != "ALL" {
		return cli.Fail(cli.ExUsage, "--dry-run: want ALL, or options that choose messages")
	}
	n := 0
	out := bufio.NewWriter(env.Stdout)
	req := ipc.ControlRequest{Op: d.Op, All: filter == nil, Filter: filter, Dry: true}
	err := New(env.Config, env.Program).Do(req, func(reply *ipc.ControlReply, files []*os.File) error {
		fdpass.CloseAll(files)
		n += len(reply.Done)
		for _, id := range reply.Done {
			fmt.Fprintln(out, id)
		}
		return nil
	})
	if err != nil {
		err = Failure("cannot choose mail", err)
	}
	fmt.Fprintf(env.Stderr, "%s: %d message%s chosen, nothing is changed\n", env.Program, n, Plural(n))
	return errors.Join(err, written(out.Flush()))
}

// Total says on how many messages it was carried out.
func (d Deed) Total(env *cli.Env, n int) {
	if n > 0 && d.Sum != "" {
		fmt.Fprintf(env.Stderr, "%s: %s: %d message%s\n", env.Program, d.Sum, n, Plural(n))
	}
}

// EachInput gives f the IDs that standard input has. Like postsuper it goes on
// when one of them is none: a long list should not stop half way.
func EachInput(env *cli.Env, f func(iter.Seq[string]) error) error {
	lines := bufio.NewScanner(env.Stdin)
	err := f(func(yield func(string) bool) {
		for lines.Scan() {
			id := strings.TrimSpace(lines.Text())
			switch {
			case id == "":
			case !queue.ValidID(id):
				fmt.Fprintf(env.Stderr, "%s: warning: invalid queue ID %q\n", env.Program, id)
			case !yield(id):
				return
			}
		}
	})
	if err == nil && lines.Err() != nil {
		err = &cli.Status{Code: cli.ExIOErr, Err: fmt.Errorf("read queue IDs: %w", lines.Err())}
	}
	return err
}

// AskIDs makes the request for the IDs, some at a time, and returns on how many it
// was carried out.
func AskIDs(env *cli.Env, req ipc.ControlRequest, ids iter.Seq[string], each string) (int, error) {
	total := 0
	send := func() error {
		n, err := Ask(env, req, each)
		total += n
		req.IDs = req.IDs[:0]
		return err
	}
	for id := range ids {
		if req.IDs = append(req.IDs, id); len(req.IDs) == batch {
			if err := send(); err != nil {
				return total, err
			}
		}
	}
	if len(req.IDs) == 0 {
		return total, nil
	}
	err := send()
	return total, err
}

// Ask makes one request, prints a line for each message that it was carried out
// on (unless each is ""), and returns their number. Of IDs that are not in the queue
// it warns, unless they were to be in queues that a filter names.
func Ask(env *cli.Env, req ipc.ControlRequest, each string) (int, error) {
	n := 0
	var lines bytes.Buffer // one write for one packet
	err := New(env.Config, env.Program).Do(req, func(reply *ipc.ControlReply, files []*os.File) error {
		fdpass.CloseAll(files)
		n += len(reply.Done)
		lines.Reset()
		for _, id := range reply.Done {
			if each != "" {
				fmt.Fprintf(&lines, "%s: %s: %s\n", env.Program, id, each)
			}
		}
		for _, id := range reply.Missing {
			if req.Filter == nil {
				fmt.Fprintf(&lines, "%s: warning: %s: not in the queue\n", env.Program, id)
			}
		}
		env.Stderr.Write(lines.Bytes())
		return nil
	})
	if err != nil {
		return n, Failure("cannot "+req.Op+" mail", err)
	}
	return n, nil
}

// WantIDs refuses a command line before anything of it is carried out.
func WantIDs(args []string) error {
	for _, a := range args {
		if !queue.ValidID(a) {
			return cli.Fail(cli.ExUsage, "invalid queue ID %q", a)
		}
	}
	return nil
}

// Plural is the s behind a noun of which there are n.
func Plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}
