package config

import (
	"errors"
	"fmt"
	"strings"
)

// Limits of an expansion. A value that refers to itself, or that doubles at
// each step, ends at one of them.
const (
	maxDepth  = 100     // of values within values
	maxMacros = 10_000  // $name in all
	maxText   = 1 << 20 // octets
)

// An expansion is the state of one call of expand.
type expansion struct {
	lookup func(name string) (string, bool)
	out    []byte
	depth  int
	macros int
	total  int // octets written, parts that were tested or compared included

	flat    bool // values are not expanded themselves
	missing bool // an unknown name stood for a value
}

func expand(text string, lookup func(string) (string, bool)) (string, error) {
	if strings.IndexByte(text, '$') < 0 {
		return text, nil
	}
	e := &expansion{lookup: lookup}
	if err := e.text(text); err != nil {
		return "", err
	}
	return string(e.out), nil
}

// text appends the expansion of text.
func (e *expansion) text(text string) error {
	if e.depth++; e.depth > maxDepth {
		return errors.New("unreasonable macro call nesting")
	}
	defer func() { e.depth-- }()
	for {
		i := strings.IndexByte(text, '$')
		if i < 0 {
			return e.write(text)
		}
		if err := e.write(text[:i]); err != nil {
			return err
		}
		rest, err := e.macro(text[i+1:])
		if err != nil {
			return err
		}
		text = rest
	}
}

func (e *expansion) write(s string) error {
	if e.total += len(s); e.total > maxText {
		return fmt.Errorf("value longer than %d octets after expansion", maxText)
	}
	e.out = append(e.out, s...)
	return nil
}

// macro expands what follows a $ and returns the text behind it.
func (e *expansion) macro(text string) (rest string, err error) {
	if e.macros++; e.macros > maxMacros {
		return "", fmt.Errorf("more than %d macros in one value", maxMacros)
	}
	if text == "" {
		return "", errors.New("'$' without a name, write $$ for a dollar sign")
	}
	switch text[0] {
	case '$':
		return text[1:], e.write("$")
	case '{', '(':
		end := closing(text)
		if end < 0 {
			return "", fmt.Errorf("'$%c' without its end", text[0])
		}
		return text[end+1:], e.body(strings.Trim(text[1:end], blanks))
	}
	name, rest := cutName(text)
	if name == "" {
		return "", errors.New("'$' without a name, write $$ for a dollar sign")
	}
	return rest, e.name(name)
}

// body expands the inside of ${...}.
func (e *expansion) body(text string) error {
	if strings.HasPrefix(text, "{") {
		return e.comparison(text)
	}
	name, rest := cutName(text)
	rest = strings.TrimLeft(rest, blanks)
	switch {
	case name == "":
		return fmt.Errorf("no name in ${%s}", text)
	case rest == "":
		return e.name(name)
	case rest[0] == '{':
		return e.call(name, rest)
	case rest[0] == '?' || rest[0] == ':':
		// What counts is the value as it is written, as in Postfix: $x is
		// not empty even where x is.
		value, _ := e.lookup(name)
		return e.choose(value != "", rest)
	}
	return fmt.Errorf("want ?, : or } after the name in ${%s}", text)
}

// choose expands one of the texts in "?text", ":text" and "?{text}:{text}".
func (e *expansion) choose(cond bool, text string) error {
	op := text[0]
	yes, rest, err := branch(text[1:])
	if err != nil {
		return err
	}
	var no string
	switch {
	case op == ':':
		yes, no = "", yes
	case strings.HasPrefix(rest, ":"):
		if no, rest, err = branch(rest[1:]); err != nil {
			return err
		}
	}
	if rest != "" {
		return fmt.Errorf("%q after the end of a conditional text", rest)
	}
	if !cond {
		yes = no
	}
	return e.text(yes)
}

// branch cuts "{text}" or, when there are no braces, takes all there is.
func branch(text string) (value, rest string, err error) {
	trimmed := strings.TrimLeft(text, blanks)
	if !strings.HasPrefix(trimmed, "{") {
		return text, "", nil
	}
	return cutBraces(trimmed)
}

func cutBraces(text string) (inside, rest string, err error) {
	if !strings.HasPrefix(text, "{") {
		return "", "", fmt.Errorf("want '{' before %q", text)
	}
	end := closing(text)
	if end < 0 {
		return "", "", fmt.Errorf("'{' without '}' in %q", text)
	}
	return text[1:end], strings.TrimLeft(text[end+1:], blanks), nil
}

// name appends the value of a name, expanded; an unknown one is empty.
func (e *expansion) name(name string) error {
	value, ok := e.lookup(name)
	if e.flat {
		e.missing = e.missing || !ok
		return e.write(value)
	}
	return e.text(value)
}

// apart returns what f appends instead of appending it.
func (e *expansion) apart(f func() error) (string, error) {
	start := len(e.out)
	err := f()
	text := string(e.out[start:])
	e.out = e.out[:start]
	return text, err
}

// call expands ${function{argument}}. Names in other scripts would need
// tables that no program here carries for this alone: they are refused.
func (e *expansion) call(function, text string) error {
	argument, rest, err := cutBraces(text)
	if err != nil {
		return err
	}
	if rest != "" {
		return fmt.Errorf("%q after the argument of %s", rest, function)
	}
	domain, err := e.apart(func() error { return e.text(argument) })
	if err != nil {
		return err
	}
	foreign := false
	switch function {
	case "domain_to_ascii":
		foreign = strings.ContainsFunc(domain, func(r rune) bool { return r >= 0x80 })
	case "domain_to_utf8":
		foreign = strings.Contains(strings.ToLower(domain), "xn--")
	default:
		return fmt.Errorf("no function is called %s", function)
	}
	if foreign {
		return fmt.Errorf("%s{%s}: write the converted name, conversion is not supported", function, domain)
	}
	return e.write(domain)
}

func cutName(text string) (name, rest string) {
	i := 0
	for i < len(text) && isNameByte(text[i]) {
		i++
	}
	return text[:i], text[i:]
}
