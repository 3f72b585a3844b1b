package table

import (
	"os"
	"slices"
	"strings"

	"yubin/internal/config"
)

// Each gives f the pairs of a table that is a text file, in the order of its
// lines, the first of each key. It reports as Open does. f returns false to end it.
func Each(spec string, f func(key, value string) bool, opts ...Option) error {
	o := &options{report: func(config.Problem) {}}
	for _, opt := range opts {
		opt(o)
	}
	_, path, _ := strings.Cut(bare(spec), ":")
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	data, _, err := contents(file)
	if err != nil {
		return err
	}
	aliases := slices.Contains(o.aliases, bare(spec))
	seen := indexIn(data)
	for _, line := range logicalLines(data, func(int, string) {}) {
		key, value, ok := pair(line, aliases)
		if !ok {
			continue
		}
		k, v := string(key), string(value) // seen may write over both
		if !seen.addFolded(key, value) {
			continue
		}
		if !f(string(fold([]byte(k))), v) {
			return nil
		}
	}
	return nil
}

// EachValue gives f the values of a table that is a text file, or one of
// patterns, in the order of its lines; parts of a key ($1) stand in them as they are
// written. f returns false to end it. Other tables have no list of values.
func EachValue(spec string, f func(value string) bool) error {
	kind, path, _ := strings.Cut(bare(spec), ":")
	dialects := map[string]dialect{"regexp": posix, "pcre": perl}
	dialect, rules := dialects[kind]
	switch {
	case IsText(spec):
		return Each(spec, func(_, value string) bool { return f(value) })
	case kind != "cidr" && !rules:
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	quiet := func(int, string) {}
	if kind == "cidr" {
		for _, r := range parseCIDR(data, quiet) {
			if r.value != "" && !f(r.value) {
				return nil
			}
		}
		return nil
	}
	p := ruleParser{path: path, dialect: dialect, blocks: blocks{report: quiet}}
	for _, r := range p.parse(data) {
		if len(r.value) > 0 && !f(r.value.String()) {
			return nil
		}
	}
	return nil
}

// pair is what a line stands for, if it is not one that reading leaves out.
func pair(line []byte, alias bool) (key, value []byte, ok bool) {
	if alias {
		key, value, ok = splitAlias(line)
		return key, value, ok && len(key) > 0 && len(value) > 0 && !strings.Contains(string(key), "@")
	}
	key, value, why := splitKey(line)
	return key, value, why == "" && len(value) > 0
}

// IsText tells whether tables of the type of spec are text files.
func IsText(spec string) bool {
	kind, _, _ := strings.Cut(bare(spec), ":")
	return slices.Contains([]string{"btree", "cdb", "dbm", "hash", "lmdb", "texthash"}, kind)
}
