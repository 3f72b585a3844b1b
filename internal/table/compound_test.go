package table

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"yubin/internal/config"
)

func TestCompound(t *testing.T) {
	t.Setenv("YUBIN_TEST_VARIABLE", "set")
	rules := write(t, "/./ rule\n")
	aliases := write(t, "ann: bob\n")
	names := "debug:hash:" + aliases
	tests := []struct{ spec, key, want string }{ // "" for not found; behind ! an error
		{"environ:", "YUBIN_TEST_VARIABLE", "set"},
		{"environ:", "YUBIN_TEST_NO_VARIABLE", ""},
		{"pipemap:{ inline:{ a=b, c=d }, inline:{b=z} }", "a", "z"},
		{"pipemap:{ inline:{ a=b, c=d }, inline:{b=z} }", "c", ""},
		{"pipemap:{ inline:{ a=b, c=d }, inline:{b=z} }", "x", ""},
		{"pipemap:{inline:{a=b},fail:x}", "a", "!fail:x"},
		{"pipemap:{inline:{a=b},fail:x}", "b", ""},
		{"unionmap:{inline:{a=b},inline:{{a = c d}, x=y},static:z}", "a", "b,c d,z"},
		{"unionmap:{inline:{a=b},inline:{a=c, x=y}}", "x", "y"},
		{"unionmap:{inline:{a=b},inline:{a=c, x=y}}", "z", ""},
		{"unionmap:{inline:{a=b},fail:x}", "a", "!fail:x"},
		{"unionmap:{" + names + "}", "ann", "bob"},
		{"debug:inline:{a=b}", "a", "b"},
		{"debug:fail:x", "a", "!fail:x"},
		{"proxy:debug:proxy:inline:{a=b}", "c", ""},
		{"randmap:{one}", "x", "one"},
	}
	for _, test := range tests {
		table, err := Open(test.spec, Aliases("unionmap:{"+names+"}"))
		if err != nil {
			t.Errorf("%s: %v", test.spec, err)
			continue
		}
		got, found, err := table.Lookup(test.key)
		if err != nil {
			got = "!" + err.Error()
		}
		problem, fails := strings.CutPrefix(test.want, "!")
		if fails && !strings.Contains(got, problem) || !fails && (got != test.want || found != (got != "")) {
			t.Errorf("%q in %s: got %q, want %q", test.key, test.spec, got, test.want)
		}
	}
	for spec, part := range map[string]string{
		"regexp:" + rules: "", "debug:pcre:" + rules: "", "unionmap:{static:x,regexp:" + rules + "}": "",
		"cidr:" + rules: "", "randmap:{x}": "", "static:x": "x", "unionmap:{static:x}": "x", "debug:static:x": "x",
	} {
		table, err := Open(spec)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := Part(table, "10.0.0.1"); got != part || err != nil {
			t.Errorf("part of a key in %s: got %q, %v, want %q", spec, got, err, part)
		}
	}
}

// The first key is the whole, which tables of rules are asked for.
func TestFirst(t *testing.T) {
	t.Parallel()
	rules := "regexp:" + write(t, "/^a$/ whole\n/^b$/ part\n")
	tests := []struct {
		specs []string
		keys  []string
		want  string
	}{
		{[]string{rules}, []string{"a", "b"}, "whole"},
		{[]string{rules}, []string{"x", "b"}, ""},
		{[]string{rules, "inline:{b=table}"}, []string{"x", "b"}, "table"},
		{[]string{rules, "fail:x"}, []string{"x"}, "!"},
		{[]string{rules, "fail:x"}, nil, ""},
	}
	for _, test := range tests {
		m, err := OpenMaps(test.specs)
		if err != nil {
			t.Fatal(err)
		}
		got, found, err := First(m, test.keys)
		if err != nil {
			got = "!"
		}
		if got != test.want || found != (got != "" && got != "!") {
			t.Errorf("%q in %q: got %q, %t, want %q", test.keys, test.specs, got, found, test.want)
		}
	}
}

func TestRandom(t *testing.T) {
	t.Parallel()
	table, err := Open("randmap:{one, {two words}}")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for range 1000 {
		value, _, _ := table.Lookup("x")
		got[value]++
	}
	if len(got) != 2 || got["one"] < 300 || got["two words"] < 300 {
		t.Errorf("got %v, want about 500 of each", got)
	}
}

func TestDebug(t *testing.T) {
	t.Parallel()
	var said []string
	table, err := Open("debug:unionmap:{inline:{a=b},inline:{x=y}}", Report(func(p config.Problem) { said = append(said, p.String()) }))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "c"} {
		if _, _, err := table.Lookup(key); err != nil {
			t.Fatal(err)
		}
	}
	name := "debug:unionmap:{inline:{a=b},inline:{x=y}}: "
	if want := []string{name + `"a" is "b"`, name + `"c" is not found`}; !slices.Equal(said, want) {
		t.Errorf("got %q, want %q", said, want)
	}
}

func TestCompoundErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ spec, want string }{
		{"unionmap:inline:{a=b}", "want { type:name, ... }"},
		{"unionmap:{}", "want { type:name, ... }, have none"},
		{"pipemap:{a}", `expecting "type:name" form instead of "a"`},
		{"pipemap:{{inline:{a=b}}", "'{' without '}'"},
		{"unionmap:{hash:relative}", `want an absolute path, have "relative"`},
		{"randmap:x", "want { value, ... }"},
		{"debug:x", `expecting "type:name" form instead of "x"`},
		{"tcp:127.0.0.1", `want host:port, have "127.0.0.1"`},
		{"socketmap:unix:x", "unix: wants a path"},
		{"socketmap:unix:x:map", `want an absolute path behind unix:, have "x"`},
		{"socketmap:x:y:map", `want inet:host:port or unix:path, have "x:y"`},
		{"socketmap:inet:localhost:map", `want host:port, have "localhost"`},
		{"socketmap:inet:localhost:1:", `want inet:host:port:name or unix:path:name, have "inet:localhost:1:"`},
		{"regexp:relative", `want an absolute path, have "relative"`},
	}
	for _, test := range tests {
		if _, err := Open(test.spec); err == nil || !strings.HasSuffix(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", test.spec, err, test.want)
		}
	}
	for _, spec := range []string{"tcp:127.0.0.1:1", "unionmap:{tcp:127.0.0.1:1}"} {
		if _, err := Open(spec, Trusted()); err == nil || !strings.Contains(err.Error(), "tcp: is not allowed") {
			t.Errorf("%s: got %v, want that it is not allowed", spec, err)
		}
	}
	if problems := Check("unionmap:{hash:/nonexistent/a,debug:pcre:/nonexistent/b}"); len(problems) != 1 ||
		!strings.Contains(fmt.Sprint(problems), "/nonexistent/a") || !strings.Contains(fmt.Sprint(problems), "/nonexistent/b") {
		t.Errorf("got %v, want both files", problems)
	}
}
