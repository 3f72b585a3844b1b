package mailctl

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/ipc"
	"yubin/internal/queuectl"
)

// chosen is how messages are named on a command line.
const chosen = "[-n] ID...|ALL|-|FILTER"

// queueCommands is every command of `mailctl queue`.
func queueCommands() []subcommand {
	return []subcommand{
		{"list", "[-j] [FILTER]", "list the messages in the queue, as mailq does, or with all details in JSON", queueList},
		{"ages", agesSynopsis, "count messages by destination and age, as qshape does", queueAges},
		{"show", "ID", "show envelope and recipients of a message", queueShow},
		{"cat", "ID", "print the content of a message", queueCat},
		{"flush", "[--to DOMAIN|" + chosen + "]", "try to deliver messages now, those for a domain (@DOMAIN: and below it), or all", queueFlush},
		{"hold", chosen, "keep messages from being delivered", change(queuectl.Hold)},
		{"release", chosen, "end the hold", change(queuectl.Release)},
		{"requeue", chosen, "end the hold, and have messages routed anew and tried now", change(queuectl.Requeue)},
		{"expire", chosen, "send messages back as if their time were over; ALL leaves those on hold", change(queuectl.Expire)},
		{"delete", chosen, "remove messages for good, without a notice", change(queuectl.Delete)},
	}
}

// A selection is the command line of a command on many messages.
type selection struct {
	set    *pflag.FlagSet
	filter *queuectl.Filter
	dry    bool
}

func newSelection(name string) *selection {
	s := &selection{set: pflag.NewFlagSet("mailctl queue "+name, pflag.ContinueOnError)}
	s.set.SetOutput(io.Discard)
	s.filter = queuectl.AddFilter(s.set)
	return s
}

// parse reads it and returns the filter, nil when there is none, and the operands.
func (s *selection) parse(args []string) (*ipc.Filter, []string, error) {
	err := s.set.Parse(args)
	if err != nil {
		return nil, nil, cli.Fail(cli.ExUsage, "%v", err)
	}
	filter, err := s.filter.Given()
	if err != nil {
		return nil, nil, cli.Fail(cli.ExUsage, "%v", err)
	}
	return filter, s.set.Args(), nil
}

// carryOut does what the command line asks.
func (s *selection) carryOut(env *cli.Env, d queuectl.Deed, filter *ipc.Filter, ids []string) error {
	if s.dry {
		return d.Try(env, filter, ids)
	}
	return d.Do(env, filter, ids)
}

func queueList(_ context.Context, env *cli.Env, args []string) error {
	s := newSelection("list")
	json := s.set.BoolP("json", "j", false, "in JSON")
	filter, rest, err := s.parse(args)
	if err == nil {
		err = noOperands(rest)
	}
	if err != nil {
		return err
	}
	if *json {
		return queuectl.ListJSON(env, filter)
	}
	return queuectl.List(env, filter)
}

// queueFlush is postqueue -f, -i and -s, and more.
func queueFlush(_ context.Context, env *cli.Env, args []string) error {
	s := newSelection("flush")
	s.set.BoolVarP(&s.dry, "dry-run", "n", false, "say which")
	to := s.set.String("to", "", "for a domain")
	filter, ids, err := s.parse(args)
	switch {
	case err != nil:
		return err
	case s.set.Changed("to") && (filter != nil || s.dry || len(ids) > 0):
		return cli.Fail(cli.ExUsage, "--to: a domain stands alone; --destination is one of several conditions")
	case s.set.Changed("to"):
		return flushTo(env, *to)
	case s.dry || filter != nil:
		return s.carryOut(env, queuectl.Flush, filter, ids)
	case len(ids) == 0:
		ids = []string{"ALL"}
	}
	return queuectl.Flush.Do(env, nil, ids)
}

// flushTo has the mail for one domain tried.
func flushTo(env *cli.Env, domain string) error {
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
	return func(_ context.Context, env *cli.Env, args []string) error {
		s := newSelection(d.Op)
		s.set.BoolVarP(&s.dry, "dry-run", "n", false, "say which")
		filter, ids, err := s.parse(args)
		if err != nil {
			return err
		}
		return s.carryOut(env, d, filter, ids)
	}
}

// oneID returns the operand of a command that takes one message.
func oneID(args []string) (string, error) {
	if len(args) != 1 {
		return "", cli.Fail(cli.ExUsage, "want one queue ID")
	}
	return args[0], queuectl.WantIDs(args)
}
