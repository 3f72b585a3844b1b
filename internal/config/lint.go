package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// builtinNames have their values from the program; setting them is harmless.
var builtinNames = [...]string{"config_directory", "mail_version", "service_name"}

// Lint returns all that can be said against main.cf and the overrides of
// services without looking at anything else: wrong values, names that nothing
// knows, comments taken for values; and, as notices, what Postfix knows and
// this system does not.
func (c *Config) Lint(services []MasterService) []Problem {
	used := c.references(services)
	problems := slices.Clone(c.problems)
	for _, name := range c.Names() {
		problems = append(problems, c.lint(name, used)...)
	}
	for _, s := range services {
		problems = append(problems, c.lintService(s, used)...)
	}
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return problems
}

// Unused returns the names that main.cf sets and that nothing knows or refers
// to, sorted.
func (c *Config) Unused(services []MasterService) []string {
	used := c.references(services)
	return slices.DeleteFunc(c.Names(), func(name string) bool {
		transport, _ := isTransportName(name)
		return used[name] || transport || Lookup(name) != nil || IsPostfix(name)
	})
}

// lintService checks the overrides of a service as they stand over main.cf.
func (c *Config) lintService(s MasterService, used map[string]bool) []Problem {
	over, names := c.In(s)
	var problems []Problem
	for _, name := range names {
		for _, p := range over.lint(name, used) {
			p.File, p.Line = s.File, s.Line
			problems = append(problems, p)
		}
	}
	return problems
}

// In returns c with the overrides of a service, and the names that those set.
func (c *Config) In(s MasterService) (over *Config, names []string) {
	var overrides []string
	for i, a := range s.Args {
		if a == "-o" && i+1 < len(s.Args) {
			overrides = append(overrides, s.Args[i+1])
		}
	}
	over = c.with(overrides)
	for _, name := range over.Names() {
		if over.raw[name].file == overrideFile {
			names = append(names, name)
		}
	}
	return over, names
}

// lint says what there is to say about one name.
func (c *Config) lint(name string, used map[string]bool) []Problem {
	var problems []Problem
	note := func(notice bool, mend, format string, args ...any) {
		p := c.Problem(name, fmt.Sprintf(format, args...))
		p.Mend, p.Notice = mend, notice
		problems = append(problems, p)
	}
	value := c.raw[name].value
	if i := strings.Index(" "+value, " #"); i >= 0 {
		note(false, "give the comment a line of its own", "%q is part of the value, not a comment", value[i:])
	}
	d := table.byName[name]
	if d != nil && slices.Contains(d.postfix, value) {
		note(true, "", "%s is Postfix's and means %s here", value, d.Default)
	}
	transport, inUse := isTransportName(name)
	switch {
	case slices.Contains(builtinNames[:], name):
	case d != nil:
		if _, err := c.parse(d); err != nil {
			problems = append(problems, asProblem(err))
		}
	case transport && inUse:
		problems = append(problems, c.lintTransport(name)...)
	case transport || IsPostfix(name):
		note(true, "", "known to Postfix, no effect here yet")
	case !used[name]:
		mend := "remove it"
		if near := nearest(name); near != "" {
			mend = "write " + near + " if that is meant"
		}
		note(false, mend, "unknown parameter that no value refers to")
	}
	return problems
}

func (c *Config) lintTransport(name string) []Problem {
	for _, d := range table.rows {
		if transport, ok := strings.CutSuffix(name, d.suffix); ok && d.suffix != "" {
			if _, err := c.parseFor(d, transport); err != nil {
				return []Problem{asProblem(err)}
			}
		}
	}
	return nil
}

func asProblem(err error) Problem {
	if p, ok := err.(Problem); ok {
		return p
	}
	return Problem{What: err.Error()}
}

// references returns the names that something refers to: values, restriction
// classes, and tables whose settings are parameters (ldap:NAME).
func (c *Config) references(services []MasterService) map[string]bool {
	used := map[string]bool{}
	for _, e := range c.raw {
		addReferences(used, e.value)
	}
	for _, s := range services {
		for _, a := range s.Args {
			addReferences(used, a)
		}
	}
	words, _ := SplitBraces(c.raw["smtpd_restriction_classes"].value, ","+blanks)
	for _, w := range words {
		used[w] = true
	}
	for _, prefix := range c.tableNames() {
		for name := range c.raw {
			if strings.HasPrefix(name, prefix+"_") {
				used[name] = true
			}
		}
	}
	return used
}

func addReferences(used map[string]bool, value string) {
	for {
		_, rest, ok := strings.Cut(value, "$")
		if !ok {
			return
		}
		name, _ := cutName(strings.TrimLeft(rest, "({"+blanks))
		used[name] = true
		value = rest
	}
}

// tableNames returns NAME of every ldap:NAME and its like.
func (c *Config) tableNames() []string {
	var names []string
	for _, e := range c.raw {
		for _, kind := range [...]string{"ldap:", "mysql:", "pgsql:", "sqlite:", "memcache:"} {
			for _, rest := range strings.Split(e.value, kind)[1:] {
				if name, _ := cutName(rest); name != "" {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// nearest returns the known name that differs least from name, or "".
func nearest(name string) string {
	best, limit := "", min(3, len(name)/4)+1
	consider := func(known string) {
		if d := distance(name, known, limit); d < limit {
			best, limit = known, d
		}
	}
	for _, d := range table.rows {
		consider(d.Name)
	}
	for known := range strings.Lines(postfixNames) {
		consider(strings.TrimSuffix(known, "\n"))
	}
	return best
}

// distance counts the letters to insert, remove, replace or swap; from limit
// on the exact number does not matter.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(row[j]+1, last[j+1]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
