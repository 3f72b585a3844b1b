package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const masterText = `# The services.
smtp       inet  n       -       n       -       -       smtpd
  -o smtpd_tls_security_level=may
# within
  -o { mynetworks = 127.0.0.0/8 192.0.2.0/24 } -v
qmgr unix n - n 300 1 qmgr

maildrop unix - n n - - pipe
  flags=DRXhu user=vmail argv=/bin/sh -c { cat; exit 0 } ${recipient}
`

// withFile makes a directory with a master.cf, or a main.cf.
func withFile(t *testing.T, name, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestReadMasterEntries(t *testing.T) {
	t.Parallel()
	all, err := ReadMasterEntries(withFile(t, "master.cf", masterText))
	if err != nil || len(all) != 3 {
		t.Fatalf("got %q, %v", all, err)
	}
	for i, want := range []string{
		"smtp       inet  n       -       n       -       -       smtpd -o smtpd_tls_security_level=may -o { mynetworks = 127.0.0.0/8 192.0.2.0/24 } -v",
		"qmgr       unix  n       -       n       300     1       qmgr",
		"maildrop   unix  -       n       n       -       -       pipe flags=DRXhu user=vmail argv=/bin/sh -c { cat; exit 0 } ${recipient}",
	} {
		if got := all[i].String(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		again, err := ParseMasterEntry(strings.ReplaceAll(all[i].Folded(), "\n", " "))
		if err != nil || !slices.Equal(again, all[i]) {
			t.Errorf("%q comes back as %q, %v", all[i], again, err)
		}
	}
	if got, want := all[0].Folded(), "smtp       inet  n       -       n       -       -       smtpd\n    -o smtpd_tls_security_level=may\n    -o { mynetworks = 127.0.0.0/8 192.0.2.0/24 }\n    -v"; got != want {
		t.Errorf("folded: %q", got)
	}
	if got := all[0].Options(); len(got) != 2 || got[1] != [2]string{"mynetworks", "127.0.0.0/8 192.0.2.0/24"} {
		t.Errorf("options %q", got)
	}
	if got := all[2].Command(); got != "pipe flags=DRXhu user=vmail argv=/bin/sh -c { cat; exit 0 } ${recipient}" {
		t.Errorf("command %q", got)
	}
	if _, err := ReadMasterEntries(withFile(t, "master.cf", "\n#\nsmtp inet n\n")); err == nil || !strings.Contains(err.Error(), "master.cf:3: want eight fields") {
		t.Errorf("three fields: %v", err)
	}
}

func TestSetOption(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ entry, name, value, want string }{
		{"x unix - - n - - p", "a", "1", "p -o a=1"},
		{"x unix - - n - - p -o a=0 -o b=2", "a", "1", "p -o a=1 -o b=2"},
		{"x unix - - n - - p -oa=0", "a", "1", "p -oa=1"},
		{"x unix - n n - - pipe -v user=u argv=/p -o c=d", "a", "1 2", "pipe -v -o { a = 1 2 } user=u argv=/p -o c=d"},
	} {
		e, err := ParseMasterEntry(c.entry)
		if err != nil {
			t.Fatal(err)
		}
		set := e.SetOption(c.name, c.value)
		if got := set.Command(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.entry, got, c.want)
		}
		if got := set.UnsetOption(c.name).Options(); slices.ContainsFunc(got, func(p [2]string) bool { return p[0] == c.name }) {
			t.Errorf("%s: it stays: %q", c.entry, got)
		}
	}
}

// Comments and other entries stay as they are, and so does the file's mode.
func TestEditMaster(t *testing.T) {
	t.Parallel()
	entry := func(s string) MasterEntry {
		e, err := ParseMasterEntry(s)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	for _, c := range []struct {
		name   string
		change MasterChange
		want   string
	}{
		{"replaced", MasterChange{Name: "smtp", Type: "inet", Entry: entry("smtp inet n - n - 5 smtpd -o a=b")},
			"# top\nsmtp       inet  n       -       n       -       5       smtpd\n    -o a=b\n# within\nqmgr unix n - n 300 1 qmgr\n"},
		{"removed", MasterChange{Name: "smtp", Type: "inet"}, "# top\n# within\nqmgr unix n - n 300 1 qmgr\n"},
		{"a comment", MasterChange{Name: "smtp", Type: "inet", Comment: true}, "# top\n#smtp inet n - n - - smtpd\n# within\n#  -o x=y\nqmgr unix n - n 300 1 qmgr\n"},
		{"new", MasterChange{Name: "x", Type: "unix", Entry: entry("x unix - n n - - pipe user=u argv=/p")},
			"# top\nsmtp inet n - n - - smtpd\n# within\n  -o x=y\nqmgr unix n - n 300 1 qmgr\nx          unix  -       n       n       -       -       pipe\n    user=u argv=/p\n"},
	} {
		dir := withFile(t, "master.cf", "# top\nsmtp inet n - n - - smtpd\n# within\n  -o x=y\nqmgr unix n - n 300 1 qmgr\n")
		if err := EditMaster(dir, []MasterChange{c.change}); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		b, err := os.ReadFile(filepath.Join(dir, "master.cf"))
		if err != nil || string(b) != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, b, c.want)
		}
		if info, err := os.Stat(filepath.Join(dir, "master.cf")); err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("%s: mode %v, %v", c.name, info.Mode(), err)
		}
	}
	if err := EditMaster(withFile(t, "master.cf", masterText), []MasterChange{{Name: "no", Type: "unix"}}); err == nil {
		t.Error("an entry that is not there was removed")
	}
}

// FuzzMasterEntry: what an entry is written as reads back as the same entry,
// folded or not.
func FuzzMasterEntry(f *testing.F) {
	f.Add("smtp inet n - n - - smtpd -o a=b -o { c = d e } -v")
	f.Add("x unix - n n - - pipe user=u argv=/p { a b } ${x}")
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ParseMasterEntry(strings.ReplaceAll(text, "\n", " "))
		if err != nil {
			return
		}
		for _, s := range []string{e.String(), strings.ReplaceAll(e.Folded(), "\n", " ")} {
			again, err := ParseMasterEntry(s)
			if err != nil || !slices.Equal(again, e) {
				t.Errorf("%q is written as %q and reads as %q, %v", text, s, again, err)
			}
		}
	})
}
