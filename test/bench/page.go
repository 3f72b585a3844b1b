package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// A page is the table with the runs that its figures are from. Rows of several
// runs may stand together: only figures in one line are of one run, and each
// line names its own.
type page struct {
	runs  []string         // what is needed to repeat each
	lines map[string]entry // by row
}

// An entry is a line of the table: its cells but for the last, and that, an
// index into runs.
type entry struct {
	cells string
	run   int
}

const tableHead = `| row | unit | peer | yubin | ratio | target | talk only | yubin of it | CPU ms each: peer, user + system | yubin | ratio | met | run |
|---|---|---|---|---|---|---|---|---|---|---|---|---|
`

// String is the page in Markdown. Runs of which no figure is left are gone.
func (p page) String() string {
	var b strings.Builder
	number := map[int]int{}
	for i, text := range p.runs {
		if slices.ContainsFunc(slices.Collect(maps.Values(p.lines)), func(e entry) bool { return e.run == i }) {
			number[i] = len(number) + 1
			fmt.Fprintf(&b, "%d. %s\n", number[i], text)
		}
	}
	b.WriteString("\n" + tableHead)
	for _, r := range rows {
		if e, ok := p.lines[r.name]; ok {
			fmt.Fprintf(&b, "%s%d |\n", e.cells, number[e.run])
		}
	}
	return b.String()
}

// parsePage reads what String has written.
func parsePage(text string) (page, error) {
	p := page{lines: map[string]entry{}}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if n, run, ok := strings.Cut(line, ". "); ok && n == strconv.Itoa(len(p.runs)+1) {
			p.runs = append(p.runs, run)
			continue
		}
		if line == "" || strings.Contains(tableHead, line+"\n") {
			continue
		}
		cells, last := strings.CutSuffix(line, " |")
		at := strings.LastIndex(cells, "| ")
		if !last || at < 0 || strings.Count(line, "|") != strings.Count(tableHead, "|")/2 {
			return page{}, fmt.Errorf("%q is neither a run nor a line of the table", line)
		}
		run, err := strconv.Atoi(cells[at+2:])
		if err != nil || run < 1 || run > len(p.runs) {
			return page{}, fmt.Errorf("%q does not end in the number of a run", line)
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(cells, "| "), " |")
		p.lines[name] = entry{cells[:at+2], run - 1}
	}
	return p, nil
}

// merge puts the lines of q in the place of p's.
func (p page) merge(q page) page {
	all := page{slices.Concat(p.runs, q.runs), maps.Clone(p.lines)}
	for name, e := range q.lines {
		all.lines[name] = entry{e.cells, len(p.runs) + e.run}
	}
	return all
}

// The marks between which -write puts the table; what people wrote around them
// stays.
const (
	blockBegin = "<!-- bench: begin -->\n"
	blockEnd   = "<!-- bench: end -->\n"
)

// mergeInto puts the lines of p between the marks of file, where the rows stay
// that p has not.
func (p page) mergeInto(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	head, rest, found := bytes.Cut(text, []byte(blockBegin))
	block, tail, ended := bytes.Cut(rest, []byte(blockEnd))
	if !found || !ended {
		return fmt.Errorf("%s: no lines %q and %q to put the table between", file, strings.TrimSpace(blockBegin), strings.TrimSpace(blockEnd))
	}
	old, err := parsePage(string(block))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	b := slices.Concat(head, []byte(blockBegin), []byte(old.merge(p).String()), []byte(blockEnd), tail)
	return os.WriteFile(file, b, 0o644)
}
