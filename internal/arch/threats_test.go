package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every row of docs/threats.md names tests, and they are there.
func TestThreatsHaveTests(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/threats.md")
	if err != nil {
		t.Fatal(err)
	}
	defined := map[string]map[string]bool{} // by directory
	rows := 0
	for line := range strings.Lines(string(b)) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| class") {
			continue
		}
		rows++
		if len(cells) != 4 {
			t.Errorf("%d cells in %q, want 4", len(cells), line)
			continue
		}
		for part := range strings.SplitSeq(strings.TrimSuffix(cells[3], " |"), "; ") {
			dir, names, ok := strings.Cut(part, ": ")
			if !ok {
				t.Errorf("%s: want directory: Test, Test; have %q", cells[0], part)
				continue
			}
			if defined[dir] == nil {
				defined[dir] = testsOf(t, dir)
			}
			for name := range strings.SplitSeq(names, ", ") {
				if !defined[dir][name] {
					t.Errorf("%s: %s has no %s", cells[0], dir, name)
				}
			}
		}
	}
	if rows < 20 {
		t.Errorf("docs/threats.md has %d rows", rows)
	}
}

// testsOf are the tests and fuzz targets of a directory, whatever their build
// tags.
func testsOf(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	define := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range define.FindAllSubmatch(b, -1) {
			found[string(m[1])] = true
		}
	}
	return found
}
