package man

import (
	"fmt"
	"go/doc/comment"
	"strings"
)

// date stands in the foot of every page. It is the day of the last release,
// not of the build: pages are reproducible.
const date = "2026-11-24"

// width is where filled lines end.
const width = 78

// A page is roff in the making.
type page struct{ b strings.Builder }

func newPage(name string, number int, summary string) *page {
	p := new(page)
	p.line(`.\" Made by go test ./internal/man -update; do not edit.`)
	p.line(fmt.Sprintf(`.TH %s %d "%s" "yubin"`, strings.ToUpper(name), number, date))
	p.section("Name")
	p.line(escape(name) + ` \- ` + escape(summary))
	return p
}

func (p *page) bytes() []byte { return []byte(p.b.String()) }

func (p *page) line(s string) { p.b.WriteString(strings.TrimRight(s, " ") + "\n") }

func (p *page) section(title string) { p.line(".SH " + escape(strings.ToUpper(title))) }

// item begins an entry of a list of terms.
func (p *page) item(tag string) {
	p.line(".TP")
	p.line(tag)
}

// blocks prints the blocks of a section. The first paragraph needs no macro.
func (p *page) blocks(blocks []comment.Block) {
	for i, b := range blocks {
		switch b := b.(type) {
		case *comment.Paragraph:
			if i > 0 {
				p.line(".PP")
			}
			p.text(plain(b.Text))
		case *comment.Code:
			p.code(b.Text, i > 0)
		case *comment.List:
			for _, item := range b.Items {
				mark := `\(bu`
				if item.Number != "" {
					mark = item.Number + "."
				}
				p.line(".IP " + mark + " 4")
				for _, inner := range item.Content {
					if para, ok := inner.(*comment.Paragraph); ok {
						p.text(plain(para.Text))
					}
				}
			}
		}
	}
}

// code prints text as it is.
func (p *page) code(text string, apart bool) {
	if apart {
		p.line(".PP")
	}
	p.line(".nf")
	for l := range strings.Lines(strings.TrimRight(text, "\n")) {
		p.line(protect("    " + strings.ReplaceAll(escape(strings.TrimRight(l, "\n")), "\t", "    ")))
	}
	p.line(".fi")
}

// text prints words in lines of at most width, and begins a new line after
// each sentence, as roff wants it.
func (p *page) text(s string) {
	var line []string
	length := 0
	flush := func() {
		if len(line) > 0 {
			p.line(protect(strings.Join(line, " ")))
		}
		line, length = nil, 0
	}
	for _, word := range strings.Fields(s) {
		e := escape(word)
		if length+len(e) >= width {
			flush()
		}
		line, length = append(line, e), length+len(e)+1
		if strings.HasSuffix(word, ".") || strings.HasSuffix(word, ".)") {
			flush()
		}
	}
	flush()
}

// protect keeps a line that begins like a request from being one.
func protect(line string) string {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		return `\&` + line
	}
	return line
}

var escaper = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`)

// escape makes text roff that prints as it is written.
func escape(s string) string {
	s = escaper.Replace(s)
	var b strings.Builder
	for _, r := range s {
		if r < 0x80 {
			b.WriteRune(r)
			continue
		}
		fmt.Fprintf(&b, `\[u%04X]`, r)
	}
	return b.String()
}

// plain returns the characters of a text. Names in brackets that look like
// links to Go are words here.
func plain(text []comment.Text) string {
	var b strings.Builder
	for _, t := range text {
		switch t := t.(type) {
		case comment.Plain:
			b.WriteString(string(t))
		case comment.Italic:
			b.WriteString(string(t))
		case *comment.Link:
			b.WriteString(plain(t.Text))
		case *comment.DocLink:
			b.WriteString("[" + plain(t.Text) + "]")
		}
	}
	return b.String()
}
