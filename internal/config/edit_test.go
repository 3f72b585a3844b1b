package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEdited(t *testing.T) {
	t.Parallel()
	set := func(name, value string) Change { return Change{Name: name, Value: value} }
	unset := func(name string) Change { return Change{Name: name, Unset: true} }
	for _, c := range []struct {
		name, before string
		changes      []Change
		after        string
	}{
		{"nothing there", "", []Change{set("a", "1")}, "a = 1\n"},
		{"no line end", "b = 2", []Change{set("a", "1")}, "b = 2\na = 1\n"},
		{"in its place", "# top\na=0\n\nb = 2 # no comment\n", []Change{set("a", "1")}, "# top\na = 1\n\nb = 2 # no comment\n"},
		{"empty value", "a = 1\n", []Change{set("a", "")}, "a =\n"},
		{"the last counts", "a = 0\nb = 2\n a = not\na = 00\n", []Change{set("a", "1")}, "b = 2\n a = not\na = 1\n"},
		{"continued, comments stay", "a = x,\n  y,\n# why z\n  z\n# of b\nb = 2\n", []Change{set("a", "1")}, "a = 1\n# why z\n# of b\nb = 2\n"},
		{"unset", "# of a\na = x,\n  y\nb = 2\n", []Change{unset("a"), unset("c")}, "# of a\nb = 2\n"},
		{"commented out is not set", "#a = 0\n", []Change{set("a", "1")}, "#a = 0\na = 1\n"},
		{"part of a name", "aa = 0\n", []Change{set("a", "1")}, "aa = 0\na = 1\n"},
		{"several", "a = 0\n", []Change{set("b", "2"), set("a", "1")}, "a = 1\nb = 2\n"},
	} {
		got, err := edited(c.before, c.changes)
		if err != nil || got != c.after {
			t.Errorf("%s: got %q, %v, want %q", c.name, got, err, c.after)
		}
	}
	for _, value := range []string{"two\nlines", " blank", "nul\x00"} {
		if got, err := edited("a = 0\n", []Change{set("a", value)}); err == nil {
			t.Errorf("%q was written: %q", value, got)
		}
	}
}

// Whatever main.cf holds, a change of one parameter gives it its value and
// leaves every other one as it was.
func FuzzEdited(f *testing.F) {
	f.Add("a = 1\n b\nc = 2\n", "x")
	f.Add("# a\n a\na = \n\n \t#\n=\nmydomain\r\n = 4", "")
	f.Fuzz(func(t *testing.T, text, value string) {
		after, err := edited(text, []Change{{Name: "mydomain", Value: value}})
		if err != nil {
			return
		}
		if strings.Contains(text, "\x00") {
			return // the rest of such a line is ignored
		}
		before, now := read("/", "main.cf", text, nil), read("/", "main.cf", after, nil)
		if got := now.raw["mydomain"].value; got != value {
			t.Fatalf("%q became %q: mydomain is %q, want %q", text, after, got, value)
		}
		for name, e := range before.raw {
			if name != "mydomain" && now.raw[name].value != e.value {
				t.Fatalf("%q became %q: %s was %q, is %q", text, after, name, e.value, now.raw[name].value)
			}
		}
		again, err := edited(after, []Change{{Name: "mydomain", Value: value}})
		if err != nil || again != after {
			t.Fatalf("%q, changed again, became %q, %v", after, again, err)
		}
	})
}

// The file keeps its mode, and a link to it stays a link.
func TestEdit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	elsewhere := filepath.Join(dir, "shared.cf")
	if err := os.WriteFile(elsewhere, []byte("myhostname = a.test\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("shared.cf", filepath.Join(dir, "main.cf")); err != nil {
		t.Fatal(err)
	}
	if err := Edit(dir, []Change{{Name: "relayhost", Value: "[b.test]"}}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(elsewhere)
	if want := "myhostname = a.test\nrelayhost = [b.test]\n"; err != nil || string(b) != want {
		t.Errorf("got %q, %v, want %q", b, err, want)
	}
	info, err := os.Lstat(elsewhere)
	if err != nil || info.Mode() != 0o640 {
		t.Errorf("mode: got %v, %v, want 0640", info.Mode(), err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, ".*")); len(names) > 0 {
		t.Errorf("left behind: %q", names)
	}
}
