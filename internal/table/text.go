package table

import (
	"fmt"
)

// parseText reads "key value" lines: the key ends at the first blank that is
// not in double quotes.
func parseText(data []byte, report Reporter) *index {
	x := indexIn(data)
	for number, line := range logicalLines(data, report) {
		key, value, why := splitKey(line)
		switch {
		case why != "":
		case len(value) == 0:
			why = fmt.Sprintf("%q has no value, the line is ignored: want \"key value\"", key)
		case key[len(key)-1] == ':':
			// Left in, since a key may end so, but nearly always a mistake.
			report(number, fmt.Sprintf("%q has the form of an alias: this table wants \"key value\"", key))
			fallthrough
		default:
			if !x.addFolded(key, value) {
				why = fmt.Sprintf("%q is there already, the first entry counts", key)
			}
		}
		if why != "" {
			report(number, why)
		}
	}
	return x
}

// splitKey returns the key without its quotes, the value trimmed, and what is
// wrong with the line, if anything.
func splitKey(line []byte) (key, value []byte, why string) {
	quoted, special := false, false
	end := 0
	for ; end < len(line); end++ {
		c := line[end]
		if c == '\\' {
			end++
			continue
		}
		if c == '"' {
			quoted, special = !quoted, true
		}
		if isBlank(c) && !quoted {
			break
		}
	}
	end = min(end, len(line))
	if quoted {
		return nil, nil, "a \" has no partner, the line is ignored"
	}
	key, value = line[:end], trim(line[end:])
	if special {
		key = unquote(key)
	}
	if len(key) == 0 {
		return nil, nil, "empty key, the line is ignored"
	}
	return key, value, ""
}

// unquote drops the double quotes of a key and the backslashes that protect
// characters in it. Addresses are looked up without quotes.
func unquote(key []byte) []byte {
	out := make([]byte, 0, len(key))
	for i := 0; i < len(key); i++ {
		switch {
		case key[i] == '\\' && i+1 < len(key):
			i++
		case key[i] == '"':
			continue
		}
		out = append(out, key[i])
	}
	return out
}
