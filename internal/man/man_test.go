package man

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"yubin/internal/config"
	"yubin/internal/maillog"
	"yubin/internal/programs"
)

var update = flag.Bool("update", false, "write the pages instead of comparing them")

// TestPages fails when a page is older than the program's text, flags or
// parameters.
func TestPages(t *testing.T) {
	t.Parallel()
	want := map[string][]byte{}
	add := func(name string, page []byte, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		want[name] = page
	}
	for _, c := range programs.All {
		page, err := Page(c, filepath.Join("../../cmd", c.Name, "doc.go"))
		add(fmt.Sprintf("%s.%d", c.Name, c.Section), page, err)
	}
	page, err := FilePage("main.cf", "main.cf.txt", config.Defs())
	add("main.cf.5", page, err)
	page, err = FilePage("master.cf", "master.cf.txt", nil)
	add("master.cf.5", page, err)
	page, err = FilePage("queue", "queue.txt", nil, "../queue/doc.go")
	add("queue.5", page, err)
	page, err = FilePage("users", "users.txt", nil)
	add("users.5", page, err)
	for _, name := range []string{"tables", "aliases", "forward", "canonical", "virtual", "relocated", "transport", "maillog"} {
		page, err = FilePage(name, name+".txt", nil)
		add(name+".5", page, err)
	}

	for name, page := range want {
		path := filepath.Join("../../man", name)
		if *update {
			if err := os.WriteFile(path, page, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		have, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		if !bytes.Equal(have, page) {
			t.Errorf("%s is stale; run go test ./internal/man -update", path)
		}
	}
}

// maillog(5) has every event.
func TestEvents(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("maillog.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "# Events\n")
	words := strings.FieldsFunc(table, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' })
	for _, e := range maillog.Events() {
		if !slices.Contains(words, string(e)) {
			t.Errorf("maillog.txt says nothing of the event %s", e)
		}
	}
}

// No page is left of a program that is gone.
func TestNoOtherPages(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../man/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		name, section, _ := strings.Cut(filepath.Base(p), ".")
		if _, err := os.Stat(filepath.Join("../../cmd", name)); err != nil && section != "5" && section != "cf.5" {
			t.Errorf("%s has no program", p)
		}
		if !bytes.HasPrefix(b, []byte(`.\" Made by `)) {
			t.Errorf("%s was not made by this package", p)
		}
	}
}

func TestEscape(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"plain text", "plain text"},
		{`-v a\b`, `\-v a\eb`},
		{"it's `x` ~ ^", `it\(aqs \(gax\(ga \(ti \(ha`},
		{"郵便 é", `\[u90F5]\[u4FBF] \[u00E9]`},
	}
	for _, tt := range tests {
		if got := escape(tt.text); got != tt.want {
			t.Errorf("escape(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

// A word that begins a line with a dot must not become a request.
func TestText(t *testing.T) {
	t.Parallel()
	p := new(page)
	p.text("One sentence. .forward is a file, 'quoted' too. " + strings.Repeat("word ", 20))
	for l := range strings.Lines(p.b.String()) {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") || len(l) > width+1 {
			t.Errorf("line %q", l)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	m, err := parse("prog", "prog - does\nthings.\n\n# Description\n\nIt does.\n\n\tcode\n\n# Exit status\n\nNone.\n")
	if err != nil {
		t.Fatal(err)
	}
	if m.summary != "does things" || len(m.sections) != 2 || m.sections[0].title != "Description" || len(m.sections[0].blocks) != 2 {
		t.Errorf("got %+v", m)
	}
	for _, text := range []string{"", "prog - x", "other - x\n\n# Description\n", "prog - x\n\ntext\n"} {
		if _, err := parse("prog", text); err == nil {
			t.Errorf("parse(%q): no error", text)
		}
	}
}
