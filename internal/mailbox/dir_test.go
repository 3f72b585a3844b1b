package mailbox

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// A directory that is larger than what is read at once is read whole, each
// name once.
func TestLargeDirectory(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	const files = 1200
	long := strings.Repeat("x", 240)
	for i := range files {
		if err := os.WriteFile(b.path(fmt.Sprintf("tmp/%d.%s", i, long)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := b.tree.openDir("tmp")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	seen := map[string]int{}
	if err := d.each(func(name []byte) { seen[string(name)]++ }); err != nil {
		t.Fatal(err)
	}
	for name, n := range seen {
		if n != 1 || !strings.HasSuffix(name, long) {
			t.Errorf("%s: %d times", name, n)
		}
	}
	if len(seen) != files {
		t.Errorf("%d names, want %d", len(seen), files)
	}
}
