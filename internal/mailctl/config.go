package mailctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/config"
)

// showOptions are those of postconf(1).
type showOptions struct {
	changed, defaults, names, values, expand bool
}

func (o *showOptions) flags() *pflag.FlagSet {
	fs := pflag.NewFlagSet("mailctl config", pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.BoolVarP(&o.changed, "changed", "n", false, "only what main.cf sets")
	fs.BoolVarP(&o.defaults, "defaults", "d", false, "defaults instead of values")
	fs.BoolVarP(&o.values, "values", "h", false, "values without names")
	fs.BoolVarP(&o.names, "names", "H", false, "names without values")
	fs.BoolVarP(&o.expand, "expand", "x", false, "values with $name replaced")
	return fs
}

// configSynopsis is what follows `mailctl config`.
const configSynopsis = "[-n|-d] [-h|-H] [-x] [NAME...]"

// showConfig prints parameters in the form of postconf(1), by name or, when
// the caller names some, in the caller's order.
func showConfig(_ context.Context, env *cli.Env, args []string) error {
	var o showOptions
	fs := o.flags()
	if err := fs.Parse(args); err != nil {
		return cli.Fail(cli.ExUsage, "config: %v; usage: mailctl config %s", err, configSynopsis)
	}
	switch {
	case o.changed && o.defaults:
		return cli.Fail(cli.ExUsage, "config: specify one of -d and -n")
	case o.names && o.values:
		return cli.Fail(cli.ExUsage, "config: specify one of -h and -H")
	}
	c := env.Config
	if err := c.Err(); err != nil {
		return &cli.Status{Code: cli.ExConfig, Err: err}
	}
	services, err := servicesOf(c)
	if err != nil {
		warn(env, "%v", err)
	}
	unused := c.Unused(services)
	names := fs.Args()
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
		case o.changed && (config.Lookup(name) != nil || config.IsPostfix(name)):
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
func (o *showOptions) all(c *config.Config, unused []string) []string {
	var names []string
	if !o.changed {
		names = append(names, "config_directory")
		for _, d := range config.Defs() {
			names = append(names, d.Name)
		}
	}
	if !o.defaults {
		names = append(names, c.Names()...)
	}
	if o.changed && c.Dir != config.DefaultDir {
		names = append(names, "config_directory")
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(n string) bool { return slices.Contains(unused, n) })
}

// value returns what to print for a name, before it is expanded.
func (o *showOptions) value(c *config.Config, name string) (string, bool) {
	d := config.Lookup(name)
	if !o.defaults {
		if value, ok := c.Raw(name); ok {
			return value, true
		}
	}
	switch {
	case name == "config_directory" && o.defaults:
		return config.DefaultDir, true
	case name == "config_directory":
		return c.Dir, !o.changed || c.Dir != config.DefaultDir
	case d == nil || o.changed:
		return "", false
	}
	return c.Default(d), true
}

// print writes one parameter as postconf does: words apart by one blank.
func (o *showOptions) print(env *cli.Env, name, value string) error {
	if o.names {
		_, err := fmt.Fprintln(env.Stdout, name)
		return err
	}
	if o.expand {
		expanded, err := env.Config.Expand(value)
		if err != nil {
			return &cli.Status{Code: 1, Err: fmt.Errorf("%s: %w", name, err)}
		}
		value = expanded
	}
	line := value
	if !o.values {
		line = name + " = " + value
	}
	_, err := fmt.Fprintln(env.Stdout, strings.Join(strings.Fields(line), " "))
	return err
}

// servicesOf is LoadMaster for one who only wants the services.
func servicesOf(c *config.Config) ([]config.MasterService, error) {
	services, _, err := config.LoadMaster(c.Dir, c)
	var wrong config.Problem // a value, which `mailctl check` reports
	if errors.As(err, &wrong) {
		err = nil
	}
	return services, err
}

func warn(env *cli.Env, format string, args ...any) {
	fmt.Fprintf(env.Stderr, "mailctl: warning: "+format+"\n", args...)
}
