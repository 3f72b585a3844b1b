package match

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"yubin/internal/config"
	"yubin/internal/smtp"
	"yubin/internal/table"
)

// A verdict is what an element says to a query.
type verdict int8

const (
	silent verdict = iota // the next element decides
	in
	out
)

func found(ok bool) verdict {
	if ok {
		return in
	}
	return silent
}

// An element is one pattern of a list.
type element interface {
	match(q query) (verdict, error)
}

// A sequence is elements, the first of which that is not silent decides.
type sequence []element

func (s sequence) match(q query) (verdict, error) {
	for _, e := range s {
		if v, err := e.match(q); err != nil || v != silent {
			return v, err
		}
	}
	return silent, nil
}

// not turns an element into its opposite: also what a file says with "!".
type not struct{ element }

func (n not) match(q query) (verdict, error) {
	v, err := n.element.match(q)
	switch v {
	case in:
		v = out
	case out:
		v = in
	}
	return v, err
}

// domain is a name, which for domain lists may stand for its subdomains.
type domain struct {
	name       string // in lower case
	subdomains bool
}

func (d domain) match(q query) (verdict, error) {
	if q.name == d.name {
		return in, nil
	}
	above, ok := strings.CutSuffix(q.name, d.name)
	if !ok || !q.domain {
		return silent, nil
	}
	return found(strings.HasPrefix(d.name, ".") || d.subdomains && strings.HasSuffix(above, ".")), nil
}

// network is a set of addresses. As a name, for domain lists, it is its text.
type network struct {
	prefix netip.Prefix
	text   string // in lower case
}

func (n network) match(q query) (verdict, error) {
	return found(n.prefix.Contains(q.addr) || q.name == n.text), nil
}

// lookup is a table that has what is in the list as its keys.
type lookup struct {
	table.Table
	subdomains bool
}

func (l lookup) match(q query) (verdict, error) {
	ask := table.Table.Lookup // the first key is the whole name
	for key := q.name; key != ""; {
		if _, ok, err := ask(l.Table, key); ok || err != nil {
			return found(ok), err
		}
		ask = table.Part
		// Postfix: the domains above, with their dot where the
		// parameter does not take example.com for its subdomains.
		i := strings.IndexByte(key[1:], '.')
		if i < 0 || !q.domain {
			break
		}
		key = key[1+i:]
		if l.subdomains {
			key = key[1:]
		}
	}
	if !q.addr.IsValid() {
		return silent, nil
	}
	_, ok, err := l.Lookup(q.addr.String())
	return found(ok), err
}

// file is the elements in a file.
type file struct{ *table.File[sequence] }

func (f file) match(q query) (verdict, error) {
	s, err := f.Get()
	if err != nil {
		return silent, err
	}
	return s.match(q)
}

// maxDepth is how deep files may name files.
const maxDepth = 8

// A compiler makes elements of patterns.
type compiler struct {
	subdomains bool
	depth      int // how many files deep the patterns stand
	tables     []table.Option
}

func (c compiler) all(patterns []string) (sequence, error) {
	var s sequence
	for _, p := range patterns {
		e, err := c.one(p)
		if err != nil {
			return nil, err
		}
		s = append(s, e)
	}
	return s, nil
}

func (c compiler) one(pattern string) (element, error) {
	if rest, ok := strings.CutPrefix(pattern, "!"); ok {
		// A loop in place of recursion: the depth is the writer's choice.
		negated := true
		for ; strings.HasPrefix(rest, "!"); rest = rest[1:] {
			negated = !negated
		}
		e, err := c.one(rest)
		if err == nil && negated {
			e = not{e}
		}
		return e, err
	}
	switch {
	case pattern == "":
		return nil, errors.New("empty pattern")
	case pattern[0] == '/':
		return c.file(pattern)
	case pattern[0] == '[':
		return c.bracketed(pattern)
	}
	prefix, err := table.ParsePrefix(pattern)
	if err == nil {
		return network{prefix, strings.ToLower(pattern)}, nil
	}
	if _, bad := netip.ParsePrefix(pattern); bad == nil {
		return nil, err
	}
	switch {
	case strings.Contains(pattern, ":"):
		t, err := table.Open(pattern, c.tables...)
		return lookup{t, c.subdomains}, err
	case strings.Contains(pattern, "/"):
		return nil, fmt.Errorf("bad net/mask pattern: %q", pattern)
	}
	return domain{smtp.FoldKey(pattern), c.subdomains}, nil
}

// bracketed compiles [address] and [address]/length. Address literals of
// domain lists have the first form.
func (c compiler) bracketed(pattern string) (element, error) {
	inner, rest, ok := strings.Cut(pattern[1:], "]")
	if !ok {
		return nil, fmt.Errorf("%q: '[' without ']'", pattern)
	}
	prefix, err := table.ParsePrefix(inner + rest)
	switch {
	case err == nil:
		return network{prefix, strings.ToLower(pattern)}, nil
	case rest == "":
		return domain{strings.ToLower(pattern), false}, nil
	}
	return nil, err
}

func (c compiler) file(path string) (element, error) {
	if c.depth == maxDepth {
		return nil, fmt.Errorf("%s: files name files more than %d deep", path, maxDepth)
	}
	c.depth++
	parse := func(data []byte, _ table.Reporter) (sequence, error) {
		return c.all(words(string(data)))
	}
	return file{table.NewFile(path, parse, func(config.Problem) {})}, nil
}

// words splits the text of a file of patterns, less its comments.
func words(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			all = append(all, strings.FieldsFunc(line, isSeparator)...)
		}
	}
	return all
}

func isSeparator(r rune) bool {
	return r == ',' || r == ' ' || r >= '\t' && r <= '\r'
}
