// Package newaliases is the newaliases command: it checks the alias files.
// There is nothing to compile, since delivery reads the text.
package newaliases

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"yubin/internal/aliases"
	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/historic"
	"yubin/internal/table"
)

// Command is newaliases(1).
var Command = &cli.Command{
	Name: "newaliases", Section: 1,
	Params: []*config.Def{config.AliasDatabase.Def},
	Args:   historic.Under("i", historic.Letter{Name: 'c', Arg: true, Flag: "config"}),
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		fs.CountP("verbose", "v", "accepted for compatibility; does nothing")
		return func(_ context.Context, env *cli.Env) error {
			if len(env.Args) > 0 {
				return cli.Fail(cli.ExUsage, "takes no operands, have %q", env.Args[0])
			}
			return check(env)
		}
	},
}

// checkValue tells what is wrong with what an alias stands for. Mail for such an
// alias waits.
func checkValue(name, value string) error {
	if err := aliases.CheckList(value); err != nil {
		return fmt.Errorf("%q: %w; its mail waits", name, err)
	}
	for _, file := range aliases.Includes(value) {
		info, err := os.Stat(file)
		switch {
		case !filepath.IsAbs(file):
			return fmt.Errorf("%q: :include:%s: want an absolute path", name, file)
		case err != nil:
			return fmt.Errorf("%q: :include: %w", name, err)
		case info.Mode().Perm()&0o002 != 0:
			return fmt.Errorf("%q: :include:%s: anybody may write to it, it does not count", name, file)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			continue // whoever runs this may not read what local(8) may
		}
		if err := aliases.CheckFile(file, data); err != nil {
			return fmt.Errorf("%q: %w; its mail waits", name, err)
		}
	}
	return nil
}

// check prints what is wrong with the files of alias_database. Aliases that
// delivery would miss make the command fail.
func check(env *cli.Env) error {
	specs := config.AliasDatabase.Of(env.Config)
	var problems []config.Problem
	for _, spec := range specs {
		problems = append(problems, table.Check(spec, table.Aliases(specs...), table.Values(checkValue))...)
	}
	problems = append(problems, aliases.Loops(specs)...)
	for _, p := range problems {
		fmt.Fprintf(env.Stderr, "%s: %s\n", env.Program, p)
	}
	if len(problems) > 0 {
		return &cli.Status{Code: 1}
	}
	return nil
}
