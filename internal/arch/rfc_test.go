package arch

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/RFC.md and the code name the same RFCs, each once.
func TestRFCsAreListed(t *testing.T) {
	t.Parallel()
	cited := map[string]string{}
	cite := regexp.MustCompile(`RFC (\d{3,4})`)
	for _, root := range []string{"../../internal", "../../cmd"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			b, err := os.ReadFile(path)
			for _, m := range cite.FindAllSubmatch(b, -1) {
				cited[string(m[1])] = path
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile("../../docs/RFC.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| (\d{3,4}) \|`).FindAllSubmatch(b, -1) {
		if listed[string(m[1])] {
			t.Errorf("docs/RFC.md lists RFC %s twice", m[1])
		}
		listed[string(m[1])] = true
	}
	if len(cited) == 0 || len(listed) == 0 {
		t.Fatalf("%d RFCs cited, %d listed", len(cited), len(listed))
	}
	for _, n := range slices.Sorted(maps.Keys(cited)) {
		if !listed[n] {
			t.Errorf("RFC %s, cited in %s, has no row in docs/RFC.md", n, cited[n])
		}
	}
	for _, n := range slices.Sorted(maps.Keys(listed)) {
		if cited[n] == "" {
			t.Errorf("docs/RFC.md lists RFC %s, which no code cites", n)
		}
	}
}
