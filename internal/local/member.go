package local

import (
	"fmt"
	"strings"

	"yubin/internal/header"
)

// A form is what a member of an alias is.
type form int

const (
	address form = iota
	exact        // \name: no aliases
	file         // /file
	command      // |command
	include      // :include:/file
)

// words name the forms for people.
var words = map[form]string{
	file:    "a file",
	command: "a command",
	include: "an :include: file",
}

// A member is one element of an alias's value (aliases(5)).
type member struct {
	form form
	text string // an address in internal form; otherwise as it stands
}

// parseMembers reads the value of an alias: members apart by commas.
func parseMembers(value string) ([]member, error) {
	var list []member
	for _, s := range splitMembers(value) {
		m, err := parseMember(s)
		if err != nil {
			return nil, err
		}
		list = append(list, m...)
	}
	return list, nil
}

func parseMember(s string) ([]member, error) {
	inner := s
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		inner = s[1 : len(s)-1] // "|command with, comma"
	}
	switch {
	case strings.HasPrefix(inner, "/"):
		return []member{{file, inner}}, nil
	case strings.HasPrefix(inner, "|"):
		return []member{{command, inner}}, nil
	case len(inner) >= 9 && strings.EqualFold(inner[:9], ":include:"):
		return []member{{include, inner}}, nil
	}
	f := address
	if rest, ok := strings.CutPrefix(s, `\`); ok {
		f, s = exact, rest
	}
	addrs, err := header.ParseAddressList(s)
	if err == nil && len(addrs) == 0 {
		err = fmt.Errorf("no address in %q", s)
	}
	if err != nil {
		return nil, err
	}
	var list []member
	for _, a := range addrs {
		if a.Addr == "" {
			return nil, fmt.Errorf("empty address in %q", s)
		}
		list = append(list, member{f, a.Addr})
	}
	return list, nil
}

// splitMembers cuts a value at the commas that are not in quotes, comments or
// angle brackets. Empty members vanish.
func splitMembers(value string) []string {
	var list []string
	add := func(s string) {
		if s = strings.TrimSpace(s); s != "" {
			list = append(list, s)
		}
	}
	start, comment := 0, 0
	quoted, angle := false, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted && comment == 0
		case quoted:
		case c == '(':
			comment++
		case c == ')':
			comment = max(comment-1, 0)
		case comment > 0:
		case c == '<':
			angle = true
		case c == '>':
			angle = false
		case c == ',' && !angle:
			add(value[start:i])
			start = i + 1
		}
	}
	add(value[start:])
	return list
}
