package aliases

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseList(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"ann":                           "{0 ann}",
		"ann, bob@example.org":          "{0 ann} {0 bob@example.org}",
		"Ann A <ann@example.org>,bob":   "{0 ann@example.org} {0 bob}",
		`"A, B" <ann@example.org>, bob`: "{0 ann@example.org} {0 bob}",
		"ann (her, again), bob":         "{0 ann} {0 bob}",
		`\ann, \bob@mx.example`:         "{1 ann} {1 bob@mx.example}",
		"/dev/null":                     "{2 /dev/null}",
		`"/var/mail/a b"`:               "{2 /var/mail/a b}",
		"|/bin/cat":                     "{3 /bin/cat}",
		`"|/bin/sh -c 'a, b'", ann`:     "{3 /bin/sh -c 'a, b'} {0 ann}",
		":include:/etc/list, ann":       "{4 /etc/list} {0 ann}",
		`":INCLUDE:/etc/a list"`:        "{4 /etc/a list}",
		`"ann b"@example.org`:           "{0 ann b@example.org}",
		" , ann ,, ":                    "{0 ann}",
		"":                              "",
		`"|sh -c \"a\""`:                `{3 sh -c "a"}`,
		`|"/bin/x a, b"`:                `{3 /bin/x a, b}`,
		"| /bin/x":                      "{3 /bin/x}",
		"~/mail/in":                     "{2 ~/mail/in}",
		`:include:"/etc/a list"`:        "{4 /etc/a list}",
		":include: /etc/list , ann":     "{4 /etc/list} {0 ann}",
	} {
		list, err := parseList(value)
		var words []string
		for _, e := range list {
			words = append(words, fmt.Sprintf("{%d %s}", e.form, e.text))
		}
		got := strings.Join(words, " ")
		if err != nil || got != want {
			t.Errorf("%q: %s, %v, want %s", value, got, err, want)
		}
	}
	for _, value := range []string{"<>", "@", `\`, "ann, @", "|", `"| "`, `"|echo "a" b"`, `"/a"b`} {
		if list, err := parseList(value); err == nil {
			t.Errorf("%q: %v, want an error", value, list)
		}
	}
}

// Lines of files, as editors of other systems leave them too.
func TestLines(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		"ann\n# x\n\n  \nbob, cat": "[{1 ann} {5 bob, cat}]",
		"ann\r\nbob\r\n":           "[{1 ann} {2 bob}]",
		"\ufeffann\r\n\ufeffbob":   "[{1 ann} {2 \ufeffbob}]",
		"\ufeff# x\n\ufeff":        "[{2 \ufeff}]",
		"":                         "[]",
	} {
		if got := fmt.Sprint(lines([]byte(data))); got != want {
			t.Errorf("%q: %q, want %q", data, got, want)
		}
	}
}

// FuzzList: cutting a value into members loses nothing but commas and blanks,
// and no member is a file, command or include by anything but its first
// character.
func FuzzList(f *testing.F) {
	f.Add(`ann, "|cmd a, b", :include:/x, \bob, A <a@b> (c, d)`)
	f.Fuzz(func(t *testing.T, value string) {
		const dropped = ", \t\r\n\v\f\u0085\u00a0"
		without := func(s string) string {
			return strings.Map(func(c rune) rune {
				if strings.ContainsRune(dropped, c) {
					return -1
				}
				return c
			}, strings.ToValidUTF8(s, "?"))
		}
		members := splitList(value)
		if got, want := without(strings.Join(members, ",")), without(value); got != want {
			if strings.IndexFunc(want, func(c rune) bool { return c > 0x7f }) < 0 {
				t.Errorf("members %q of %q", members, value)
			}
		}
		list, err := parseList(value)
		if err != nil {
			return
		}
		for _, m := range list {
			if m.form == command && !strings.Contains(value, "|") || m.form == file && m.text[0] != '/' && m.text[0] != '~' {
				t.Errorf("%q is of form %d", m.text, m.form)
			}
			if m.text == "" && m.form != include {
				t.Errorf("%q has an empty member", value)
			}
		}
	})
}
