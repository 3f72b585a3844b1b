package table

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"yubin/internal/config"
)

// write makes a file that has been the same for an hour.
func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "table")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLookup(t *testing.T) {
	t.Parallel()
	text := write(t, `# comment
ann@example.com  example.com/ann/
  # a comment does not end the line

   continued
Bob	one
bob two
"a b"@example.com quoted
esc\ aped value
lonely
ÄRGER x
url:  y
`)
	aliases := write(t, `
postmaster: root
Root:	ann,
	bob
"white space": |"cat > /dev/null"
spaced : x
"colon:name": y
empty:
ann@example.com: no
root: twice
no colon
`)
	cidr := write(t, `192.0.2.1 one
!10.0.0.0/8 if-not-used
`)
	nets := write(t, `
# first match wins
192.0.2.7        seven
192.0.2.0/24     net two
if 2001:db8::/32
2001:db8::1      v6 one
!2001:db8:1::/48 outside one
endif
if !10.0.0.0/8
::/0             of v4 alone
endif
::/0             any v6
10.0.0.1/8       host bits
if nonsense
172.16.0.0/12    never
if 172.16.0.0/12
172.16.0.0/12    never
endif
endif
172.16.0.0/12    yes
198.51.100.0/24
`)
	tests := []struct{ spec, key, want string }{ // "" for not found
		{"hash:" + text, "ann@example.com", "example.com/ann/   continued"},
		{"hash:" + text, "ANN@Example.COM", "example.com/ann/   continued"},
		{"lmdb:" + text, "bob", "one"},
		{"texthash:" + text, "a b@example.com", "quoted"},
		{"btree:" + text, "esc\\ aped", "value"},
		{"cdb:" + text, "ärger", "x"},
		{"dbm:" + text, "url:", "y"},
		{"hash:" + text, "lonely", ""},
		{"hash:" + text, "", ""},
		{"hash:" + text, "#", ""},
		{"proxy:hash:" + text, "bob", "one"},
		{"hash:" + aliases, "postmaster", "root"},
		{"hash:" + aliases, "ROOT", "ann,\tbob"},
		{"hash:" + aliases, "white space", `|"cat > /dev/null"`},
		{"hash:" + aliases, "spaced", "x"},
		{"hash:" + aliases, "colon:name", "y"},
		{"hash:" + aliases, "empty", ""},
		{"hash:" + aliases, "ann@example.com", ""},
		{"cidr:" + cidr, "192.0.2.1", "one"},
		{"cidr:" + cidr, "10.1.1.1", ""},
		{"cidr:" + cidr, "11.1.1.1", "if-not-used"},
		{"cidr:" + cidr, "2001:db8::1", ""}, // as in Postfix
		{"cidr:" + nets, "192.0.2.7", "seven"},
		{"cidr:" + nets, "192.0.2.8", "net two"},
		{"cidr:" + nets, "::ffff:192.0.2.8", "net two"},
		{"cidr:" + nets, "2001:db8::1", "v6 one"},
		{"cidr:" + nets, "2001:db8::2", "outside one"},
		{"cidr:" + nets, "2001:db8:1::2", "any v6"},
		{"cidr:" + nets, "fe80::1%eth0", "any v6"},
		{"cidr:" + nets, "10.0.0.1", ""},
		{"cidr:" + nets, "172.16.5.5", "yes"},
		{"cidr:" + nets, "198.51.100.1", ""},
		{"cidr:" + nets, "example.com", ""},
		{"static:all of them", "x", "all of them"},
		{"static:{two words}", "x", "two words"},
		{"inline:{ A=b, {c = d e} }", "a", "b"},
		{"inline:{ A=b, {c = d e} }", "C", "d e"},
		{"inline:{ A=b, {c = d e} }", "d", ""},
		{"inline:{ A=, {c = d  e} }", "c", "d  e"},
		{"unix:group.byname", "no such group", ""},
	}
	for _, test := range tests {
		t.Run(filepath.Base(test.spec)+" "+test.key, func(t *testing.T) {
			t.Parallel()
			table, err := Open(test.spec, Aliases("proxy:hash:"+aliases))
			if err != nil {
				t.Fatal(err)
			}
			got, found, err := table.Lookup(test.key)
			if err != nil {
				t.Fatal(err)
			}
			if found != (test.want != "") || got != test.want {
				t.Errorf("%q in %s: got %q, %t, want %q", test.key, test.spec, got, found, test.want)
			}
		})
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	x := parseAccounts([]byte("root:x:0:0::/root:/bin/sh\n+::::::\n#c:x\nbroken\nann:x:1::\nroot:y:0\n"), nil)
	for key, want := range map[string]string{"root": "root:x:0:0::/root:/bin/sh", "ann": "ann:x:1::", "+": "", "broken": "", "#c": ""} {
		if got, _ := x.lookup(key); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	tests := []struct{ kind, text, want string }{
		{"hash", " first\na b\n", "1: logical line must not start with white space, ignored"},
		{"hash", "a b\n\nc\n", `3: "c" has no value, the line is ignored: want "key value"`},
		{"hash", "a b\nA c\n", `2: "a" is there already, the first entry counts`},
		{"hash", "\"a b\n", `1: a " has no partner, the line is ignored`},
		{"hash", "\"\" b\n", "1: empty key, the line is ignored"},
		{"hash", "a: b\n", `1: "a:" has the form of an alias: this table wants "key value"`},
		{"alias", "a b\n", `1: want "name: value", the line is ignored`},
		{"alias", "a:\n", `1: "a" has no value, the line is ignored: want "name: value"`},
		{"alias", ": b\n", `1: want "name: value", the line is ignored`},
		{"alias", "a@b: c\n", `1: name "a@b" must be local, without a domain; the line is ignored`},
		{"alias", "a: b\n c\n# d\na: e\n", `4: "a" is there already, the first entry counts`},
		{"cidr", "10.1.0.0/8 x\n", `1: non-null host address bits in "10.1.0.0/8", perhaps you should use "10.0.0.0/8" instead; the line is ignored`},
		{"cidr", "10.0.0.0/33 x\n", `1: bad network or address "10.0.0.0/33"; the line is ignored`},
		{"cidr", "10.0.0.0/8\n", `1: "10.0.0.0/8" has no value; the line is ignored`},
		{"cidr", "if 10.0.0.0/8\n10.0.0.0/8 x\n", "1: if without endif"},
		{"cidr", "if x\n10.0.0.0/8 x\nendif\n", `1: bad network or address "x"; the lines until endif are ignored`},
		{"cidr", "endif\n", "1: endif without if, ignored"},
		{"hash", "a b\x00\n", "read TABLE: not a text file: it has NUL bytes"},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			path := write(t, test.text)
			spec := "hash:" + path
			var opts []Option
			switch test.kind {
			case "alias":
				opts = append(opts, Aliases(spec))
			case "cidr":
				spec = "cidr:" + path
			}
			var got []string
			for _, p := range Check(spec, opts...) {
				got = append(got, strings.TrimPrefix(strings.ReplaceAll(p.String(), path, "TABLE"), "TABLE:"))
			}
			if !slices.Equal(got, []string{test.want}) {
				t.Errorf("%q: got\n%s\nwant\n%s", test.text, strings.Join(got, "\n"), test.want)
			}
		})
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ spec, want string }{
		{"/etc/aliases", `expecting "type:name" form instead of "/etc/aliases"`},
		{"ldap:/etc/x", `table ldap:/etc/x: type "ldap" is not supported, want one of ` + strings.Join(Types(), " ")},
		{"hash:aliases", `table hash:aliases: want an absolute path, have "aliases"`},
		{"cidr:nets", `table cidr:nets: want an absolute path, have "nets"`},
		{"unix:shadow.byname", `table unix:shadow.byname: want passwd.byname or group.byname, have "shadow.byname"`},
		{"inline:x", `table inline:x: want { key=value, ... }`},
		{"inline:{}", `table inline:{}: want { key=value, ... }, have none`},
		{"inline:{ a }", `table inline:{ a }: want key=value, have "a"`},
		{"inline:{ {a=b }", `table inline:{ {a=b }: '{' without '}'`},
	}
	for _, test := range tests {
		_, err := Open(test.spec)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", test.spec, err, test.want)
		}
	}
}

