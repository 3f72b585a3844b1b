package mailctl

import (
	"context"
	"time"

	"yubin/internal/cli"
	"yubin/internal/queuectl"
)

const agesSynopsis = "[-s] [-l] [-b COLUMNS] [-t MINUTES] [--least N] [FILTER]"

// queueAges is Postfix's qshape, for the whole queue unless a filter says less.
func queueAges(_ context.Context, env *cli.Env, args []string) error {
	s := newSelection("ages")
	bySender := s.set.BoolP("senders", "s", false, "count messages by the sender's domain")
	linear := s.set.BoolP("linear", "l", false, "columns of one width")
	columns := s.set.IntP("columns", "b", 10, "how many")
	first := s.set.IntP("minutes", "t", 5, "of the first column")
	least := s.set.Int("least", 0, "leave out domains with fewer")
	filter, rest, err := s.parse(args)
	if err == nil {
		err = noOperands(rest)
	}
	switch {
	case err != nil:
		return err
	case *columns < 1 || *columns > 20:
		return cli.Fail(cli.ExUsage, "--columns: want 1..20, have %d", *columns)
	case *first < 1 || *first > 100_000:
		return cli.Fail(cli.ExUsage, "--minutes: want 1..100000, have %d", *first)
	}
	table := queuectl.NewAges(*bySender, *columns, time.Duration(*first)*time.Minute, *linear)
	if err := queuectl.Each(env, filter, table.Entry); err != nil {
		return err
	}
	return table.Print(env.Stdout, *least)
}
