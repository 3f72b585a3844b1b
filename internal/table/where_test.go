package table

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWhere(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "t")
	if err := os.WriteFile(file, []byte("# c\nann x\n\n\"b b\" y,\n  z\nann: w\nann again\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		spec, key string
		alias     bool
		file      string
		line      int
	}{
		{"hash:" + file, "ANN", false, file, 2},
		{"proxy:texthash:" + file, "b b", false, file, 4},
		{"hash:" + file, "ann", true, file, 6},
		{"hash:" + file, "nobody", false, file, 0},
		{"hash:" + file + ".gone", "ann", false, file + ".gone", 0},
		{"inline:{ann=x}", "ann", false, "", 0},
	} {
		if f, line := Where(c.spec, c.key, c.alias); f != c.file || line != c.line {
			t.Errorf("%s %s: %s line %d, want %s line %d", c.spec, c.key, f, line, c.file, c.line)
		}
	}
}