// A table that cannot be asked ends the search.
func TestMaps(t *testing.T) {
	t.Parallel()
	tests := []struct {
		specs []string
		want  string
	}{
		{[]string{"inline:{ a=1 }", "inline:{ a=2, k=3 }", "static:x"}, "3"},
		{[]string{"inline:{ k=1 }", "fail:x"}, "1"},
		{[]string{"fail:x", "inline:{ k=1 }"}, "table fail:x always fails"},
		{[]string{"inline:{ k= }", "inline:{ k=1 }"}, "table inline:{ k= }: \"k\" has an empty value; leave the entry out where it means nothing"},
		{nil, ""},
	}
	for _, test := range tests {
		m, err := OpenMaps(test.specs)
		if err != nil {
			t.Fatal(err)
		}
		got, found, err := m.Lookup("k")
		if err != nil {
			got = err.Error()
		}
		if got != test.want || found != (err == nil && got != "") {
			t.Errorf("%q: got %q, %t, want %q", test.specs, got, found, test.want)
		}
	}
	if _, err := OpenMaps([]string{"nonsense"}); err == nil {
		t.Error("a list with a wrong element opens")
	}
}

// Many entries, so that the hash table grows; the first of two counts.
func TestIndex(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&b, "user%d@example.com value%d\n", i%9000, i)
	}
	problems := 0
	x := parseText([]byte(b.String()), func(int, string) { problems++ })
	for i := range 9000 {
		if got, _ := x.lookup(fmt.Sprintf("user%d@example.com", i)); got != fmt.Sprintf("value%d", i) {
			t.Fatalf("user%d: got %q", i, got)
		}
	}
	if problems != 1000 {
		t.Errorf("got %d problems, want 1000", problems)
	}
}

func ignore(int, string) {}

