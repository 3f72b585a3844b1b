package queuectl

import (
	"bufio"
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
	Hold    = Deed{ipc.OpHold, "placed on hold", "Placed on hold"}
	Release = Deed{ipc.OpRelease, "released from hold", "Released from hold"}
	Delete  = Deed{ipc.OpDelete, "removed", "Deleted"}
	Expire  = Deed{ipc.OpExpire, "expired", "Force-expired"}
)

// Do carries the deed out on the messages that args name: IDs, ALL, or - for
// those that standard input has.
func (d Deed) Do(env *cli.Env, args []string) error {
	var n int
	var err error
	switch {
	case len(args) == 0:
		return cli.Fail(cli.ExUsage, "want queue IDs, ALL, or - to read IDs from standard input")
	case len(args) == 1 && args[0] == "ALL":
		n, err = Ask(env, ipc.ControlRequest{Op: d.Op, All: true}, d.Each)
	case len(args) == 1 && args[0] == "-":
		err = EachInput(env, func(ids iter.Seq[string]) error {
			n, err = AskIDs(env, d.Op, ids, d.Each)
			return err
		})
	default:
		if err := WantIDs(args); err != nil {
			return err
		}
		n, err = AskIDs(env, d.Op, slices.Values(args), d.Each)
	}
	d.Total(env, n)
	return err
}

// Total says on how many messages it was carried out.
func (d Deed) Total(env *cli.Env, n int) {
	if n > 0 {
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

// AskIDs asks for op on the IDs, some at a time, and returns on how many it was
// carried out.
func AskIDs(env *cli.Env, op string, ids iter.Seq[string], each string) (int, error) {
	total := 0
	var some []string
	send := func() error {
		n, err := Ask(env, ipc.ControlRequest{Op: op, IDs: some}, each)
		total += n
		some = some[:0]
		return err
	}
	for id := range ids {
		if some = append(some, id); len(some) == batch {
			if err := send(); err != nil {
				return total, err
			}
		}
	}
	if len(some) == 0 {
		return total, nil
	}
	err := send()
	return total, err
}

// Ask makes one request, prints a line for each message that it was carried out
// on (unless each is ""), and returns their number.
func Ask(env *cli.Env, req ipc.ControlRequest, each string) (int, error) {
	n := 0
	err := New(env.Config, env.Program).Do(req, func(reply *ipc.ControlReply, files []*os.File) error {
		fdpass.CloseAll(files)
		n += len(reply.Done)
		for _, id := range reply.Done {
			if each != "" {
				fmt.Fprintf(env.Stderr, "%s: %s: %s\n", env.Program, id, each)
			}
		}
		for _, id := range reply.Missing {
			fmt.Fprintf(env.Stderr, "%s: warning: %s: not in the queue\n", env.Program, id)
		}
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
