package newaliases

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yubin/internal/cli"
	"yubin/internal/config"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, aliases, want string }{
		{"fine", "postmaster: root\nroot: ann,\n\tbob\n", ""},
		{"empty", "", ""},
		{"problems", "a: b\nnonsense\na: c\n", "newaliases: DIR/aliases:2: want \"name: value\", the line is ignored\n" +
			"newaliases: DIR/aliases:3: \"a\" is there already, the first entry counts\n"},
		{"values", "a: b, @\nb: :include:DIR/none\nc: :include:x\nd: \"|echo \"x\" y\"\n",
			"newaliases: DIR/aliases:1: \"a\": bad address \"@\"; its mail waits\n" +
				"newaliases: DIR/aliases:2: \"b\": :include: stat DIR/none: no such file or directory\n" +
				"newaliases: DIR/aliases:3: \"c\": :include:x: want an absolute path\n" +
				"newaliases: DIR/aliases:4: \"d\": an address that begins with \"|\", do the quotes match? \"\\\"|echo \\\"x\\\" y\\\"\"; its mail waits\n"},
		{"an :include: file", "a: :include:DIR/main.cf\n", "newaliases: DIR/aliases:1: \"a\": DIR/main.cf:1: an address that begins with \"/\", do the quotes match? \"alias_database = lmdb:DIR/aliases\"; its mail waits\n"},
		{"loops", "a: B\nb: c, a\nc: \"a\"\nd: a\nuser: user\nout: in\nin: out, ann@example.org\nkeep: kept\nkept: keep, \\kept\nfar: far@example.org\n",
			"newaliases: DIR/aliases:1: \"a\": alias loop by b: its mail goes back\n" +
				"newaliases: DIR/aliases:2: \"b\": alias loop by c, a: its mail goes back\n" +
				"newaliases: DIR/aliases:3: \"c\": alias loop by a: its mail goes back\n" +
				"newaliases: DIR/aliases:4: \"d\": alias loop by a: its mail goes back\n"},
		{"missing", "-", "newaliases: open DIR/aliases: no such file or directory\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			files := map[string]string{"main.cf": "alias_database = lmdb:" + dir + "/aliases\n", "aliases": test.aliases}
			if test.aliases == "-" {
				delete(files, "aliases")
			}
			for name, text := range files {
				text = strings.ReplaceAll(text, "DIR", dir)
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			c, err := config.Load(dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			var out, stderr strings.Builder
			err = check(&cli.Env{Program: "newaliases", Config: c, Stdout: &out, Stderr: &stderr})
			if got := strings.ReplaceAll(stderr.String(), dir, "DIR"); got != test.want || out.String() != "" {
				t.Errorf("got %q and %q, want %q", got, out.String(), test.want)
			}
			var s *cli.Status
			if failed := errors.As(err, &s) && s.Code == 1; failed != (test.want != "") {
				t.Errorf("got %v", err)
			}
		})
	}
}