// FuzzText: whatever the file, reading it ends, and an entry written with the
// key it was found under and its value reads back the same.
func FuzzText(f *testing.F) {
	for _, s := range []string{"a b\n c\n", "\"a b\"@c d", "#\n \n", "a\\ b c", "\"", "É x\n\xff y"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { testParser(t, data, parseText, "%s %s\n") })
}

// FuzzAliases is FuzzText for alias files.
func FuzzAliases(f *testing.F) {
	for _, s := range []string{"a: b\n c\n", "\"a b\": d", ":\n", "a\\:b: c", "\"a: b", "a:b:c"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { testParser(t, data, parseAliases, "%s: %s\n") })
}

func testParser(t *testing.T, data []byte, parse func([]byte, Reporter) *index, line string) {
	x := parse(slices.Clone(data), ignore)
	var b strings.Builder
	for _, e := range x.entries {
		fmt.Fprintf(&b, line, quoteKey(string(x.blob[e.key:e.value])), x.blob[e.value:e.end])
	}
	again := parse([]byte(b.String()), ignore)
	if len(again.entries) != len(x.entries) {
		t.Fatalf("%d entries, %d after writing\n%s", len(x.entries), len(again.entries), b.String())
	}
	for _, e := range x.entries {
		key := string(x.blob[e.key:e.value])
		want, ok := x.lookup(key)
		if !ok {
			t.Fatalf("key %q is not found", key)
		}
		if got, ok := again.lookup(key); !ok || got != want {
			t.Errorf("key %q: got %q, want %q", key, got, want)
		}
	}
}

func quoteKey(key string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
}

// FuzzCIDR: a list gives a value to an address only if some line has it, and
// rules never loop.
func FuzzCIDR(f *testing.F) {
	for _, s := range []string{"10.0.0.0/8 x\n", "if 10.0.0.0/8\n!10.1.0.0/16 x\nendif\n", "if !::/0\nif x\n", "! 1.2.3.4 x"} {
		f.Add([]byte(s), "10.0.0.1")
	}
	f.Fuzz(func(t *testing.T, data []byte, key string) {
		l := parseCIDR(slices.Clone(data), ignore)
		for i, r := range l {
			if r.skip != 0 && r.skip <= i {
				t.Fatalf("rule %d jumps back to %d", i, r.skip)
			}
		}
		value, found := l.lookup(key)
		if found && (value == "" || !slices.ContainsFunc(l, func(r cidrRule) bool { return r.value == value })) {
			t.Errorf("%q: got %q, which no rule has", key, value)
		}
	})
}

// FuzzInline: opening never panics, and every key of the table is found.
func FuzzInline(f *testing.F) {
	for _, s := range []string{"{ a=b }", "{ {a = b c}, d=e }", "{{}}", "{a=}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		table, err := openInline(name, nil, false)
		if err != nil {
			return
		}
		for key, want := range table.(inline) {
			if key == "" {
				t.Errorf("%q has a pair %q=%q", name, key, want)
			}
		}
	})
}

// Keys that are longer in lower case than in the file leave the rest of it alone.
func TestLongerInLowerCase(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "%sX%d v%d\nPLAIN%d w%d\n", strings.Repeat("Ⱥ", 20), i, i, i, i)
	}
	x := parseText([]byte(b.String()), func(line int, what string) { t.Errorf("line %d: %s", line, what) })
	for i := range 100 {
		long, _ := x.lookup(strings.ToLower(fmt.Sprintf("%sx%d", strings.Repeat("Ⱥ", 20), i)))
		plain, _ := x.lookup(fmt.Sprintf("plain%d", i))
		if want := fmt.Sprintf("v%d w%d", i, i); long+" "+plain != want {
			t.Errorf("got %q and %q, want %q", long, plain, want)
		}
	}
}

// A long table stays near the size of its file: one copy of it, and the index.
func TestLong(t *testing.T) {
	path := long(t, 200_000)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	table, err := Open("hash:" + path)
	if err != nil {
		t.Fatal(err)
	}
	if value, _, err := table.Lookup("User77777@example.com"); value != "example.com/user77777/" || err != nil {
		t.Errorf("got %q, %v", value, err)
	}
	runtime.ReadMemStats(&after)
	if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(info.Size())+8<<20; got > limit {
		t.Errorf("allocated %d octets for a file of %d, want at most %d", got, info.Size(), limit)
	}
}

// long makes a table of so many lines.
func long(t testing.TB, lines int) string {
	var text strings.Builder
	for i := range lines {
		fmt.Fprintf(&text, "user%d@example.com example.com/user%d/\n", i, i)
	}
	return write(t, text.String())
}

// BenchmarkMillion is the first lookup in a table of a million lines.
func BenchmarkMillion(b *testing.B) {
	path := long(b, 1_000_000)
	b.ReportAllocs()
	for b.Loop() {
		table, err := Open("hash:" + path)
		if err != nil {
			b.Fatal(err)
		}
		if _, found, err := table.Lookup("user777777@example.com"); !found || err != nil {
			b.Fatal(found, err)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	var text strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&text, "user%d@example.com example.com/user%d/\n", i, i)
	}
	m, err := OpenMaps([]string{"hash:" + write(b, text.String())}, Report(func(config.Problem) {}))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok, err := m.Lookup("user77777@example.com"); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
