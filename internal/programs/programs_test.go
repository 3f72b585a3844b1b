package programs

import (
	"os"
	"slices"
	"testing"

	"yubin/internal/config"
)

// A row of the parameter table that no program reads would promise an effect
// that it does not have.
func TestParametersAreRead(t *testing.T) {
	t.Parallel()
	read := map[string]bool{}
	for _, c := range All {
		for _, d := range c.Params {
			read[d.Name] = true
		}
	}
	for _, d := range config.Defs() {
		if !read[d.Name] {
			t.Errorf("%s: no program reads it", d.Name)
		}
	}
}

// Every directory of cmd/ is a program of this list, and the other way round.
func TestAll(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("../../cmd")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, e := range entries {
		want = append(want, e.Name())
	}
	for _, c := range All {
		got = append(got, c.Name)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("programs %q, directories of cmd/ %q", got, want)
	}
}
