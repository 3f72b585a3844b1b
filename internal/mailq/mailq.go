// Package mailq is the mailq command: it lists the queue, and with -q has it tried.
package mailq

import (
	"context"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/historic"
	"yubin/internal/ipc"
	"yubin/internal/queuectl"
)

// Command is mailq(1).
var Command = &cli.Command{
	Name: "mailq", Section: 1,
	Params: queuectl.Params(),
	Args:   historic.Under("p", historic.Letter{Name: 'c', Arg: true, Flag: "config"}, historic.Letter{Name: 'j', Flag: "json"}, historic.Letter{Flag: historic.Flush}),
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		json := fs.BoolP("json", "j", false, "list in JSON, one line a message")
		flush := fs.BoolP(historic.Flush, "q", false, "try to deliver all that waits, as sendmail -q does, instead of listing")
		fs.CountP("verbose", "v", "accepted for compatibility; does nothing")
		return func(_ context.Context, env *cli.Env) error {
			if len(env.Args) > 0 {
				return cli.Fail(cli.ExUsage, "takes no operands, have %q", env.Args[0])
			}
			if *flush {
				_, err := queuectl.Ask(env, ipc.ControlRequest{Op: ipc.OpFlush, All: true}, "")
				return err
			}
			if *json {
				return queuectl.ListJSON(env, nil)
			}
			return queuectl.List(env, nil)
		}
	},
}
