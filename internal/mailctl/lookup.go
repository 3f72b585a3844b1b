package mailctl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/table"
)

// lookupSynopsis is what follows `mailctl lookup`.
const lookupSynopsis = "TYPE:NAME KEY|-"

// maxKey is how many octets a key on standard input may have.
const maxKey = 1 << 20

// lookup prints what a table has for a key, as postmap -q does, or for each line
// of standard input, then with the key and a tab before the value. The exit status
// is 1 if there is nothing.
func lookup(_ context.Context, env *cli.Env, args []string) error {
	if len(args) != 2 {
		return cli.Fail(cli.ExUsage, "lookup: want a table and a key; usage: mailctl lookup %s", lookupSynopsis)
	}
	c := env.Config
	t, err := table.Open(args[0], table.Site(c), table.Report(func(p config.Problem) { warn(env, "%v", p) }),
		table.Aliases(slices.Concat(config.AliasMaps.Of(c), config.AliasDatabase.Of(c))...))
	if err != nil {
		return cli.Fail(cli.ExUsage, "lookup: %v", err)
	}
	if args[1] == "-" {
		return lookupLines(env, t)
	}
	value, found, err := t.Lookup(args[1])
	if err != nil {
		return cli.Fail(cli.ExTempFail, "%q: %w", args[1], err)
	}
	if !found {
		return &cli.Status{Code: 1}
	}
	_, err = fmt.Fprintln(env.Stdout, value)
	return err
}

// lookupLines looks up each line of standard input. A key that cannot be looked up
// for now does not stop the others.
func lookupLines(env *cli.Env, t table.Table) error {
	out := bufio.NewWriter(env.Stdout)
	any, failed := false, false
	lines := bufio.NewScanner(env.Stdin)
	lines.Buffer(nil, maxKey)
	for lines.Scan() {
		key := strings.TrimSuffix(lines.Text(), "\r")
		value, found, err := t.Lookup(key)
		if err != nil {
			failed = true
			warn(env, "%q: %v", key, err)
		}
		if found && err == nil {
			any = true
			if _, err := fmt.Fprintf(out, "%s\t%s\n", key, value); err != nil {
				return err
			}
		}
	}
	if err := errors.Join(lines.Err(), out.Flush()); err != nil {
		return &cli.Status{Code: cli.ExIOErr, Err: fmt.Errorf("lookup: %w", err)}
	}
	switch {
	case failed:
		return &cli.Status{Code: cli.ExTempFail}
	case !any:
		return &cli.Status{Code: 1}
	}
	return nil
}
