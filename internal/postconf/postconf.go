// Package postconf is Postfix's postconf(1): it prints and changes main.cf and
// master.cf. Package showconf prints parameters, as for `mailctl config`; package
// config changes the files, each at once and whole, and keeps comments.
package postconf

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/showconf"
	"yubin/internal/table"
)

// Command is postconf(1).
var Command = &cli.Command{
	Name: "postconf", Section: 1, Synopsis: "[NAME...|NAME=VALUE...|SERVICE/TYPE...]", Tolerant: true,
	Setup: func(fs *pflag.FlagSet) func(context.Context, *cli.Env) error {
		o := flags(fs)
		return func(_ context.Context, env *cli.Env) error { return o.run(env) }
	},
}

// options are the flags.
type options struct {
	show                    showconf.Options
	edit, remove, comment   bool
	main                    bool
	entries, fields, params bool
	class                   string
	types, locks            bool
	servers, clients        bool
	notices, templates      bool
	tls                     string
}

func flags(fs *pflag.FlagSet) *options {
	o := new(options)
	fs.BoolVarP(&o.show.Changed, "changed", "n", false, "print only what main.cf sets")
	fs.BoolVarP(&o.show.Defaults, "defaults", "d", false, "print defaults instead of values")
	fs.BoolVarP(&o.show.Values, "values", "h", false, "print values without names")
	fs.BoolVarP(&o.show.Names, "names", "H", false, "print names without values")
	fs.BoolVarP(&o.show.Expand, "expand", "x", false, "print values with $name replaced")
	fs.BoolVarP(&o.show.Fold, "fold", "f", false, "print long lines in several")
	fs.BoolVarP(&o.show.JSON, "json", "j", false, "print parameters in JSON, one line each")
	fs.StringVarP(&o.class, "class", "C", "all", "print the parameters of a `class`: builtin, service, user or all")
	fs.BoolVarP(&o.edit, "edit", "e", false, "set what the operands say, NAME=VALUE; this is so for every operand that has a =")
	fs.BoolVarP(&o.remove, "remove", "X", false, "remove what the operands name from the file")
	fs.BoolVarP(&o.comment, "comment-out", "#", false, "make comments of the lines of what the operands name")
	fs.BoolVarP(&o.main, "main", "p", false, "main.cf, as without -M, -F and -P")
	fs.BoolVarP(&o.entries, "master", "M", false, "entries of master.cf: SERVICE or SERVICE/TYPE; with -e SERVICE/TYPE=ENTRY")
	fs.BoolVarP(&o.fields, "master-fields", "F", false, "fields of master.cf: SERVICE/TYPE/FIELD; with -e SERVICE/TYPE/FIELD=VALUE")
	fs.BoolVarP(&o.params, "master-parameters", "P", false, "parameters that master.cf sets: SERVICE/TYPE/NAME; with -e SERVICE/TYPE/NAME=VALUE")
	fs.BoolVarP(&o.types, "table-types", "m", false, "print the types of lookup tables")
	fs.BoolVarP(&o.locks, "lock-types", "l", false, "print the ways to lock a mailbox")
	fs.BoolVarP(&o.servers, "sasl-servers", "a", false, "print the values of smtpd_sasl_type that are understood")
	fs.BoolVarP(&o.clients, "sasl-clients", "A", false, "print the values of smtp_sasl_type that are understood")
	fs.BoolVarP(&o.notices, "notices", "b", false, "print how notices to senders begin, of the file that the operand names, in place of bounce_template_file; an empty one: our own")
	fs.BoolVarP(&o.templates, "templates", "t", false, "print the templates of notices, of the same file, with their $names")
	fs.StringVarP(&o.tls, "tls", "T", "", "print of TLS: compile-version, run-version or public-key-algorithms, as `mode`")
	fs.CountP("verbose", "v", "accepted for compatibility; does nothing")
	return o
}

func fatal(format string, args ...any) error { return cli.Fail(1, "fatal: "+format, args...) }

func (o *options) run(env *cli.Env) error {
	if err := o.contradiction(); err != nil {
		return err
	}
	switch {
	case o.types:
		return lines(env, table.Types())
	case o.locks:
		return lines(env, []string{"flock", "fcntl", "dotlock"})
	case o.servers:
		return lines(env, []string{"cyrus", "dovecot"})
	case o.clients:
		return lines(env, []string{"cyrus"})
	case o.tls != "":
		return o.showTLS(env)
	case o.notices || o.templates:
		return o.showNotices(env)
	}
	assignments := 0
	for _, a := range env.Args {
		if strings.Contains(a, "=") {
			assignments++
		}
	}
	o.edit = o.edit || assignments > 0 && !o.remove && !o.comment
	switch {
	case o.edit && assignments != len(env.Args):
		return fatal("missing '=' after attribute name: want NAME=VALUE in every operand")
	case (o.remove || o.comment) && assignments > 0:
		return fatal("-X and -# want names, without = and a value")
	case (o.edit || o.remove || o.comment) && len(env.Args) == 0:
		return fatal("usage: postconf -e NAME=VALUE..., postconf -X NAME..., postconf -# NAME...")
	case o.entries:
		return o.masterEntries(env)
	case o.fields:
		return o.masterFields(env)
	case o.params:
		return o.masterParams(env)
	case o.edit || o.remove || o.comment:
		return o.editMain(env)
	}
	return o.printMain(env)
}

// contradiction refuses options that exclude each other.
func (o *options) contradiction() error {
	for _, c := range []struct {
		what string
		set  []bool
	}{
		{"-e, -X and -#", []bool{o.edit, o.remove, o.comment}},
		{"-F, -M, -P and -p", []bool{o.fields, o.entries, o.params, o.main}},
		{"-d and -n", []bool{o.show.Defaults, o.show.Changed}},
		{"-b and -t", []bool{o.notices, o.templates}},
		{"-h and -H", []bool{o.show.Values, o.show.Names}},
	} {
		n := 0
		for _, s := range c.set {
			if s {
				n++
			}
		}
		if n > 1 {
			return fatal("specify one of %s", c.what)
		}
	}
	return nil
}

func lines(env *cli.Env, list []string) error {
	_, err := fmt.Fprintln(env.Stdout, strings.Join(list, "\n"))
	return err
}

// printMain prints parameters.
func (o *options) printMain(env *cli.Env) error {
	for _, class := range strings.FieldsFunc(o.class, func(c rune) bool { return c == ',' || c == ' ' }) {
		switch class {
		case "all", "builtin", "service", "user":
		default:
			return fatal("-C: want some of builtin, service, user, all, have %q", class)
		}
		o.show.Classes = append(o.show.Classes, class)
	}
	return o.show.Print(env, env.Args)
}

// editMain changes main.cf.
func (o *options) editMain(env *cli.Env) error {
	var changes []config.Change
	for _, a := range env.Args {
		name, value, _ := strings.Cut(a, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !config.ValidName(name) {
			return fatal("%q is no name of a parameter", name)
		}
		changes = append(changes, config.Change{Name: name, Value: value, Unset: o.remove, Comment: o.comment})
	}
	if err := config.Edit(env.Config.Dir, changes); err != nil {
		return fatal("%v", err)
	}
	return nil
}
