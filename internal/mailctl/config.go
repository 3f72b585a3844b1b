package mailctl

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/showconf"
)

func configFlags(o *showconf.Options) *pflag.FlagSet {
	fs := pflag.NewFlagSet("mailctl config", pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.BoolVarP(&o.Changed, "changed", "n", false, "only what main.cf sets")
	fs.BoolVarP(&o.Defaults, "defaults", "d", false, "defaults instead of values")
	fs.BoolVarP(&o.Values, "values", "h", false, "values without names")
	fs.BoolVarP(&o.Names, "names", "H", false, "names without values")
	fs.BoolVarP(&o.Expand, "expand", "x", false, "values with $name replaced")
	return fs
}

// configSynopsis is what follows `mailctl config`.
const configSynopsis = "[-n|-d] [-h|-H] [-x] [NAME...]"

// showConfig prints parameters in the form of postconf(1), by name or, when
// the caller names some, in the caller's order.
func showConfig(_ context.Context, env *cli.Env, args []string) error {
	var o showconf.Options
	fs := configFlags(&o)
	if err := fs.Parse(args); err != nil {
		return cli.Fail(cli.ExUsage, "config: %v; usage: mailctl config %s", err, configSynopsis)
	}
	switch {
	case o.Changed && o.Defaults:
		return cli.Fail(cli.ExUsage, "config: specify one of -d and -n")
	case o.Names && o.Values:
		return cli.Fail(cli.ExUsage, "config: specify one of -h and -H")
	}
	return o.Print(env, fs.Args())
}

func warn(env *cli.Env, format string, args ...any) {
	fmt.Fprintf(env.Stderr, "mailctl: warning: "+format+"\n", args...)
}
