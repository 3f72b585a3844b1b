// Package postqueue has Postfix's commands for the queue: postqueue, postsuper
// and postcat, with Postfix's options, texts and exit statuses. Package queuectl
// does the work, as for mailctl(8) and mailq(1).
package postqueue

import (
	"context"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/ipc"
	"yubin/internal/queue"
	"yubin/internal/queuectl"
)

// Command is postqueue(1).
var Command = &cli.Command{
	Name: "postqueue", Section: 1, Params: queuectl.Params(),
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		o := new(queueOptions)
		fs.BoolVarP(&o.list, "list", "p", false, "list the queue, as mailq(1) does")
		fs.BoolVarP(&o.json, "json", "j", false, "list the queue in JSON, one line a message")
		fs.BoolVarP(&o.flush, "flush", "f", false, "try to deliver all that waits")
		fs.StringVarP(&o.id, "id", "i", "", "try to deliver one message, by its queue `ID`")
		fs.StringVarP(&o.site, "site", "s", "", "try to deliver the mail for a `domain`")
		fs.CountP("verbose", "v", "accepted for compatibility; does nothing")
		return func(_ context.Context, env *cli.Env) error { return o.run(fs, env) }
	},
}

type queueOptions struct {
	list, json, flush bool
	id, site          string
}

// usage is what is said of a command line that makes no sense.
const usage = "fatal: usage: postqueue -f | postqueue -i queueid | postqueue -j | postqueue -p | postqueue -s site"

func (o *queueOptions) run(fs *pflag.FlagSet, env *cli.Env) error {
	modes := 0
	for _, f := range []string{"list", "json", "flush", "id", "site"} {
		if fs.Changed(f) {
			modes++
		}
	}
	if modes != 1 || len(env.Args) > 0 {
		return cli.Fail(cli.ExUsage, usage)
	}
	request := ipc.ControlRequest{Op: ipc.OpFlush}
	switch {
	case o.list:
		return queuectl.List(env, nil)
	case o.json:
		return queuectl.ListJSON(env, nil)
	case o.flush:
		request.All = true
	case fs.Changed("id"):
		if !queue.ValidID(o.id) {
			return cli.Fail(cli.ExUsage, "fatal: Invalid request: %.100q", o.id)
		}
		request.IDs = []string{o.id}
	default:
		if !queuectl.ValidSite(o.site) {
			return cli.Fail(cli.ExUsage, "fatal: Invalid request: %.100q", o.site)
		}
		request.To = o.site
	}
	_, err := queuectl.Ask(env, request, "")
	return err
}
