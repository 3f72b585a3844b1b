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
	"yubin/internal/config"
	"yubin/internal/queuectl"
	"yubin/internal/runctl"
	"yubin/internal/story"
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
		{"check", "", "say what is wrong with the configuration, and how to mend it", check},
		{"config", configSynopsis, "print parameters, as postconf does", showConfig},
		{"start", "", "start the mail system in the background", sound(start)},
		{"stop", "", "stop the mail system and wait until it has ended", sound(stop)},
		{"reload", "", "have the mail system read its configuration again", sound(reload)},
		{"upgrade", "", "have the mail system go on with the programs that are installed now", sound(upgrade)},
		{"status", "", "say whether the mail system runs", sound(status)},
		{"who", "", "list the people who are logged in to read their mail", sound(who)},
		{"kick", "USER", "end the sessions of a user", sound(kick)},
		{"route", routeSynopsis, "say how mail for an address is delivered, step by step", sound(showRoute)},
		{"trace", traceSynopsis, "tell the story of a letter from log and queue", sound(showTrace)},
		{"lookup", lookupSynopsis, "look a key up in a table, as postmap -q does", sound(lookup)},
		{"relay", "set|test|unset [ARGUMENT...]", "send mail for other hosts through a relay", sound(group("relay", relayCommands))},
		{"user", "add|passwd|list|show|quota|rename|delete|import [ARGUMENT...]", "make and change accounts", sound(group("user", userCommands))},
		{"queue", "list|ages|show|cat|flush|hold|release|requeue|expire|delete [ARGUMENT...]", "look at and manage the queue", sound(group("queue", queueCommands))},
	}
}

// params are the parameters that subcommands other than check read.
var params = slices.Concat(runctl.Params, queuectl.Params(), routeParams, relayParams, userParams, story.Params)

// Command is mailctl(8).
var Command = &cli.Command{
	Name: "mailctl", Section: 8, Synopsis: "COMMAND [ARGUMENT...]",
	Params:   slices.Concat(params, checkParams, roomParams, senseParams, mailboxParams, tlsCheckParams(), defsOf(mapLists), defsOf(matchLists)),
	Tolerant: true,
	Help:     help,
	Setup:    func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error { return run },
}

func defsOf(lists []config.List) []*config.Def {
	var defs []*config.Def
	for _, l := range lists {
		defs = append(defs, l.Def)
	}
	return defs
}

// group is run for a subcommand that has subcommands of its own.
func group(name string, commands func() []subcommand) func(context.Context, *cli.Env, []string) error {
	return func(ctx context.Context, env *cli.Env, args []string) error {
		var names []string
		for _, s := range commands() {
			if len(args) > 0 && s.name == args[0] {
				return s.run(ctx, env, args[1:])
			}
			names = append(names, s.name)
		}
		return cli.Fail(cli.ExUsage, "%s: want one of %s", name, strings.Join(names, ", "))
	}
}

// sound is run for a subcommand that does not bear a faulty main.cf.
func sound(run func(context.Context, *cli.Env, []string) error) func(context.Context, *cli.Env, []string) error {
	return func(ctx context.Context, env *cli.Env, args []string) error {
		err := env.Config.Err()
		if err == nil {
			err = env.Config.Check(params)
		}
		if err != nil {
			return &cli.Status{Code: cli.ExConfig, Err: err}
		}
		return run(ctx, env, args)
	}
}

func run(ctx context.Context, env *cli.Env) error {
	var names []string
	for _, s := range subcommands() {
		if len(env.Args) > 0 && s.name == env.Args[0] {
			return s.run(ctx, env, env.Args[1:])
		}
		names = append(names, s.name)
	}
	want := strings.Join(names, ", ")
	if len(env.Args) == 0 {
		return cli.Fail(cli.ExUsage, "want a command: %s", want)
	}
	return cli.Fail(cli.ExUsage, "%s is no command: want %s", env.Args[0], want)
}

// help is the table of subcommands for --help.
func help() string {
	var b strings.Builder
	b.WriteString("commands:\n")
	groups := map[string][]subcommand{"relay": relayCommands(), "user": userCommands(), "queue": queueCommands()}
	for _, s := range subcommands() {
		if group := groups[s.name]; group != nil {
			for _, q := range group {
				fmt.Fprintf(&b, "  %s\n        %s\n", strings.TrimSpace(s.name+" "+q.name+" "+q.synopsis), q.summary)
			}
			continue
		}
		fmt.Fprintf(&b, "  %s\n        %s\n", strings.TrimSpace(s.name+" "+s.synopsis), s.summary)
	}
	return b.String()
}
