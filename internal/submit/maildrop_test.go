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

// A signal that comes when the letter is complete, and before its caller has been
// told, does not make the caller send it again.
func TestCompleteLetterIsNotAbandoned(t *testing.T) {
	t.Parallel()
	d := new(draft)
	if err := d.create(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	defer d.f.Close()
	if err := d.finish(); err != nil {
		t.Fatal(err)
	}
	if !d.abandon() {
		t.Error("abandon does not say that the letter is complete")
	}
	if _, err := os.Stat(d.path); err != nil {
		t.Errorf("a complete letter is removed: %v", err)
	}
	if new(draft).abandon() {
		t.Error("a letter that was never begun is complete")
	}
}
