package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
)

// DefaultDir is config_directory when neither a flag nor MAIL_CONFIG names one.
const DefaultDir = "/etc/yubin"

// A Config is one reading of main.cf and the overrides of a command line. It
// never changes; a reload reads another one. It is safe for concurrent use.
type Config struct {
	Dir      string // config_directory, absolute
	raw      map[string]entry
	shared   *Config   // without the overrides; nil: there are none
	problems []Problem // what reading it met
	fatal    error     // the first that makes it useless
	parsed   []atomic.Pointer[any]
}

// An entry is a value as it was written, and where.
type entry struct {
	value string
	file  string // overrideFile for the command line
	line  int
}

// overrideFile stands for a file name in what is said of an override.
const overrideFile = "-o"

// Load reads dir/main.cf; overrides ("name=value", from -o) come after it.
func Load(dir string, overrides []string) (*Config, error) {
	c, err := Read(dir, overrides)
	if err != nil {
		return nil, err
	}
	if err := c.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Read is Load for a program that wants to see a faulty main.cf too: only a
// file that cannot be read is an error. Err and Lint tell of the rest.
func Read(dir string, overrides []string) (*Config, error) {
	file := filepath.Join(dir, "main.cf")
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return read(dir, file, string(b), overrides), nil
}

func read(dir, file, text string, overrides []string) *Config {
	c := &Config{Dir: dir, raw: map[string]entry{}, parsed: make([]atomic.Pointer[any], len(table.rows))}
	lines, problems := logicalLines(file, text)
	c.problems = problems
	for _, l := range lines {
		name, value, err := nameValue(l.text)
		if err != nil {
			c.fail(Problem{File: file, Line: l.number, What: err.Error(), Mend: "write name = value"})
			continue
		}
		if old, ok := c.raw[name]; ok && old.value != value {
			c.problems = append(c.problems, Problem{File: file, Line: l.number,
				What: fmt.Sprintf("overriding earlier entry: %s=%s", name, old.value),
				Mend: fmt.Sprintf("remove it or line %d", old.line)})
		}
		c.raw[name] = entry{value, file, l.number}
	}
	c.override(overrides)
	return c
}

// Shared returns what main.cf alone says: overrides are one service's own.
func (c *Config) Shared() *Config {
	if c.shared == nil {
		return c
	}
	return c.shared
}

func (c *Config) override(overrides []string) {
	if len(overrides) > 0 && c.shared == nil {
		c.shared = &Config{Dir: c.Dir, raw: maps.Clone(c.raw), parsed: make([]atomic.Pointer[any], len(table.rows))}
	}
	for _, o := range overrides {
		name, value, err := nameValue(o)
		if err != nil {
			c.fail(Problem{File: overrideFile, What: err.Error(), Mend: "write -o name=value"})
			continue
		}
		c.raw[name] = entry{value, overrideFile, 0}
	}
}

// with returns c as it would be with further overrides.
func (c *Config) with(overrides []string) *Config {
	n := &Config{Dir: c.Dir, raw: maps.Clone(c.raw), shared: c.Shared(), parsed: make([]atomic.Pointer[any], len(table.rows))}
	n.override(overrides)
	return n
}

func (c *Config) fail(p Problem) {
	c.problems = append(c.problems, p)
	if c.fatal == nil {
		c.fatal = p
	}
}

func nameValue(text string) (name, value string, err error) {
	left, value, ok := strings.Cut(text, "=")
	name = strings.Trim(left, blanks)
	if !ok || strings.ContainsAny(name, blanks) {
		return "", "", fmt.Errorf("missing '=' after attribute name: %q", strings.SplitN(strings.Trim(text, blanks), " ", 2)[0])
	}
	if name == "" {
		return "", "", fmt.Errorf("missing attribute name before '='")
	}
	return name, strings.Trim(value, blanks), nil
}

// Err returns the first fault of the syntax of main.cf, or nil. A Config from
// Load has none.
func (c *Config) Err() error { return c.fatal }

// Names returns the names that main.cf and the overrides set, sorted.
func (c *Config) Names() []string { return slices.Sorted(maps.Keys(c.raw)) }

// Raw returns the value of name as it is set, before expansion. It is not ok
// when name has its default.
func (c *Config) Raw(name string) (value string, ok bool) {
	e, ok := c.raw[name]
	if d := table.byName[name]; ok && d != nil && slices.Contains(d.postfix, e.value) {
		return d.Default, true
	}
	return e.value, ok
}

// Default returns the default of d before expansion; some follow from the
// system that c is read on.
func (c *Config) Default(d *Def) string {
	if d.computed != nil {
		return d.computed(c)
	}
	return d.Default
}

// text is what $name stands for: the value, else the default.
func (c *Config) text(name string) (string, bool) {
	if v, ok := c.Raw(name); ok {
		return v, true
	}
	switch name {
	case "config_directory":
		return c.Dir, true
	case "mail_version":
		return Version(), true
	}
	if d := table.byName[name]; d != nil {
		return c.Default(d), true
	}
	return "", false
}

// build is "yubin-VERSION", set by the linker (Makefile): of a package, nothing
// else knows the version.
var build string

// Version is the version of this system, as the program was built.
func Version() string {
	if build != "" {
		return strings.TrimPrefix(build, "yubin-")
	}
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" {
		return strings.Trim(b.Main.Version, "()")
	}
	return "devel"
}

