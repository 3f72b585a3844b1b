package cli

import (
	"context"
	"testing"

	"github.com/spf13/pflag"
)

// mailq and newaliases are names of sendmail elsewhere, and are called like it.
func TestSendmailFlags(t *testing.T) {
	t.Parallel()
	dir := etc(t, "")
	for _, args := range [][]string{{"-C", dir, "-Ac"}, {"-C" + dir, "-v"}, {"-Am", "-c", dir}} {
		var got string
		c := &Command{Name: "mailq", Section: 1, Setup: func(fs *pflag.FlagSet) func(context.Context, *Env) error {
			SendmailFlags(fs)
			return func(_ context.Context, env *Env) error {
				got = env.Config.Dir
				return nil
			}
		}}
		if status := Run(c, args); status != 0 || got != dir {
			t.Errorf("%q: status %d, configuration in %q", args, status, got)
		}
	}
}
