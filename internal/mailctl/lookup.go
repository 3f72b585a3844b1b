package mailctl

import (
	"context"

	"yubin/internal/cli"
	"yubin/internal/tablectl"
)

// lookupSynopsis is what follows `mailctl lookup`.
const lookupSynopsis = "TYPE:NAME KEY|-"

// lookup looks keys up in a table.
func lookup(_ context.Context, env *cli.Env, args []string) error {
	if len(args) != 2 {
		return cli.Fail(cli.ExUsage, "lookup: want a table and a key; usage: mailctl lookup %s", lookupSynopsis)
	}
	t, err := tablectl.Open(env, tablectl.FromHere(args[0]))
	if err != nil {
		return cli.Fail(cli.ExUsage, "lookup: %v", err)
	}
	return tablectl.Lookup(env, t, args[1], tablectl.Tab)
}
