// Package tablectl is what `mailctl lookup`, postmap and postalias share: looking
// keys up in a table for a person or a script.
package tablectl

import (
	"bufio"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/table"
)

// maxKey is how many octets a key on standard input may have.
const maxKey = 1 << 20

// Params are the parameters that Open reads beside those of the table.
func Params() []*config.Def { return []*config.Def{config.AliasMaps.Def, config.AliasDatabase.Def} }

// Open opens a table, TYPE:NAME. Those that alias parameters name are read as
// alias files, and those in also.
func Open(env *cli.Env, spec string, also ...string) (table.Table, error) {
	c := env.Config
	return table.Open(spec, table.Site(c), table.Report(func(p config.Problem) { warn(env, "%v", p) }),
		table.Aliases(slices.Concat(config.AliasMaps.Of(c), config.AliasDatabase.Of(c), also)...))
}

// FromHere is the spec of a table whose file, if it is one, is named from the
// working directory, as people do: cd /etc/postfix && postmap hash:transport.
// Daemons have none, and want whole paths.
func FromHere(spec string) string {
	kind, name, ok := strings.Cut(spec, ":")
	if !ok || !table.IsText(spec) && !slices.Contains([]string{"cidr", "pcre", "regexp"}, kind) {
		return spec
	}
	path, err := filepath.Abs(name)
	if err != nil || name == "" {
		return spec // who opens it says what is wrong
	}
	return kind + ":" + path
}

// What stands between a key and its value in print.
const (
	Tab   = "\t"
	Colon = ":\t" // as in an alias file
)

// Lookup prints what a table has for a key, as postmap -q does, or, for the key
// "-", for each line of standard input, then with the key before the value. The
// exit status is 1 if there is nothing.
func Lookup(env *cli.Env, t table.Table, key, between string) error {
	if key == "-" {
		return lookupLines(env, t, between)
	}
	value, found, err := t.Lookup(key)
	if err != nil {
		return cli.Fail(cli.ExTempFail, "%q: %w", key, err)
	}
	if !found {
		return &cli.Status{Code: 1}
	}
	_, err = fmt.Fprintln(env.Stdout, value)
	return err
}

// lookupLines looks up each line of standard input.
func lookupLines(env *cli.Env, t table.Table, between string) error {
	lines := bufio.NewScanner(env.Stdin)
	lines.Buffer(nil, maxKey)
	err := LookupEach(env, t, between, func(yield func(string) bool) {
		for lines.Scan() && yield(strings.TrimSuffix(lines.Text(), "\r")) {
		}
	})
	if failed := lines.Err(); failed != nil {
		return &cli.Status{Code: cli.ExIOErr, Err: fmt.Errorf("lookup: %w", failed)}
	}
	return err
}

// LookupEach looks up keys and prints those that the table has, with their
// values. A key that cannot be looked up for now does not stop the others.
func LookupEach(env *cli.Env, t table.Table, between string, keys iter.Seq[string]) error {
	out := bufio.NewWriter(env.Stdout)
	any, failed := false, false
	for key := range keys {
		value, found, err := t.Lookup(key)
		if err != nil {
			failed = true
			warn(env, "%q: %v", key, err)
		}
		if found && err == nil {
			any = true
			fmt.Fprintf(out, "%s%s%s\n", key, between, value) // Flush has the error
		}
	}
	if err := out.Flush(); err != nil {
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

func warn(env *cli.Env, format string, args ...any) {
	fmt.Fprintf(env.Stderr, env.Program+": warning: "+format+"\n", args...)
}
