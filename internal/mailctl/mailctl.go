// Package mailctl is the command that runs the system: it shows and checks
// the configuration, starts and stops the daemons and manages the queue.
package mailctl

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/queuectl"
)

// A subcommand is a row of the table: `mailctl NAME ARGS`.
type subcommand struct {
	name     string
	synopsis string // the arguments, as in a manual: "[-n|-d] [NAME...]"
	summary  string // one line, lower case, no full stop
	run      func(ctx context.Context, env *cli.Env, args []string) error
}

// subcommands is every subcommand, in the order of the help text.
func subcommands() []subcommand {
	return []subcommand{
		{"start", "", "start the mail system in the background", start},
		{"stop", "", "stop the mail system and wait until it has ended", stop},
		{"reload", "", "have the mail system read its configuration again", reload},
		{"status", "", "say whether the mail system runs", status},
		{"queue", "list|show|cat|flush|hold|release|delete [ID...]", "look at and manage the queue", queueCommand},
	}
}

// Command is mailctl(8).
var Command = &cli.Command{
	Name: "mailctl", Section: 8,
	Params: slices.Concat(runParams, queuectl.Params()),
	Setup:  func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error { return run },
}

func run(ctx context.Context, env *cli.Env) error {
	if len(env.Args) == 0 {
		return cli.Fail(cli.ExUsage, "want a command: %s", names())
	}
	for _, s := range subcommands() {
		if s.name == env.Args[0] {
			return s.run(ctx, env, env.Args[1:])
		}
	}
	return cli.Fail(cli.ExUsage, "%s is no command: want %s", env.Args[0], names())
}

func names() string {
	var out []string
	for _, s := range subcommands() {
		out = append(out, s.name)
	}
	return fmt.Sprint(strings.Join(out, ", "))
}
