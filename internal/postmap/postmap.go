// Package postmap has Postfix's commands for lookup tables: postmap and
// postalias. Tables are text files, read as they are: to build one is to check
// it. Package tablectl looks keys up, as for `mailctl lookup`.
package postmap

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/table"
	"yubin/internal/tablectl"
)

// Command is postmap(1).
var Command = command("postmap", false)

// Alias is postalias(1).
var Alias = command("postalias", true)

func command(name string, alias bool) *cli.Command {
	return &cli.Command{
		Name: name, Section: 1, Synopsis: "[TYPE:]FILE...", NoOverrides: true,
		Params: slices.Concat(tablectl.Params(), []*config.Def{config.DefaultDatabaseType.Def}),
		Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
			o := &options{fs: fs, alias: alias}
			fs.StringVarP(&o.query, "query", "q", "", "print the value of a `key`; -: of every line of standard input, with the key")
			fs.StringVarP(&o.remove, "delete", "d", "", "refused: a `key` is removed from the text file itself")
			fs.BoolVarP(&o.dump, "sequence", "s", false, "print all keys and values of a text file")
			fs.BoolVarP(&o.add, "incremental", "i", false, "refused: what is to be added goes into the text file itself")
			fs.BoolVarP(&o.json, "json", "j", false, "with -s: print in JSON, one line each")
			for _, f := range ignored {
				fs.BoolP(f.name, f.letter, false, "accepted for compatibility; does nothing")
			}
			fs.CountP("verbose", "v", "accepted for compatibility; does nothing")
			return func(_ context.Context, env *cli.Env) error { return o.run(env) }
		},
	}
}

// ignored are options that say how a database file is written.
var ignored = []struct{ name, letter string }{
	{"no-fold", "f"}, {"null", "N"}, {"no-null", "n"}, {"keep-owner", "o"}, {"keep-mode", "p"}, {"replace", "r"},
	{"no-utf8", "u"}, {"force-utf8", "U"}, {"quiet-duplicates", "w"},
}

type options struct {
	fs              *pflag.FlagSet
	alias           bool
	query, remove   string
	dump, add, json bool
}

func fatal(format string, args ...any) error { return cli.Fail(1, "fatal: "+format, args...) }

func (o *options) run(env *cli.Env) error {
	if len(env.Args) == 0 {
		return fatal("usage: %s [-q key] [-s] [type:]file...", env.Program)
	}
	if o.add || o.fs.Changed("delete") {
		return fatal("%s: the table is its text file: change that, and nothing has to be built", env.Args[0])
	}
	specs := make([]string, len(env.Args))
	for i, a := range env.Args {
		specs[i] = a
		if !strings.Contains(a, ":") || strings.HasPrefix(a, "/") {
			specs[i] = config.DefaultDatabaseType.Of(env.Config) + ":" + a
		}
	}
	switch {
	case o.fs.Changed("query"):
		return o.lookup(env, specs)
	case o.dump:
		return o.print(env, specs)
	}
	return o.check(env, specs)
}

// aliases are the tables to be read as alias files.
func (o *options) aliases(specs []string) []string {
	if o.alias {
		return specs
	}
	return nil
}

// lookup is -q: the first table that has the key counts.
func (o *options) lookup(env *cli.Env, specs []string) error {
	if o.query == "-" && len(specs) > 1 {
		return fatal("-q - wants one table")
	}
	var err error
	for _, spec := range specs {
		t, failed := tablectl.Open(env, spec, o.aliases(specs)...)
		if failed != nil {
			return fatal("%v", failed)
		}
		if err = tablectl.Lookup(env, t, o.query); err == nil {
			return nil
		}
		if s, ok := err.(*cli.Status); !ok || s.Err != nil {
			return err
		}
	}
	return err
}

// print is -s.
func (o *options) print(env *cli.Env, specs []string) error {
	for _, spec := range specs {
		if !table.IsText(spec) {
			return fatal("%s: a table of this type cannot be listed", spec)
		}
		var failed error
		err := table.Each(spec, func(key, value string) bool {
			_, failed = fmt.Fprintln(env.Stdout, o.pair(key, value))
			return failed == nil
		}, table.Aliases(o.aliases(specs)...))
		if err != nil {
			return fatal("%v", err)
		}
		if failed != nil {
			return &cli.Status{Code: cli.ExIOErr, Err: failed}
		}
	}
	return nil
}

func (o *options) pair(key, value string) string {
	if !o.json {
		return key + "\t" + value
	}
	return "{" + quoted(key) + ": " + quoted(value) + "}"
}

func quoted(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(s) != nil {
		return `""`
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// check is what stands for building a table: lines that make no sense are
// warned of, as in Postfix; a table that cannot be read is an error.
func (o *options) check(env *cli.Env, specs []string) error {
	for _, spec := range specs {
		for _, p := range table.Check(spec, table.Aliases(o.aliases(specs)...)) {
			if p.Line == 0 {
				return fatal("%s", p)
			}
			fmt.Fprintf(env.Stderr, "%s: warning: %s\n", env.Program, p)
		}
	}
	return nil
}
