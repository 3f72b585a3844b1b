package table

import (
	"bytes"
	"fmt"
)

// parseAliases reads "name: value" lines. The value is kept as it stands: what
// it means is the delivery agent's to know.
func parseAliases(data []byte, report Reporter) *index {
	x := indexIn(data)
	for number, line := range logicalLines(data, report) {
		name, value, ok := splitAlias(line)
		var why string
		switch {
		case !ok || len(name) == 0:
			why = "want \"name: value\", the line is ignored"
		case bytes.IndexByte(name, '@') >= 0:
			why = fmt.Sprintf("name %q must be local, without a domain; the line is ignored", name)
		case len(value) == 0:
			why = fmt.Sprintf("%q has no value, the line is ignored: want \"name: value\"", name)
		case !x.addFolded(name, value):
			why = fmt.Sprintf("%q is there already, the first entry counts", name)
		}
		if why != "" {
			report(number, why)
		}
	}
	return x
}

// Values has check called with the name and value of each alias of an alias
// table that is read; what it returns is reported with the line, which counts all
// the same.
func Values(check func(name, value string) error) Option {
	return func(o *options) { o.values = check }
}

// checked is parseAliases that asks about the values.
func checked(check func(name, value string) error) func([]byte, Reporter) *index {
	if check == nil {
		return parseAliases
	}
	return func(data []byte, report Reporter) *index {
		for number, line := range logicalLines(data, func(int, string) {}) {
			name, value, ok := splitAlias(line)
			if !ok || len(value) == 0 {
				continue
			}
			if err := check(string(name), string(value)); err != nil {
				report(number, err.Error())
			}
		}
		return parseAliases(data, report)
	}
}

// splitAlias parts a line at the first colon that is not in double quotes.
func splitAlias(line []byte) (name, value []byte, ok bool) {
	quoted, special := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\':
			special = true
			i++
		case c == '"':
			quoted, special = !quoted, true
		case c == ':' && !quoted:
			name = trim(line[:i])
			if special {
				name = unquote(name)
			}
			return name, trim(line[i+1:]), true
		}
	}
	return nil, nil, false
}
