package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Def is one row of the parameter table: everything that parsing, checking,
// `mailctl config` and main.cf(5) need to know of a parameter.
type Def struct {
	Name    string
	Default string // in main.cf syntax, before expansion; see Config.Default
	Type    string // what values look like, for a reader: "yes or no"
	Doc     string
	// Computed says in words what the default follows from, when it is not
	// a constant.
	Computed string

	computed   func(*Config) string // the default, when it is not a constant
	check      func(value string) (any, error)
	unexpanded bool     // $name in it is for the time of use: Template
	suffix     string   // of TRANSPORT_..., the same parameter of one transport
	postfix    []string // values that stand for the default: what they name is Postfix's
	index      int
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

// Of returns the elements. The caller does not change them.
func (p List) Of(c *Config) []string { return c.value(p.Def).([]string) }

// For returns the value for one transport: that of the parameter with the
// transport's name in place of "default" when it is set, else p's.
func (p Int) For(c *Config, transport string) int {
	return must(c.parseFor(p.Def, transport)).(int)
}

// For is as Int.For.
func (p Duration) For(c *Config, transport string) time.Duration {
	return must(c.parseFor(p.Def, transport)).(time.Duration)
}

// perTransport makes p the default of a family: TRANSPORT_destination_....
func (p Int) perTransport() Int { return p.familyOf(strings.TrimPrefix(p.Name, "default")) }

func (p Duration) perTransport() Duration {
	return p.familyOf(strings.TrimPrefix(p.Name, "default"))
}

// familyOf is perTransport for a parameter whose own name has no "default" in
// front.
func (p Int) familyOf(suffix string) Int {
	p.suffix = suffix
	return p
}

func (p Duration) familyOf(suffix string) Duration {
	p.suffix = suffix
	return p
}

// registry is the table; it is filled while params.go initialises.
type registry struct {
	rows   []*Def
	byName map[string]*Def
}

var table = registry{byName: make(map[string]*Def, 256)}

func register(d *Def) *Def {
	if table.byName[d.Name] != nil {
		panic("parameter defined twice: " + d.Name)
	}
	d.index = len(table.rows)
	table.rows = append(table.rows, d)
	table.byName[d.Name] = d
	return d
}

// Defs returns the rows of the table, by name.
func Defs() []*Def {
	return slices.SortedFunc(slices.Values(table.rows), func(a, b *Def) int { return strings.Compare(a.Name, b.Name) })
}

// Lookup returns the row of a parameter, or nil.
func Lookup(name string) *Def { return table.byName[name] }

func str(name, def, doc string) String {
	return String{register(&Def{Name: name, Default: def, Type: "text", Doc: doc, check: text})}
}

// computed is str with a default that follows from the system.
func computed(name, inWords string, f func(*Config) string, doc string) String {
	d := str(name, "", doc)
	d.Computed, d.computed = inWords, f
	return d
}

func text(v string) (any, error) { return v, nil }

// template is a str whose $name are those of a delivery, and not parameters.
func template(name, def, doc string) String {
	d := str(name, def, doc)
	d.Type, d.unexpanded = "text with $name of the delivery", true
	return d
}

// path is a str that holds an absolute path. theirs are the places of
// Postfix's own files, whose stock configuration means ours here.
func path(name, def, doc string, theirs ...string) String {
	return String{register(&Def{Name: name, Default: def, Type: "absolute path", Doc: doc, postfix: theirs, check: func(v string) (any, error) {
		if v != "" && !filepath.IsAbs(v) || v == "" && def != "" {
			return nil, errors.New("want an absolute path")
		}
		return v, nil
	}})}
}

// account is a str that names a user or a group; theirs as in path.
func account(name, def, doc string, theirs ...string) String {
	p := str(name, def, doc)
	p.Type, p.postfix = "account", theirs
	return p
}

// choice is a str with a few legal values; the empty one, if it is among them,
// is the first.
func choice(name, def string, values []string, doc string) String {
	want := "one of " + strings.Join(values, ", ")
	if values[0] == "" {
		want = "empty or one of " + strings.Join(values[1:], ", ")
	}
	return String{register(&Def{Name: name, Default: def, Type: want, Doc: doc, check: func(v string) (any, error) {
		v = strings.ToLower(strings.Trim(v, blanks))
		if !slices.Contains(values, v) {
			return nil, errors.New("want " + want)
		}
		return v, nil
	}})}
}

func boolean(name, def, doc string) Bool {
	return Bool{register(&Def{Name: name, Default: def, Type: "yes or no", Doc: doc, check: func(v string) (any, error) {
		switch strings.ToLower(strings.Trim(v, blanks)) {
		case "yes":
			return true, nil
		case "no":
			return false, nil
		}
		return nil, errors.New("want yes or no")
	}})}
}

// noLimit is the upper bound where Postfix has none.
const noLimit = 1<<31 - 1

func integer(name string, def, low, high int, doc string) Int {
	want := fmt.Sprintf("an integer in %d..%d", low, high)
	return Int{register(&Def{Name: name, Default: strconv.Itoa(def), Type: want, Doc: doc, check: func(v string) (any, error) {
		n, err := strconv.Atoi(strings.Trim(v, blanks))
		if err != nil || n < low || n > high {
			return nil, errors.New("want " + want)
		}
		return n, nil
	}})}
}

func size(name string, def, low int64, doc string) Size {
	want := fmt.Sprintf("a number of octets, at least %d", low)
	return Size{register(&Def{Name: name, Default: strconv.FormatInt(def, 10), Type: want, Doc: doc, check: func(v string) (any, error) {
		n, err := strconv.ParseInt(strings.Trim(v, blanks), 10, 64)
		if err != nil || n < low {
			return nil, errors.New("want " + want)
		}
		return n, nil
	}})}
}

// duration takes s, m, h, d, w behind a number; the unit of a bare number is
// that of the default value.
func duration(name, def string, low time.Duration, doc string) Duration {
	unit := def[len(def)-1]
	kind := "a time such as 30s, 5m, 2h, 1d or 1w"
	if low > 0 {
		kind += ", at least " + low.String()
	}
	return Duration{register(&Def{Name: name, Default: def, Type: fmt.Sprintf("%s; without a unit, %c", kind, unit), Doc: doc, check: func(v string) (any, error) {
		d, ok := parseDuration(strings.Trim(v, blanks), unit)
		if !ok || d < low {
			return nil, errors.New("want " + kind)
		}
		return d, nil
	}})}
}

func list(name, def, doc string) List {
	return List{register(&Def{Name: name, Default: def, Type: "list", Doc: doc, check: func(v string) (any, error) {
		words, err := SplitBraces(v, ","+blanks)
		return words, err
	}})}
}

// computedList is list with a default that follows from the system.
func computedList(name, inWords string, f func(*Config) string, doc string) List {
	d := list(name, "", doc)
	d.Computed, d.computed = inWords, f
	return d
}

// maxDuration is far beyond any use, and far from overflow.
const maxDuration = 100 * 365 * 24 * time.Hour

func parseDuration(v string, unit byte) (d time.Duration, ok bool) {
	if v == "" {
		return 0, false
	}
	if last := v[len(v)-1]; last < '0' || last > '9' {
		v, unit = v[:len(v)-1], last
	}
	var u time.Duration
	switch unit {
	case 's':
		u = time.Second
	case 'm':
		u = time.Minute
	case 'h':
		u = time.Hour
	case 'd':
		u = 24 * time.Hour
	case 'w':
		u = 7 * 24 * time.Hour
	default:
		return 0, false
	}
	n, err := strconv.ParseUint(v, 10, 63)
	if err != nil || n > uint64(maxDuration/u) {
		return 0, false
	}
	return time.Duration(n) * u, true
}
