package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func testPage(run string, values map[string]string) page {
	p := page{[]string{run}, map[string]entry{}}
	for name, v := range values {
		p.lines[name] = entry{"| " + name + " | /s | " + v + strings.Repeat(" | ", 10), 0}
	}
	return p
}

// Rows that did not run stay, with the run that they are from; a run of which
// nothing is left goes.
func TestMergeInto(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(path, []byte("above\n"+blockBegin+blockEnd+"below\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const a, b, c = "deliver/1K/1", "memory/0", "pop3/login/plain"
	for _, p := range []page{
		testPage("`run one`, today. It had 2. turns", map[string]string{a: "11", c: "13"}),
		testPage("`run two`", map[string]string{b: "22", c: "23"}),
		testPage("`run three`", map[string]string{a: "31"}),
	} {
		if err := p.mergeInto(path); err != nil {
			t.Fatal(err)
		}
	}
	want := page{[]string{"`run two`", "`run three`"}, map[string]entry{}}
	for name, v := range map[string]struct {
		value string
		run   int
	}{a: {"31", 1}, b: {"22", 0}, c: {"23", 0}} {
		e := testPage("", map[string]string{name: v.value}).lines[name]
		want.lines[name] = entry{e.cells, v.run}
	}
	got, err := os.ReadFile(path)
	if want := "above\n" + blockBegin + want.String() + blockEnd + "below\n"; err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	at := func(s string) int { return strings.Index(string(got), s) }
	if at("1. `run two`") < 0 || at("2. `run three`") < 0 || at("| 31 |") > at("| 22 |") || at("| 22 |") > at("| 23 |") {
		t.Errorf("runs or rows are not in order:\n%s", got)
	}
}

// What cannot be merged with is not written over.
func TestMergeIntoStrange(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"no marks\n",
		blockBegin + "some words\n" + blockEnd,
		blockBegin + "| memory/0 | MiB | 1 |\n" + blockEnd,
		blockBegin + "1. `run`\n\n" + tableHead + "| memory/0 " + strings.Repeat("| ", 11) + "| 2 |\n" + blockEnd,
	} {
		path := filepath.Join(t.TempDir(), "page.md")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := testPage("`run`", nil).mergeInto(path); err == nil {
			t.Errorf("%q was taken for a page", text)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	}
}

// The page of this tree is one that a run can be merged into.
func TestOurPage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), blockBegin)
	block, _, _ := strings.Cut(rest, blockEnd)
	p, err := parsePage(block)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.String(); got != block {
		t.Errorf("read and written again it is\n%s", got)
	}
}
