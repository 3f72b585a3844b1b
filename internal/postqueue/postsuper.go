package postqueue

import (
	"context"
	"iter"
	"slices"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/ipc"
	"yubin/internal/queue"
	"yubin/internal/queuectl"
)

// Super is postsuper(1).
var Super = &cli.Command{
	Name: "postsuper", Section: 1, Synopsis: "[QUEUE...]", Params: queuectl.Params(),
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		wanted := make([]*[]string, len(deeds))
		for i, d := range deeds {
			wanted[i] = fs.StringArrayP(d.flag, d.letter, nil, d.doc)
		}
		fs.BoolP("purge", "p", false, "remove what crashes have left; qmgr(8) does so at each start, and this does nothing")
		fs.BoolP("structure", "s", false, "check the structure of the queue; qmgr(8) does so at each start, and this does nothing")
		fs.BoolP("structure-all", "S", false, "the same as -s")
		fs.CountP("verbose", "v", "accepted for compatibility; does nothing")
		return func(_ context.Context, env *cli.Env) error {
			for i, d := range deeds {
				if err := d.all(env, *wanted[i]); err != nil {
					return err
				}
			}
			return checkQueues(env.Args)
		}
	},
}

// A superDeed is an option of postsuper that changes messages.
type superDeed struct {
	queuectl.Deed
	letter, flag, doc string
	queues            []string // those that it looks in when no operand says so
}

// deeds in the order in which postsuper carries them out.
var deeds = []superDeed{
	{queuectl.Delete, "d", "delete", "remove a message, by its queue `ID`; ALL: every one; -: those on standard input", []string{"hold", "incoming", "active", "deferred"}},
	{queuectl.Expire, "e", "expire", "send a message back as if its time were over; `ID`, ALL or -", []string{"incoming", "active", "deferred"}},
	{queuectl.Expire, "f", "force-expire", "the same, and for messages on hold too; `ID`, ALL or -", []string{"hold", "incoming", "active", "deferred"}},
	{queuectl.Hold, "h", "hold", "put a message on hold; `ID`, ALL or -", []string{"incoming", "active", "deferred"}},
	{queuectl.Release, "H", "release", "end the hold of a message; `ID`, ALL or -", []string{"hold"}},
	{queuectl.Requeue, "r", "requeue", "end the hold of a message, route it anew and try it now; `ID`, ALL or -", []string{"hold", "incoming", "active", "deferred"}},
}

// queues are the names that operands may be.
var queues = []string{"hold", "incoming", "active", "deferred", "maildrop"}

func checkQueues(names []string) error {
	for _, n := range names {
		if !slices.Contains(queues, n) {
			return cli.Fail(cli.ExUsage, "fatal: unknown queue name: %.100s", n)
		}
	}
	return nil
}

// all carries the deed out on what every occurrence of the option names.
func (d *superDeed) all(env *cli.Env, wanted []string) error {
	if len(wanted) == 0 {
		return nil
	}
	if err := checkQueues(env.Args); err != nil {
		return err
	}
	in := d.queues
	if len(env.Args) > 0 {
		in = env.Args
	}
	// As in Postfix an ID that is not there is nothing to speak of: the filter
	// has Ask keep silent.
	request := ipc.ControlRequest{Op: d.Op, Filter: &ipc.Filter{Queues: in}}
	var ids []string
	total := 0
	for _, w := range wanted {
		n := 0
		var err error
		switch {
		case w == "ALL":
			n, err = queuectl.Ask(env, request, d.Each)
		case w == "-":
			err = queuectl.EachInput(env, func(list iter.Seq[string]) (err error) {
				n, err = queuectl.AskIDs(env, request, list, d.Each)
				return err
			})
		case !queue.ValidID(w):
			err = cli.Fail(1, "fatal: invalid mail queue id: %.100s", w)
		default:
			ids = append(ids, w)
		}
		if total += n; err != nil {
			d.Total(env, total)
			return err
		}
	}
	n, err := queuectl.AskIDs(env, request, slices.Values(ids), d.Each)
	d.Total(env, total+n)
	return err
}
