// Package man prints the manual pages. The text of a program's page is the
// package comment in cmd/NAME/doc.go; its options come from the flags that the
// program parses, its parameters from the table that it reads: page and
// program cannot disagree. The pages are committed in man/, in the man(7)
// language of roff, and TestPages keeps them current.
package man

import (
	"errors"
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"yubin/internal/cli"
	"yubin/internal/config"
)

// Page returns the manual page of a program whose package comment is in the
// Go file at path.
func Page(c *cli.Command, path string) ([]byte, error) {
	text, err := packageComment(path)
	if err != nil {
		return nil, err
	}
	m, err := parse(c.Name, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p := newPage(c.Name, c.Section, m.summary)
	p.section("Synopsis")
	p.line(`\fB` + escape(c.Name) + `\fR [\fIoptions\fR] ` + escape(c.Synopsis))
	// Options and parameters stand behind the description.
	for i, s := range m.sections {
		p.section(s.title)
		p.blocks(s.blocks)
		if i == 0 {
			p.section("Options")
			p.flags(cli.Flags(c))
			p.parameters(c.Params)
		}
	}
	return p.bytes(), nil
}

// FilePage returns a page of section 5 whose text is in the file at path, in
// the form of a package comment. params, if any, are described in full. The
// sections of the package comments in more come before "See also".
func FilePage(name, path string, params []*config.Def, more ...string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	text, seeAlso, _ := strings.Cut(string(b), seeAlsoHeading)
	for _, path := range more {
		of, err := packageComment(path)
		if err != nil {
			return nil, err
		}
		if i := strings.Index(of, "\n# "); i >= 0 {
			text += of[i:]
		}
	}
	m, err := parse(name, text+seeAlsoHeading+seeAlso)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p := newPage(name, 5, m.summary)
	for i, s := range m.sections {
		p.section(s.title)
		p.blocks(s.blocks)
		if i == 0 && len(params) > 0 {
			p.section("Parameters")
			for _, d := range params {
				p.parameter(d)
			}
		}
	}
	return p.bytes(), nil
}

const seeAlsoHeading = "\n# See also\n"

func packageComment(path string) (string, error) {
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		return "", err
	}
	if f.Doc == nil {
		return "", fmt.Errorf("%s has no package comment", path)
	}
	return (&ast.CommentGroup{List: f.Doc.List}).Text(), nil
}

// A manual is a text taken apart.
type manual struct {
	summary  string
	sections []section
}

type section struct {
	title  string
	blocks []comment.Block
}

// parse wants "NAME - summary" first and then headings.
func parse(name, text string) (*manual, error) {
	doc := new(comment.Parser).Parse(text)
	if len(doc.Content) < 2 {
		return nil, errors.New("want a summary and sections")
	}
	first, ok := doc.Content[0].(*comment.Paragraph)
	if !ok {
		return nil, errors.New("want a summary first")
	}
	summary, ok := strings.CutPrefix(plain(first.Text), name+" - ")
	if !ok {
		return nil, fmt.Errorf("want %q first", name+" - what it is")
	}
	m := &manual{summary: strings.TrimSuffix(strings.Join(strings.Fields(summary), " "), ".")}
	for _, b := range doc.Content[1:] {
		if h, ok := b.(*comment.Heading); ok {
			m.sections = append(m.sections, section{title: plain(h.Text)})
			continue
		}
		if len(m.sections) == 0 {
			return nil, errors.New("want a heading after the summary")
		}
		last := &m.sections[len(m.sections)-1]
		last.blocks = append(last.blocks, b)
	}
	return m, nil
}

// flags describes the options, those without a letter last.
func (p *page) flags(fs *pflag.FlagSet) {
	var all []*pflag.Flag
	fs.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			all = append(all, f)
		}
	})
	slices.SortStableFunc(all, func(a, b *pflag.Flag) int {
		switch {
		case a.Shorthand == "" && b.Shorthand != "":
			return 1
		case a.Shorthand != "" && b.Shorthand == "":
			return -1
		}
		return strings.Compare(a.Shorthand, b.Shorthand)
	})
	for _, f := range all {
		value, usage := pflag.UnquoteUsage(f)
		if f.Value.Type() == "bool" || f.Value.Type() == "count" {
			value = ""
		}
		p.item(optionTag(f, value))
		p.text(usage + ".")
	}
}

func optionTag(f *pflag.Flag, value string) string {
	var names []string
	if f.Shorthand != "" && f.ShorthandDeprecated == "" {
		names = append(names, `\fB`+escape("-"+f.Shorthand)+`\fR`)
	}
	if len(f.Name) > 1 {
		names = append(names, `\fB`+escape("--"+f.Name)+`\fR`)
	}
	tag := strings.Join(names, ", ")
	if value != "" {
		tag += ` \fI` + escape(value) + `\fR`
	}
	return tag
}

// parameters lists what a program reads; main.cf(5) says more.
func (p *page) parameters(defs []*config.Def) {
	if len(defs) == 0 {
		return
	}
	p.section("Configuration parameters")
	p.text("main.cf(5) describes these in full.")
	sorted := slices.Clone(defs)
	slices.SortFunc(sorted, func(a, b *config.Def) int { return strings.Compare(a.Name, b.Name) })
	for _, d := range slices.Compact(sorted) {
		p.item(`\fB` + escape(d.Name) + `\fR (` + defaultOf(d) + `)`)
		p.text(sentence(d.Doc))
	}
}

// parameter describes one parameter in full.
func (p *page) parameter(d *config.Def) {
	p.item(`\fB` + escape(d.Name) + `\fR (` + defaultOf(d) + `)`)
	p.text(d.Doc)
	p.text("Value: " + d.Type + ".")
}

func defaultOf(d *config.Def) string {
	switch {
	case d.Computed != "":
		return "default: " + escape(d.Computed)
	case d.Default == "":
		return "default: empty"
	}
	return "default: " + escape(d.Default)
}

// sentence returns the first sentence of a text.
func sentence(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if i := strings.Index(text, ". "); i >= 0 {
		return text[:i+1]
	}
	return text
}
