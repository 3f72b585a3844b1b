package table

import (
	"fmt"
	"regexp"
	"strings"
)

// A ruleTable is a Table of patterns, the first of which that matches decides.
type ruleTable struct{ file *File[[]rule] }

// A rule matches keys that its pattern matches, or, when not is set, those that
// it does not. With skip > 0 it is an "if": keys that it does not match go on at
// the rule of that number.
type rule struct {
	pattern *regexp.Regexp
	// err says why the pattern cannot be used. Which keys the writer meant by it
	// nobody knows, so that no key gets past it.
	err   error
	not   bool
	skip  int
	value template
}

func openRegexp(name string, o *options, _ bool) (Table, error) { return openRules(name, o, posix) }
func openPCRE(name string, o *options, _ bool) (Table, error)   { return openRules(name, o, perl) }

func openRules(name string, o *options, d dialect) (Table, error) {
	if err := wantPath(name); err != nil {
		return nil, err
	}
	parse := func(data []byte, report Reporter) ([]rule, error) {
		p := ruleParser{path: name, dialect: d, plain: o.plain, blocks: blocks{report: report}}
		return p.parse(data), nil
	}
	return ruleTable{NewFile(name, parse, o.report)}, nil
}

func (ruleTable) patterns() bool { return true }

func (t ruleTable) read() error {
	_, err := t.file.Get()
	return err
}

// Lookup asks the rules for key, whole and in the case that it has.
func (t ruleTable) Lookup(key string) (string, bool, error) {
	rules, err := t.file.Get()
	if err != nil {
		return "", false, err
	}
	return decide(rules, key)
}

func decide(rules []rule, key string) (string, bool, error) {
	for i := 0; i < len(rules); i++ {
		r := &rules[i]
		if r.err != nil {
			return "", false, r.err
		}
		at := r.match(key)
		switch match := (at != nil) != r.not; {
		case r.skip > 0 && !match:
			i = r.skip - 1
		case r.skip == 0 && match:
			return r.value.fill(key, at), true, nil
		}
	}
	return "", false, nil
}

// match returns where pattern and groups are in key, or nil. Where groups are
// costs time that most rules can do without.
func (r *rule) match(key string) []int {
	if !r.value.constant() {
		return r.pattern.FindStringSubmatchIndex(key)
	}
	if r.pattern.MatchString(key) {
		return []int{}
	}
	return nil
}

// A ruleParser reads "/pattern/flags value", "!/pattern/flags value", and
// "if /pattern/flags" ... "endif".
type ruleParser struct {
	path    string
	dialect dialect
	plain   bool // values may not have parts of the key
	blocks  blocks
	rules   []rule
}

func (p *ruleParser) parse(data []byte) []rule {
	for number, line := range joinedLines(data, "\n", p.blocks.report) {
		word, rest := cutWord(line)
		switch strings.ToLower(word) {
		case "if":
			p.begin(number, rest)
		case "endif":
			if rule := p.blocks.end(number); rule >= 0 {
				p.rules[rule].skip = len(p.rules)
			}
			if rest != "" {
				p.blocks.report(number, fmt.Sprintf("nothing is expected after endif, %q is ignored", rest))
			}
		default:
			r, why := p.rule(number, string(line))
			switch {
			case why != "":
				p.blocks.report(number, why+"; the line is ignored")
			case !p.blocks.left():
				p.add(number, r)
			}
		}
	}
	for rule := range p.blocks.unended {
		p.rules[rule].skip = len(p.rules)
	}
	return p.rules
}

func (p *ruleParser) begin(number int, text string) {
	r, rest, err := p.pattern(number, text)
	if !p.blocks.begin(number, len(p.rules), err) {
		return
	}
	if rest != "" {
		p.blocks.report(number, fmt.Sprintf("nothing is expected after the pattern of if, %q is ignored", rest))
	}
	p.add(number, r)
}

func (p *ruleParser) add(number int, r rule) {
	if r.err != nil {
		p.blocks.report(number, fmt.Sprintf("%v; lookups that come to this line fail", r.err))
		r.err = fmt.Errorf("%s:%d: %w", p.path, number, r.err)
	}
	p.rules = append(p.rules, r)
}

// rule reads a line that is neither if nor endif.
func (p *ruleParser) rule(number int, line string) (r rule, why string) {
	r, text, err := p.pattern(number, line)
	if err != nil {
		return r, err.Error()
	}
	if text == "" {
		return r, "the pattern has no value"
	}
	groups := -1 // unknown
	if r.err == nil {
		groups = r.pattern.NumSubexp()
	}
	// Comments in a pattern (flag x) end with their lines, which a value has not.
	if r.value, err = parseTemplate(strings.ReplaceAll(text, "\n", ""), groups); err != nil {
		return r, err.Error()
	}
	if r.value.constant() {
		return r, ""
	}
	switch {
	case r.not:
		return r, "a pattern behind ! has matched nothing that $ could stand for; write $$ for a $"
	case p.plain:
		return r, "parts of the key ($1) are not allowed in values of this table: strangers choose the key"
	}
	return r, ""
}

// pattern reads a pattern and its flags off the front of text. What is wrong with
// the pattern itself is in r.err.
func (p *ruleParser) pattern(number int, text string) (r rule, rest string, err error) {
	for strings.HasPrefix(text, "!") {
		r.not = !r.not
		text = strings.TrimLeft(text[1:], blanks)
	}
	if text == "" {
		return r, "", fmt.Errorf("want a pattern such as /text/")
	}
	mark := text[0]
	if mark >= 0x80 || mark >= '0' && mark <= '9' || mark|0x20 >= 'a' && mark|0x20 <= 'z' || mark == '\\' {
		return r, "", fmt.Errorf("want a pattern between two marks such as /text/, have %.40q", text)
	}
	end := 1
	for ; end < len(text) && text[end] != mark; end++ {
		if text[end] == '\\' {
			end++
		}
	}
	if end >= len(text) {
		return r, "", fmt.Errorf("no closing %q behind the pattern %.40q", mark, text)
	}
	flags, rest, _ := cutBlank(text[end+1:])
	for _, f := range []byte(flags) {
		if strings.IndexByte(p.dialect.flags, f) < 0 {
			return r, "", fmt.Errorf("unknown flag %q, want some of %s", f, p.dialect.flags)
		}
	}
	pattern := text[1:end]
	if strings.IndexByte(flags, 'x') < 0 { // with it a comment ends with its line
		pattern = strings.ReplaceAll(pattern, "\n", "")
	}
	r.pattern, r.err = p.dialect.compile(pattern, flags)
	return r, rest, nil
}

// cutBlank parts s at its first run of blanks.
func cutBlank(s string) (before, after string, found bool) {
	i := strings.IndexAny(s, blanks)
	if i < 0 {
		return s, "", false
	}
	return s[:i], strings.Trim(s[i:], blanks), true
}
