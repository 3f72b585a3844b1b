package manifest

import (
	"os"
	"os/user"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	const text = `# a comment
file   /usr/sbin/sendmail.yubin  root maildrop 2755 bin/sendmail # set-gid

link   /usr/lib/sendmail.yubin   root root - ../sbin/sendmail.yubin
dir    /etc/yubin root root 0755 -
`
	got, err := Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{
		{File, "/usr/sbin/sendmail.yubin", "root", "maildrop", 0o2755, "bin/sendmail"},
		{Link, "/usr/lib/sendmail.yubin", "root", "root", 0, "../sbin/sendmail.yubin"},
		{Dir, "/etc/yubin", "root", "root", 0o755, ""},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"dir /etc/yubin root root 0755":              "1: want six fields, have 5",
		"folder /etc/yubin root root 0755 -":         `1: "folder" is no type`,
		"dir etc/yubin root root 0755 -":             "want an absolute path",
		"dir /etc/../yubin root root 0755 -":         "want an absolute path",
		"dir / root root 0755 -":                     "want an absolute path",
		"dir /etc/%dir root root 0755 -":             "want an absolute path",
		"dir /etc/yubin Root root 0755 -":            `"Root" is no name`,
		"dir /etc/yubin root 0 0755 -":               `"0" is no name`,
		"dir /etc/yubin root root 755 -":             "four octal digits",
		"dir /etc/yubin root root 0855 -":            "four octal digits",
		"dir /etc/yubin root root 0755 etc":          "a dir has no source",
		"ghost /etc/yubin root root 0755 etc":        "a ghost has no source",
		"link /usr/lib/x root root 0755 y":           "a link has no mode",
		"link /usr/lib/x root root - -":              "want the source",
		"file /usr/lib/x root root 0755 -":           "want the source",
		"file /usr/lib/x root root 0755 /bin/sh":     "want the source",
		"file /usr/lib/x root root 0755 ../x":        "want the source",
		"file /a root root 0755 a\nfile /a b b 0 a":  "2: want a mode",
		"dir /a root root 0755 -\ndir /a b b 0700 -": "2: /a is there twice",
	} {
		if _, err := Parse(strings.NewReader(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", line, err, want)
		}
	}
}

// What is read and written again reads the same.
func FuzzParse(f *testing.F) {
	b, err := os.ReadFile("../../packaging/manifest")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(b))
	f.Add("link /usr/lib/x root root - ../y")
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := Parse(strings.NewReader(text))
		if err != nil {
			return
		}
		var again strings.Builder
		for _, e := range entries {
			again.WriteString(e.String() + "\n")
		}
		got, err := Parse(strings.NewReader(again.String()))
		if err != nil || !reflect.DeepEqual(got, entries) {
			t.Errorf("got %v, %v from\n%s", got, err, &again)
		}
	})
}

// Every program, page and file of the configuration is installed, and what is
// installed from the tree is there.
func TestShipped(t *testing.T) {
	t.Parallel()
	const tree = "../../"
	entries, err := Read(tree + "packaging/manifest")
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	dirs := map[string]bool{}
	for _, e := range entries {
		if e.Type == Dir {
			dirs[e.Path] = true
		}
		if !e.Regular() {
			continue
		}
		have = append(have, e.Source)
		if _, err := os.Stat(tree + e.Source); err != nil && !strings.HasPrefix(e.Source, "bin/") {
			t.Error(err)
		}
		if dir := filepath.Dir(e.Path); strings.HasSuffix(dir, "yubin") && !dirs[dir] {
			t.Errorf("%s is in a directory of ours that has no entry before it", e.Path)
		}
	}
	for pattern, as := range map[string]string{
		"cmd/*": "bin/", "man/*": "man/", "etc/*": "etc/",
		"packaging/systemd/*": "packaging/systemd/", "packaging/sysusers.d/*": "packaging/sysusers.d/", "packaging/tmpfiles.d/*": "packaging/tmpfiles.d/",
	} {
		found, err := filepath.Glob(tree + pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		for _, name := range found {
			if source := as + filepath.Base(name); !slices.Contains(have, source) {
				t.Errorf("%s is missing in packaging/manifest: add a line with the source %s", strings.TrimPrefix(name, tree), source)
			}
		}
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	group, err := user.LookupGroupId(me.Gid)
	if err != nil {
		t.Fatal(err)
	}
	file := func(kind Type, path string, mode uint32, source string) Entry {
		return Entry{kind, path, me.Username, group.Name, mode, source}
	}
	stranger := file(File, "/file", 0o640, "x")
	stranger.Owner = "no-such-user"
	tests := map[string]struct {
		entry      Entry
		what, mend string
	}{
		"right":          {file(File, "/file", 0o640, "x"), "", ""},
		"right dir":      {file(Dir, "/dir", 0o750, ""), "", ""},
		"right link":     {file(Link, "/link", 0, "file"), "", ""},
		"ghost":          {file(Ghost, "/nowhere", 0o755, ""), "", ""},
		"missing":        {file(File, "/nowhere", 0o640, "x"), "is missing", "install the package again"},
		"missing dir":    {file(Dir, "/nowhere", 0o2750, ""), "is missing", "install -d -o OWNER -g GROUP -m 2750 /nowhere"},
		"missing link":   {file(Link, "/nowhere", 0, "../x"), "is missing", "ln -s ../x /nowhere"},
		"mode":           {file(File, "/file", 0o2755, "x"), "has mode 0640, want 2755", "chmod 2755 /file"},
		"not a file":     {file(File, "/dir", 0o750, "x"), "is not a regular file", "move it away"},
		"not a dir":      {file(Dir, "/link", 0o750, ""), "is not a directory", "move it away"},
		"not a link":     {file(Link, "/file", 0, "x"), "is not a symbolic link", "move it away"},
		"another target": {file(Link, "/link", 0, "dir"), "points to file, want dir", "ln -sfn dir /link"},
		"no account":     {stranger, "unknown user no-such-user", "systemd-sysusers"},
	}
	root := t.TempDir()
	for _, err := range []error{
		os.WriteFile(root+"/file", nil, 0o640), os.Chmod(root+"/file", 0o640),
		os.Mkdir(root+"/dir", 0o750), os.Chmod(root+"/dir", 0o750), os.Symlink("file", root+"/link"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	names := strings.NewReplacer("OWNER", me.Username, "GROUP", group.Name)
	for name, tt := range tests {
		got := tt.entry.Compare(root)
		switch {
		case tt.what == "" && len(got) == 0:
		case len(got) != 1 || !strings.Contains(got[0].What, tt.what) || !strings.Contains(got[0].Mend, names.Replace(tt.mend)):
			t.Errorf("%s: got %q, want %q; %q", name, got, tt.what, tt.mend)
		}
	}
}

func TestBelow(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{"/var/spool/yubin": true, "/var/spool/yubin/pool": true, "/var/spool/yubin2": false, "/var/spool": false} {
		if e := (Entry{Path: path}); e.Below("/var/spool/yubin") != want {
			t.Errorf("%s: got %t", path, !want)
		}
	}
}
