// Package postmap has Postfix's commands for lookup tables: postmap and
// postalias. Tables are text files, read as they are: to build one is to check
// it. Package tablectl looks keys up, as for `mailctl lookup`.
package postmap

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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
			if !alias {
				fs.BoolVarP(&o.files, "files", "F", false, "values are names of files: print, or check, what is in these, one behind the other")
				fs.BoolVarP(&o.letter.headers, "header", "h", false, "with -q -: standard input is a message; look up each field of its header")
				fs.BoolVarP(&o.letter.bodies, "body", "b", false, "with -q -: standard input is a message; look up each line of its body")
				fs.BoolVarP(&o.letter.mime, "mime", "m", false, "with -h and -b: the parts of the message have headers, too")
			}
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
	files           bool
	letter          letter
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
		specs[i] = tablectl.FromHere(specs[i])
	}
	if (o.letter.headers || o.letter.bodies) && o.query != "-" {
		return fatal("-h and -b are for -q -: standard input is the message")
	}
	if o.letter.mime && !o.letter.headers && !o.letter.bodies {
		return fatal("-m goes with -h, -b or both")
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

// between stands between a key and its value in print.
func (o *options) between() string {
	if o.alias {
		return tablectl.Colon
	}
	return tablectl.Tab
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
		if o.files {
			t = filesOf(t, spec)
		}
		if o.letter.headers || o.letter.bodies {
			return o.lookupLetter(env, t)
		}
		if err = tablectl.Lookup(env, t, o.query, o.between()); err == nil {
			return nil
		}
		if s, ok := err.(*cli.Status); !ok || s.Err != nil {
			return err
		}
	}
	return err
}

// lookupLetter is -q - with -h and -b.
func (o *options) lookupLetter(env *cli.Env, t table.Table) error {
	keys, err := o.letter.keys(env.Stdin)
	if err != nil {
		return &cli.Status{Code: cli.ExIOErr, Err: fmt.Errorf("fatal: standard input: %w", err)}
	}
	return tablectl.LookupEach(env, t, o.between(), keys)
}

// print is -s.
func (o *options) print(env *cli.Env, specs []string) error {
	for _, spec := range specs {
		if !table.IsText(spec) {
			return fatal("%s: a table of this type cannot be listed", spec)
		}
		var failed error
		err := table.Each(spec, func(key, value string) bool {
			if o.files {
				if value, failed = concatenated(value); failed != nil {
					failed = fatal("%s: %v", key, failed)
					return false
				}
			}
			_, failed = fmt.Fprintln(env.Stdout, o.pair(key, value))
			return failed == nil
		}, table.Aliases(o.aliases(specs)...))
		if err != nil {
			return fatal("%v", err)
		}
		var status *cli.Status
		if failed != nil && !errors.As(failed, &status) {
			failed = &cli.Status{Code: cli.ExIOErr, Err: failed}
		}
		if failed != nil {
			return failed
		}
	}
	return nil
}

func (o *options) pair(key, value string) string {
	if !o.json {
		return key + o.between() + value
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
		if err := o.checkFiles(spec); err != nil {
			return err
		}
	}
	return nil
}

// checkFiles is what -F checks of a text: that the files are there.
func (o *options) checkFiles(spec string) error {
	if !o.files || !table.IsText(spec) {
		return nil
	}
	var bad error
	err := table.Each(spec, func(key, value string) bool {
		if _, err := concatenated(value); err != nil {
			bad = fatal("%s: %s: %v", spec, key, err)
		}
		return bad == nil
	}, table.Aliases(o.aliases([]string{spec})...))
	if bad == nil && err != nil {
		bad = fatal("%v", err)
	}
	return bad
}
