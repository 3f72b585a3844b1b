// Package newaliases is the newaliases command: it checks the alias files.
// There is nothing to compile, since delivery reads the text.
package newaliases

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/table"
)

// Command is newaliases(1).
var Command = &cli.Command{
	Name: "newaliases", Section: 1,
	Params: []*config.Def{config.AliasDatabase.Def},
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

// check prints what is wrong with the files of alias_database. Aliases that
// delivery would miss make the command fail.
func check(env *cli.Env) error {
	specs := config.AliasDatabase.Of(env.Config)
	bad := false
	for _, spec := range specs {
		for _, p := range table.Check(spec, table.Aliases(specs...)) {
			fmt.Fprintf(env.Stderr, "%s: %s\n", env.Program, p)
			bad = true
		}
	}
	if bad {
		return &cli.Status{Code: 1}
	}
	return nil
}
