package submit

import (
	"os"
	"testing"
)

// The mark of a complete letter may be lost in a power failure; the mode under
// it must let pickup, another user, read the file.
func TestDraftIsReadableWithoutItsMark(t *testing.T) {
	t.Parallel()
	d := new(draft)
	if err := d.create(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	defer d.f.Close()
	info, err := os.Stat(d.path)
	if err != nil {
		t.Fatal(err)
	}
	if m := info.Mode().Perm(); m&0o004 == 0 || m&0o133 != 0 {
		t.Errorf("mode %#o: want it readable for others, writable for its owner alone, and not marked", m)
	}
}
