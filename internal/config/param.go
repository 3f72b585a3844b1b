package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Def is one row of the parameter table: everything that parsing, checking,
// `mailctl config` and main.cf(5) need to know of a parameter.
type Def struct {
	Name    string
	Default string // in main.cf syntax, before expansion
	Doc     string
	check   func(value string) (any, error) // parses an expanded value
}

// Typed parameters. Of returns the value in c; a program declares the
// parameters that it reads, and cli has checked those before it runs.
type (
	String   struct{ *Def }
	Bool     struct{ *Def }
	Int      struct{ *Def }
	Size     struct{ *Def } // octets
	Duration struct{ *Def }
	List     struct{ *Def } // elements apart by commas and white space, braces protect
)

// Of returns the expanded value.
func (p String) Of(c *Config) string { return c.value(p.Def).(string) }

// Of returns the value.
func (p Bool) Of(c *Config) bool { return c.value(p.Def).(bool) }

// Of returns the value.
func (p Int) Of(c *Config) int { return c.value(p.Def).(int) }

// Of returns the value, in octets.
func (p Size) Of(c *Config) int64 { return c.value(p.Def).(int64) }

// Of returns the value.
func (p Duration) Of(c *Config) time.Duration { return c.value(p.Def).(time.Duration) }

// Of returns the elements.
func (p List) Of(c *Config) []string { return c.value(p.Def).([]string) }

func str(name, def, doc string) String {
	return String{register(&Def{Name: name, Default: def, Doc: doc, check: func(v string) (any, error) { return v, nil }})}
}

func boolean(name, def, doc string) Bool {
	return Bool{register(&Def{Name: name, Default: def, Doc: doc, check: func(v string) (any, error) {
		switch strings.ToLower(v) {
		case "yes":
			return true, nil
		case "no":
			return false, nil
		}
		return nil, fmt.Errorf("want yes or no")
	}})}
}

func integer(name string, def, low, high int, doc string) Int {
	return Int{register(&Def{Name: name, Default: strconv.Itoa(def), Doc: doc, check: func(v string) (any, error) {
		n, err := strconv.Atoi(v)
		if err != nil || n < low || n > high {
			return nil, fmt.Errorf("want an integer in %d..%d", low, high)
		}
		return n, nil
	}})}
}

func size(name string, def, low int64, doc string) Size {
	return Size{register(&Def{Name: name, Default: strconv.FormatInt(def, 10), Doc: doc, check: func(v string) (any, error) {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < low {
			return nil, fmt.Errorf("want a number of octets, at least %d", low)
		}
		return n, nil
	}})}
}

// duration takes s, m, h, d, w behind a number; the unit of a bare number is
// that of the default value.
func duration(name, def string, low time.Duration, doc string) Duration {
	unit := def[len(def)-1:]
	return Duration{register(&Def{Name: name, Default: def, Doc: doc, check: func(v string) (any, error) {
		d, err := parseDuration(v, unit)
		if err != nil || d < low {
			return nil, fmt.Errorf("want a time such as 30s, 5m, 2h, 1d, 1w, at least %v", low)
		}
		return d, nil
	}})}
}

func list(name, def, doc string) List {
	return List{register(&Def{Name: name, Default: def, Doc: doc, check: func(v string) (any, error) {
		return strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }), nil
	}})}
}

func parseDuration(v, unit string) (time.Duration, error) {
	units := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}
	if v != "" && units[v[len(v)-1:]] != 0 {
		v, unit = v[:len(v)-1], v[len(v)-1:]
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > 1<<30 {
		return 0, fmt.Errorf("bad time")
	}
	return time.Duration(n) * units[unit], nil
}

// table holds every row by name; it is filled while params.go initialises.
var table = map[string]*Def{}

func register(d *Def) *Def {
	if table[d.Name] != nil {
		panic("parameter defined twice: " + d.Name)
	}
	table[d.Name] = d
	return d
}
