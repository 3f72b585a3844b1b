package wording

import (
	"bytes"
	"fmt"
	"strings"

	"yubin/internal/config"
	"yubin/internal/mailtext"
	"yubin/internal/smtp"
)

// Limits of a template file, octets.
const (
	maxFile = 1 << 20
	maxText = 64 << 10
	maxLine = 900 // of a template; RFC 5322, 2.1.1 has 998
)

// A Template is the words of one kind of notice, as they are written.
type Template struct {
	Charset, From, Subject, PostmasterSubject string // "": not said
	Text                                      string // in UTF-8, $names and all; "": the template is not there
}

// Kinds are the kinds of notices, in the order in which they are printed.
var Kinds = [...]string{"failure", "delay", "success", "verify"}

// Templates are those of a file, in the order of Kinds.
type Templates [len(Kinds)]Template

// A parser reads a file.
type parser struct {
	file     string
	lines    [][]byte
	at       int // lines read
	out      Templates
	problems []config.Problem
}

// Parse reads a template file. What it leaves out is in problems.
func Parse(file string, data []byte) (Templates, []config.Problem) {
	p := &parser{file: file, lines: bytes.Split(data, []byte("\n"))}
	if len(data) > maxFile {
		p.report(0, fmt.Sprintf("more than %d octets: the file is left out", maxFile))
		return p.out, p.problems
	}
	for p.at < len(p.lines) && p.next() {
	}
	return p.out, p.problems
}

func (p *parser) report(line int, what string) {
	p.problems = append(p.problems, config.Problem{File: p.file, Line: line, What: what})
}

// line takes the next line.
func (p *parser) line() string {
	p.at++
	return string(bytes.TrimSuffix(p.lines[p.at-1], []byte("\r")))
}

// next reads a template, or a line between two. It returns false when nothing
// behind it can be read.
func (p *parser) next() bool {
	line := p.line()
	trimmed := strings.TrimSpace(line)
	if trimmed == "" || trimmed[0] == '#' {
		return true
	}
	begin := p.at
	name, value, ok := strings.Cut(line, "=")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	end, here := strings.CutPrefix(value, "<<")
	end = strings.TrimSpace(end)
	if !ok || !here || !config.ValidName(end) {
		p.report(begin, fmt.Sprintf("want NAME_template = <<EOF, have %q: this and what follows is left out", trimmed))
		return false
	}
	var body []string
	for {
		if p.at == len(p.lines) {
			p.report(begin, fmt.Sprintf("%s has no line %q at its end, and is left out", name, end))
			return false
		}
		l := p.line()
		if l == end {
			break
		}
		body = append(body, l)
	}
	for i, kind := range Kinds {
		if name != kind+"_template" {
			continue
		}
		t, err := parseTemplate(body)
		if err != nil {
			p.report(begin, fmt.Sprintf("%s: %v; it is left out", name, err))
			return true
		}
		p.out[i] = t
		return true
	}
	p.report(begin, fmt.Sprintf("%q is no template: want one of failure_template, delay_template, success_template, verify_template", name))
	return true
}

// parseTemplate reads header and text.
func parseTemplate(lines []string) (t Template, err error) {
	for ; len(lines) > 0; lines = lines[1:] {
		name, value, ok := field(lines[0])
		if !ok {
			break
		}
		to := map[string]*string{"charset": &t.Charset, "from": &t.From, "subject": &t.Subject, "postmaster-subject": &t.PostmasterSubject}[strings.ToLower(name)]
		switch {
		case to == nil:
			return Template{}, fmt.Errorf("unknown field %q: want Charset, From, Subject or Postmaster-Subject", name)
		case !smtp.ASCII(value) || strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c == 0x7f }):
			return Template{}, fmt.Errorf("%s: want printable ASCII", name)
		case len(value) > maxLine:
			return Template{}, fmt.Errorf("%s: more than %d octets", name, maxLine)
		}
		*to = value
	}
	if len(lines) > 0 && lines[0] == "" {
		lines = lines[1:]
	}
	text := strings.Join(lines, "\n")
	switch {
	case strings.TrimSpace(text) == "":
		return Template{}, fmt.Errorf("no text")
	case len(text) > maxText:
		return Template{}, fmt.Errorf("a text of more than %d octets", maxText)
	case smtp.ASCII(text):
	case t.Charset == "" || strings.EqualFold(t.Charset, "us-ascii"):
		return Template{}, fmt.Errorf("letters beyond ASCII: want a Charset, such as utf-8")
	case !mailtext.KnownCharset(t.Charset):
		return Template{}, fmt.Errorf("charset %q is not known: want utf-8", t.Charset)
	}
	t.Text = strings.TrimRight(mailtext.Decode([]byte(text), t.Charset), "\n") + "\n"
	return t, checkText(t.Text)
}

// checkText refuses what no letter may have.
func checkText(text string) error {
	for line := range strings.SplitSeq(text, "\n") {
		if len(line) > maxLine {
			return fmt.Errorf("a line of more than %d octets", maxLine)
		}
	}
	if strings.ContainsAny(text, "\x00\r") {
		return fmt.Errorf("a NUL or CR octet")
	}
	return nil
}

// field parts a line of a template's header.
func field(line string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(line, ":")
	if !ok || name == "" || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return "", "", false
	}
	return name, strings.TrimSpace(value), true
}
