package queue

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Prepare makes the whole tree, mends modes, and can be repeated.
func TestPrepare(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "spool", "yubin")
	o := PrepareOptions{UID: os.Geteuid(), GID: os.Getegid()}
	for range 2 {
		if err := Prepare(dir, o); err != nil {
			t.Fatal(err)
		}
		for _, d := range directories {
			info, err := os.Lstat(filepath.Join(dir, d.name))
			if err != nil {
				t.Fatal(err)
			}
			want := d.mode
			if os.Geteuid() != 0 && d.name == DirMaildrop {
				want = 0o700
			}
			if info.Mode() != os.ModeDir|want {
				t.Errorf("%s: mode %v, want %v", d.name, info.Mode(), os.ModeDir|want)
			}
		}
		if err := os.Chmod(filepath.Join(dir, DirPrivate), 0o777); err != nil {
			t.Fatal(err)
		}
	}
}

// What root would be led away by is refused, with what to do.
func TestPrepareRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		make func(t *testing.T, dir string)
		want string
	}{
		{"link", func(t *testing.T, dir string) {
			if err := os.Symlink(t.TempDir(), filepath.Join(dir, DirPool)); err != nil {
				t.Fatal(err)
			}
		}, "pool is a symbolic link to "},
		{"file", func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, DirPool), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "pool: not a directory"},
		{"owner", func(t *testing.T, dir string) {
			if os.Geteuid() != 0 {
				t.Skip("only root can give directories away")
			}
			if err := os.Mkdir(filepath.Join(dir, DirPool), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(filepath.Join(dir, DirPool), 4242, 4242); err != nil {
				t.Fatal(err)
			}
		}, "pool belongs to uid 4242, want uid "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c.make(t, dir)
			err := Prepare(dir, PrepareOptions{UID: os.Geteuid(), GID: os.Getegid()})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
