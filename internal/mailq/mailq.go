// Package mailq is the mailq command: it lists the queue.
package mailq

import (
	"context"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/queuectl"
)

// Command is mailq(1).
var Command = &cli.Command{
	Name: "mailq", Section: 1,
	Params: queuectl.Params(),
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		fs.CountP("verbose", "v", "accepted for compatibility; does nothing")
		return func(_ context.Context, env *cli.Env) error {
			if len(env.Args) > 0 {
				return cli.Fail(cli.ExUsage, "takes no operands, have %q", env.Args[0])
			}
			return queuectl.List(env)
		}
	},
}
