package config

import (
	"cmp"
	"fmt"
	"strings"
)

// operators are tried in order, so that <= is not taken for <.
var operators = [...]struct {
	text  string
	holds func(order int) bool
}{
	{"==", func(o int) bool { return o == 0 }},
	{"!=", func(o int) bool { return o != 0 }},
	{"<=", func(o int) bool { return o <= 0 }},
	{">=", func(o int) bool { return o >= 0 }},
	{"<", func(o int) bool { return o < 0 }},
	{">", func(o int) bool { return o > 0 }},
}

// comparison expands ${{left} OP {right} ? {text} : {text}}.
func (e *expansion) comparison(text string) error {
	left, rest, err := e.operand(text)
	if err != nil {
		return err
	}
	for _, op := range operators {
		after, ok := strings.CutPrefix(rest, op.text)
		if !ok {
			continue
		}
		after, levels := strings.CutPrefix(after, "level")
		right, rest, err := e.operand(strings.TrimLeft(after, blanks))
		if err != nil {
			return err
		}
		compare := compareValues
		if levels {
			if compare = compareLevels; !isLevel(left) || !isLevel(right) {
				return fmt.Errorf("want versions such as 3.6 in ${%s}, have %q and %q", text, left, right)
			}
		}
		if rest == "" || rest[0] != '?' && rest[0] != ':' {
			return fmt.Errorf("want ? or : after the comparison in ${%s}", text)
		}
		return e.choose(op.holds(compare(left, right)), rest)
	}
	return fmt.Errorf("want a comparison such as == before %q", rest)
}

func (e *expansion) operand(text string) (value, rest string, err error) {
	inside, rest, err := cutBraces(text)
	if err != nil {
		return "", "", err
	}
	value, err = e.apart(func() error { return e.text(inside) })
	return value, rest, err
}

// compareValues orders numbers as numbers, everything else as text.
func compareValues(a, b string) int {
	if isDigits(a) && isDigits(b) {
		return compareDigits(a, b)
	}
	return strings.Compare(a, b)
}

// compareLevels orders versions such as 3.6 and 3.11.2; a missing part is 0.
func compareLevels(a, b string) int {
	for a != "" || b != "" {
		var left, right string
		left, a, _ = strings.Cut(a, ".")
		right, b, _ = strings.Cut(b, ".")
		if order := compareDigits(left, right); order != 0 {
			return order
		}
	}
	return 0
}

// compareDigits orders numbers of any length.
func compareDigits(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

func isLevel(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if !isDigits(part) {
			return false
		}
	}
	return true
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
