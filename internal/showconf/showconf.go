// Package showconf is what `mailctl config` and postconf(1) share: it prints
// parameters.
package showconf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"yubin/internal/cli"
	"yubin/internal/config"
)

// Options are those of postconf(1).
type Options struct {
	Changed  bool // only what main.cf sets
	Defaults bool // defaults instead of values
	Values   bool // values without names
	Names    bool // names without values
	Expand   bool // with $name replaced
	Fold     bool // long lines in several
	JSON     bool
	// Classes are the kinds of parameters that a listing has: builtin, service, user;
	// all and none are everything.
	Classes []string
}

// Print prints parameters in the form of postconf(1): those named, in the
// caller's order, or by name all that o asks for.
func (o *Options) Print(env *cli.Env, names []string) error {
	c := env.Config
	if err := c.Err(); err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: err}
	}
	services, err := config.Services(c)
	if err != nil {
		warn(env, "%v", err)
	}
	unused := c.Unused(services)
	if len(names) == 0 {
		names = o.all(c, unused)
	}
	for _, name := range names {
		value, ok := o.value(c, name)
		switch {
		case ok:
			if err := o.print(env, name, value); err != nil {
				return err
			}
		case o.Changed && (config.Lookup(name) != nil || config.IsPostfix(name)):
		case config.IsPostfix(name):
			warn(env, "%s: known to Postfix, no effect here yet", name)
		default:
			warn(env, "%s: unknown parameter", name)
		}
	}
	for _, name := range unused {
		value, _ := c.Raw(name)
		warn(env, "%s/main.cf: unused parameter: %s=%s", c.Dir, name, value)
	}
	return nil
}

// all returns the names that a listing has.
func (o *Options) all(c *config.Config, unused []string) []string {
	var names []string
	if !o.Changed {
		names = append(names, "config_directory", "mail_version")
		for _, d := range config.Defs() {
			names = append(names, d.Name)
		}
	}
	if !o.Defaults {
		names = append(names, c.Names()...)
	}
	if o.Changed && c.Dir != config.DefaultDir {
		names = append(names, "config_directory")
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(n string) bool {
		return slices.Contains(unused, n) || !o.of(n)
	})
}

// of tells whether a parameter is of a class that is wanted.
func (o *Options) of(name string) bool {
	return len(o.Classes) == 0 || slices.ContainsFunc(o.Classes, func(class string) bool { return isOf(class, name) })
}

func isOf(class, name string) bool {
	builtin := config.Lookup(name) != nil || name == "config_directory" || name == "mail_version"
	service := !builtin && config.IsTransportName(name)
	switch class {
	case "builtin":
		return builtin || !service && config.IsPostfix(name)
	case "service":
		return service
	case "user":
		return !builtin && !service && !config.IsPostfix(name)
	}
	return true
}

// value returns what to print for a name, before it is expanded.
func (o *Options) value(c *config.Config, name string) (string, bool) {
	d := config.Lookup(name)
	if !o.Defaults {
		if value, ok := c.Raw(name); ok {
			return value, true
		}
	}
	switch {
	case name == "config_directory" && o.Defaults:
		return config.DefaultDir, true
	case name == "config_directory":
		return c.Dir, !o.Changed || c.Dir != config.DefaultDir
	case name == "mail_version" && !o.Changed:
		return config.Version(), true
	case d == nil || o.Changed:
		return "", false
	}
	return c.Default(d), true
}

// print writes one parameter as postconf does: words apart by one blank.
func (o *Options) print(env *cli.Env, name, value string) error {
	if o.Names {
		_, err := fmt.Fprintln(env.Stdout, name)
		return err
	}
	if o.Expand {
		expanded, err := env.Config.Expand(value)
		if err != nil {
			return &cli.Status{Code: 1, Err: fmt.Errorf("%s: %w", name, err)}
		}
		value = expanded
	}
	words := strings.Fields(value)
	if o.JSON {
		return printJSON(env, name, strings.Join(words, " "))
	}
	if !o.Values {
		words = append([]string{name, "="}, words...)
	}
	_, err := fmt.Fprintln(env.Stdout, o.line(words))
	return err
}

// width is where a folded line ends.
const width = 80

// line joins words, in several lines where that is wanted and needed.
func (o *Options) line(words []string) string {
	if !o.Fold {
		return strings.Join(words, " ")
	}
	var b strings.Builder
	column := 0
	for i, w := range words {
		switch {
		case i == 0:
		case column+1+len(w) > width && i > 2:
			b.WriteString("\n   ")
			column = 3
			fallthrough
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(w)
		column += len(w)
	}
	return b.String()
}

func printJSON(env *cli.Env, name, value string) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for i, s := range []string{name, value} {
		if err := enc.Encode(s); err != nil {
			return err
		}
		b.Truncate(b.Len() - 1)
		if i == 0 {
			b.WriteString(": ")
		}
	}
	_, err := fmt.Fprintf(env.Stdout, "{%s}\n", b.String())
	return err
}

func warn(env *cli.Env, format string, args ...any) {
	fmt.Fprintf(env.Stderr, env.Program+": warning: "+format+"\n", args...)
}