// Expand replaces $name and its relatives in text.
func (c *Config) Expand(text string) (string, error) { return expand(text, c.text) }

// Check parses the values of defs, so that Of and For cannot fail on them
// afterwards. Its error names file, line, parameter, value and what was
// expected.
func (c *Config) Check(defs []*Def) error {
	for _, d := range defs {
		if _, err := c.parse(d); err != nil {
			return err
		}
		if d.suffix == "" {
			continue
		}
		for name := range c.raw {
			if transport, ok := strings.CutSuffix(name, d.suffix); ok && table.byName[name] == nil {
				if _, err := c.parseFor(d, transport); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// parse returns the value of d, from memory after the first time.
func (c *Config) parse(d *Def) (any, error) {
	p := &c.parsed[d.index]
	if v := p.Load(); v != nil {
		return *v, nil
	}
	raw, ok := c.Raw(d.Name)
	if !ok {
		raw = c.Default(d)
	}
	v, err := c.parseText(d, d.Name, raw)
	if err != nil {
		return nil, err
	}
	p.Store(&v)
	return v, nil
}

// parseFor returns the value of a member of d's family of parameters: the one
// of a transport, else d's.
func (c *Config) parseFor(d *Def, transport string) (any, error) {
	name := transport + d.suffix
	if member := table.byName[name]; member != nil {
		return c.parse(member)
	}
	if raw, ok := c.raw[name]; ok {
		return c.parseText(d, name, raw.value)
	}
	return c.parse(d)
}

func (c *Config) parseText(d *Def, name, raw string) (any, error) {
	text, err := raw, error(nil)
	if !d.unexpanded {
		text, err = c.Expand(raw)
	}
	if err != nil {
		return nil, c.Problem(name, fmt.Sprintf("%v, have %q", err, raw))
	}
	v, err := d.check(text)
	if err != nil {
		return nil, c.Problem(name, fmt.Sprintf("%v, have %q", err, text))
	}
	return v, nil
}

// Source is the parameter that gives name its value: name, or, where nothing sets
// it and its default is another parameter alone ($tls_cert_file), that one, if it is set.
func (c *Config) Source(name string) string {
	at := name
	for range maxDepth {
		if _, set := c.raw[at]; set {
			return at
		}
		d := table.byName[at]
		if d == nil {
			break
		}
		text, rest := cutName(strings.TrimPrefix(c.Default(d), "$"))
		if !strings.HasPrefix(c.Default(d), "$") || text == "" || rest != "" {
			break
		}
		at = text
	}
	return name
}

// Problem says something of the value of name, with the place it is set at.
func (c *Config) Problem(name, what string) Problem {
	name = c.Source(name)
	e, ok := c.raw[name]
	switch {
	case !ok:
		return Problem{File: filepath.Join(c.Dir, "main.cf"), What: name + " (default): " + what}
	case e.file == overrideFile:
		return Problem{What: overrideFile + " " + name + ": " + what}
	}
	return Problem{File: e.file, Line: e.line, What: name + ": " + what}
}

// Fault is an error about the value of d that the program which reads it has
// found, with file and line.
func (c *Config) Fault(d *Def, what string) error { return c.Problem(d.Name, what) }

func (c *Config) value(d *Def) any { return must(c.parse(d)) }

func must(v any, err error) any {
	if err != nil {
		panic("parameter read before it was checked: " + err.Error())
	}
	return v
}
