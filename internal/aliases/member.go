package aliases

import (
	"fmt"
	"strings"

	"yubin/internal/header"
)

// A form is what an element of a list is.
type form int

const (
	address form = iota
	exact        // \name: no aliases, no .forward
	file         // /file, ~/file
	command      // |command
	include      // :include:/file
	broken       // nothing of that: err says why
)

// An element is one of a list. text is an address in internal form, a path, or a
// command without its bar.
type element struct {
	form form
	text string
	err  error
}

// includePrefix stands before the name of a list in a file; in any letter case.
const includePrefix = ":include:"

// parseAll reads a list: elements apart by commas, broken ones among them.
func parseAll(value string) []element {
	var list []element
	for _, s := range splitList(value) {
		m, err := parseElement(s)
		if err != nil {
			m = []element{{form: broken, text: s, err: err}}
		}
		list = append(list, m...)
	}
	return list
}

// parseList reads a list that has nothing broken.
func parseList(value string) ([]element, error) {
	list := parseAll(value)
	return list, firstBroken(list)
}

// firstBroken says what is wrong with the first element that is broken.
func firstBroken(list []element) error {
	for _, e := range list {
		if e.form == broken {
			return e.err
		}
	}
	return nil
}

func parseElement(s string) ([]element, error) {
	plain := s
	if inner, ok := unquote(s); ok {
		plain = inner // "|command with, comma"
	}
	rest := ""
	if plain != "" {
		rest = behind(plain[1:])
	}
	switch {
	case strings.HasPrefix(plain, "/"), strings.HasPrefix(plain, "~"):
		return []element{{form: file, text: plain}}, nil
	case strings.HasPrefix(plain, "|") && strings.TrimSpace(rest) == "":
		return nil, fmt.Errorf("no command in %q", s)
	case strings.HasPrefix(plain, "|"):
		return []element{{form: command, text: strings.TrimSpace(rest)}}, nil
	case len(plain) >= len(includePrefix) && strings.EqualFold(plain[:len(includePrefix)], includePrefix):
		return []element{{form: include, text: behind(strings.TrimSpace(plain[len(includePrefix):]))}}, nil
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
	var list []element
	for _, a := range addrs {
		switch {
		case a.Addr == "":
			return nil, fmt.Errorf("empty address in %q", s)
		case strings.ContainsAny(a.Addr[:1], "|/"):
			return nil, fmt.Errorf("an address that begins with %q, do the quotes match? %q", a.Addr[:1], s)
		}
		list = append(list, element{form: f, text: a.Addr})
	}
	return list, nil
}

// behind takes the quotes off what stands behind | or :include:, as in
// |"command words".
func behind(s string) string {
	if inner, ok := unquote(strings.TrimSpace(s)); ok {
		return inner
	}
	return s
}

// unquote returns what is within double quotes, if they are around all of s.
func unquote(s string) (string, bool) {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return "", false
	}
	var b strings.Builder
	for i := 1; i < len(s)-1; i++ {
		switch {
		case s[i] == '"':
			return "", false // "a" b "c"
		case s[i] == '\\' && i+1 == len(s)-1:
			return "", false // "a\"
		case s[i] == '\\':
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), true
}

// splitList cuts a value at the commas that are not in quotes, comments or
// angle brackets. Empty elements vanish.
func splitList(value string) []string {
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

// CheckList tells what is wrong with a list; nil: nothing that its text shows.
func CheckList(value string) error {
	_, err := parseList(value)
	return err
}

// Includes are the files that a list names by :include:.
func Includes(value string) []string {
	elements, err := parseList(value)
	if err != nil {
		return nil
	}
	var paths []string
	for _, e := range elements {
		if e.form == include {
			paths = append(paths, e.text)
		}
	}
	return paths
}

// CheckFile tells what is wrong with a list in a file, with file and line.
func CheckFile(path string, data []byte) error {
	for _, l := range parseLines(path, data) {
		if err := firstBroken(l.elements); err != nil {
			return fmt.Errorf("%s: %w", l.from, err)
		}
	}
	return nil
}

// A line is one of a list in a file, by its number.
type line struct {
	number int
	text   string
}

// byteOrderMark is what editors of Windows begin a file with.
const byteOrderMark = "\ufeff"

// lines are those of a file that have elements. A line that begins with # has
// none; a line is never continued on the next.
func lines(data []byte) []line {
	var list []line
	for i, text := range strings.Split(strings.TrimPrefix(string(data), byteOrderMark), "\n") {
		text = strings.TrimSuffix(text, "\r")
		if text != "" && text[0] != '#' && strings.TrimSpace(text) != "" {
			list = append(list, line{i + 1, text})
		}
	}
	return list
}
