package table

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"

	"yubin/internal/config"
)

// A compound is a Table that is made of others.
type compound struct {
	tables []Table
	ask    func(tables []Table, key string) (string, bool, error)
}

func (c compound) Lookup(key string) (string, bool, error) { return c.ask(c.tables, key) }

// patterns: one table of rules suffices, since a part of a key must not get at it.
func (c compound) patterns() bool {
	for _, t := range c.tables {
		if r, ok := t.(ruled); ok && r.patterns() {
			return true
		}
	}
	return false
}

// read reads every table that is a file.
func (c compound) read() error {
	var errs []error
	for _, t := range c.tables {
		if f, ok := t.(reader); ok {
			errs = append(errs, f.read())
		}
	}
	return errors.Join(errs...)
}

func openPipe(name string, o *options, _ bool) (Table, error)  { return openCompound(name, o, pipe) }
func openUnion(name string, o *options, _ bool) (Table, error) { return openCompound(name, o, union) }

func openCompound(name string, o *options, ask func([]Table, string) (string, bool, error)) (Table, error) {
	specs, err := elements(name, "type:name")
	if err != nil {
		return nil, err
	}
	c := compound{ask: ask}
	for _, spec := range specs {
		t, err := open(spec, o)
		if err != nil {
			return nil, err
		}
		c.tables = append(c.tables, t)
	}
	return c, nil
}

// elements are what the name of a table has between its braces.
func elements(name, want string) ([]string, error) {
	inner, ok := braced(name)
	if !ok {
		return nil, fmt.Errorf("want { %s, ... }", want)
	}
	list, err := config.SplitBraces(inner, separators)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("want { %s, ... }, have none", want)
	}
	return list, err
}

// pipe asks each table for what the one before has.
func pipe(tables []Table, key string) (value string, found bool, err error) {
	value = key
	for _, t := range tables {
		if value, found, err = t.Lookup(value); err != nil || !found {
			return "", false, err
		}
	}
	return value, true, nil
}

// union gives what all the tables have, with commas between.
func union(tables []Table, key string) (string, bool, error) {
	var values []string
	for _, t := range tables {
		value, found, err := t.Lookup(key)
		if err != nil {
			return "", false, err
		}
		if found {
			values = append(values, value)
		}
	}
	return strings.Join(values, ","), len(values) > 0, nil
}

// random gives every key one of its values.
type random []string

func (r random) Lookup(string) (string, bool, error) { return r[rand.IntN(len(r))], true, nil }
func (random) patterns() bool                        { return true }

func openRandom(name string, _ *options, _ bool) (Table, error) {
	values, err := elements(name, "value")
	return random(values), err
}

// environ has the variables of the process's environment.
type environ struct{}

func (environ) Lookup(key string) (string, bool, error) {
	value, found := os.LookupEnv(key)
	return value, found, nil
}

func openEnviron(string, *options, bool) (Table, error) { return environ{}, nil }

// debug tells of every lookup.
type debug struct {
	Table
	spec   string
	report func(config.Problem)
}

func openDebug(name string, o *options, _ bool) (Table, error) {
	t, err := open(name, o)
	return debug{t, name, o.report}, err
}

func (d debug) Lookup(key string) (string, bool, error) {
	value, found, err := d.Table.Lookup(key)
	what := fmt.Sprintf("debug:%s: %q is not found", d.spec, key)
	switch {
	case err != nil:
		what = fmt.Sprintf("debug:%s: %q: error: %v", d.spec, key, err)
	case found:
		what = fmt.Sprintf("debug:%s: %q is %q", d.spec, key, value)
	}
	d.report(config.Problem{What: what})
	return value, found, err
}

func (d debug) patterns() bool {
	r, ok := d.Table.(ruled)
	return ok && r.patterns()
}

func (d debug) read() error {
	if f, ok := d.Table.(reader); ok {
		return f.read()
	}
	return nil
}
