package mailctl

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"yubin/internal/cli"
	"yubin/internal/ipc"
	"yubin/internal/queuectl"
)

// queueCommands is every command of `mailctl queue`.
func queueCommands() []subcommand {
	return []subcommand{
		{"list", "[-j]", "list the messages in the queue, as mailq does, or with all details in JSON", queueList},
		{"show", "ID", "show envelope and recipients of a message", queueShow},
		{"cat", "ID", "print the content of a message", queueCat},
		{"flush", "[ID...|--to DOMAIN]", "try to deliver messages now, those for a domain (@DOMAIN: and below it), or all", queueFlush},
		{"hold", "ID...|ALL|-", "keep messages from being delivered", change(queuectl.Hold)},
		{"release", "ID...|ALL|-", "end the hold", change(queuectl.Release)},
		{"expire", "ID...|ALL|-", "send messages back as if their time were over; ALL leaves those on hold", change(queuectl.Expire)},
		{"delete", "ID...|ALL|-", "remove messages for good, without a notice", change(queuectl.Delete)},
	}
}

func queueList(_ context.Context, env *cli.Env, args []string) error {
	if len(args) == 1 && args[0] == "-j" {
		return queuectl.ListJSON(env)
	}
	if err := noOperands(args); err != nil {
		return err
	}
	return queuectl.List(env)
}

// queueFlush is postqueue -f, -i and -s.
func queueFlush(_ context.Context, env *cli.Env, args []string) error {
	if len(args) > 0 && strings.HasPrefix(args[0], "-") {
		return flushTo(env, args)
	}
	if len(args) == 0 || len(args) == 1 && args[0] == "ALL" {
		_, err := queuectl.Ask(env, ipc.ControlRequest{Op: ipc.OpFlush, All: true}, "")
		return err
	}
	if err := queuectl.WantIDs(args); err != nil {
		return err
	}
	_, err := queuectl.AskIDs(env, ipc.OpFlush, slices.Values(args), "")
	return err
}

// flushTo has the mail for one domain tried.
func flushTo(env *cli.Env, args []string) error {
	flag, domain, given := strings.Cut(args[0], "=")
	if !given && len(args) == 2 {
		domain = args[1]
	}
	if flag != "--to" || given != (len(args) == 1) {
		return cli.Fail(cli.ExUsage, "want queue IDs, or --to and a domain")
	}
	if !queuectl.ValidSite(domain) {
		return cli.Fail(cli.ExUsage, "--to: %q is no domain", domain)
	}
	n, err := queuectl.Ask(env, ipc.ControlRequest{Op: ipc.OpFlush, To: domain}, "")
	if err == nil {
		fmt.Fprintf(env.Stderr, "%s: %d message%s for %s tried now\n", env.Program, n, queuectl.Plural(n), domain)
	}
	return err
}

// change returns the command that carries out a deed.
func change(d queuectl.Deed) func(context.Context, *cli.Env, []string) error {
	return func(_ context.Context, env *cli.Env, args []string) error { return d.Do(env, args) }
}

// oneID returns the operand of a command that takes one message.
func oneID(args []string) (string, error) {
	if len(args) != 1 {
		return "", cli.Fail(cli.ExUsage, "want one queue ID")
	}
	return args[0], queuectl.WantIDs(args)
}
