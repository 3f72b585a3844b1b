package mailctl

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yubin/internal/cli"
	"yubin/internal/config"
)

// What is printed, and the exit status.
func TestLookup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"main.cf": "alias_maps = hash:" + dir + "/aliases\n",
		"aliases": "root: ann,\n bob\n",
		"table":   "Ann@example.com x y\nlonely\n",
		"rules":   "/^ann$/ one\n/(?!x)/ two\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	const lonely = `mailctl: warning: DIR/table:2: "lonely" has no value, the line is ignored: want "key value"` + "\n"
	ahead := "DIR/rules:2: error parsing regexp: invalid or unsupported Perl syntax: `(?!`"
	warned := "mailctl: warning: " + ahead + "; lookups that come to this line fail\n"
	tests := []struct {
		args, in  string
		code      int
		out, errs string
	}{
		{"hash:DIR/table ann@example.com", "", 0, "x y\n", lonely},
		{"hash:DIR/table ann", "", 1, "", lonely},
		{"hash:DIR/aliases ROOT", "", 0, "ann, bob\n", ""},
		{"hash:DIR/table -", "ANN@example.com\r\nnobody\n", 0, "ANN@example.com\tx y\n", lonely},
		{"inline:{a=b,c=d} -", "c\na", 0, "c\td\na\tb\n", ""},
		{"inline:{a=b} -", "x\n\n", 1, "", ""},
		{"inline:{a=b} -", "", 1, "", ""},
		{"pcre:DIR/rules ann", "", 0, "one\n", warned},
		{"pcre:DIR/rules bob", "", 75, "", warned + `"bob": ` + ahead},
		{"pcre:DIR/rules -", "bob\nann\n", 75, "ann\tone\n", warned + `mailctl: warning: "bob": ` + ahead + "\n"},
		{"hash:DIR/none x", "", 75, "", `"x": open DIR/none: no such file or directory`},
		{"static:x -", strings.Repeat("x", (1<<20)+1), 74, "", "lookup: bufio.Scanner: token too long"},
		{"hash: x", "", 64, "", `lookup: table hash:: want an absolute path, have ""`},
		{"static:x", "", 64, "", "lookup: want a table and a key; usage: mailctl lookup TYPE:NAME KEY|-"},
	}
	for _, test := range tests {
		var out, errs bytes.Buffer
		args := strings.Fields(strings.ReplaceAll(test.args, "DIR", dir))
		err := run(context.Background(), &cli.Env{
			Program: "mailctl", Config: c, Args: append([]string{"lookup"}, args...),
			Stdin: strings.NewReader(test.in), Stdout: &out, Stderr: &errs,
		})
		code := 0
		if s := (*cli.Status)(nil); errors.As(err, &s) {
			if code = s.Code; s.Err != nil {
				errs.WriteString(s.Err.Error())
			}
		} else if err != nil {
			t.Errorf("%s: %v", test.args, err)
		}
		if e := strings.ReplaceAll(errs.String(), dir, "DIR"); code != test.code || out.String() != test.out || e != test.errs {
			t.Errorf("%s: got %d, %q, %q\nwant %d, %q, %q", test.args, code, out.String(), e, test.code, test.out, test.errs)
		}
	}
}
