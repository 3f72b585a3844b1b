package table

import (
	"slices"
	"strings"
	"testing"
)

func TestPatterns(t *testing.T) {
	t.Parallel()
	const list = `
# first match wins
/^ann@/            one
!/@/               no domain
/^(.*)@old\.example$/  $1@new.example
/^(b(o)?b)\+(.*)$/  ${1}-$(3)-$2-$$
if /@example\.com$/
if !/^root@/
/^postmaster@/     postmaster
/^r/               never
/./                inside
  of it
endif
/^root/            root
endif
%^a/b%             percent
/later$/           later
`
	tests := []struct{ kind, text, key, want string }{ // "" for not found
		{"regexp", list, "ann@x", "one"},
		{"pcre", list, "ANN@x", "one"},
		{"regexp", list, "nobody", "no domain"},
		{"pcre", list, "Some.One@old.example", "Some.One@new.example"},
		{"regexp", list, "x@old-example", ""},
		{"regexp", "/^(b(o)?b)\\+(.*)$/ ${1}-$(3)-$2-$$", "bb+x", "bb-x--$"},
		{"pcre", "/^(b(o)?b)\\+(.*)$/ ${1}-$(3)-$2-$$", "bob+x", "bob-x-o-$"},
		{"regexp", list, "postmaster@example.com", "postmaster"},
		{"pcre", list, "root@example.com", "root"},
		{"regexp", list, "x@example.com", "inside  of it"},
		{"regexp", list, "root@example.net", ""},
		{"regexp", list, "a/b@x", "percent"},
		{"regexp", "/a/i x", "A", ""},
		{"regexp", "/a/i x", "a", "x"},
		{"regexp", "/a/ii x", "A", "x"},
		{"regexp", "/a.b/ x", "a\nb", "x"},
		{"regexp", "/a.b/m x", "a\nb", ""},
		{"regexp", "/a[^c]b/m x", "a\nb", ""},
		{"regexp", "/^b/ x", "a\nb", ""},
		{"regexp", "/^b/m x", "a\nb", "x"},
		{"pcre", "/a.b/ x", "a\nb", "x"},
		{"pcre", "/a.b/s x", "a\nb", ""},
		{"pcre", "/^b/m x", "a\nb", "x"},
		{"pcre", "/b/A x", "ab", ""},
		{"pcre", "/b|a/A x", "ab", "x"},
		{"pcre", "/^(a+)/U $1", "aaa", "a"},
		{"pcre", "/ a b # c\n  [ ] d /x x", "ab d", "x"},
		{"pcre", "/^a\n b$/ x  \n\t y", "a b", "x  \t y"},
		{"regexp", "/^a\n b$/ x", "a b", "x"},
		{"pcre", "/a/EX x", "a", "x"},
		{"pcre", `/^a\h[\h]b\Z/ x`, "a\t b", "x"},
		{"pcre", `/^(?<word>\w+)$/ <$1>`, "ab", "<ab>"},
		{"pcre", `/^[[:alpha:]\/]+$/ x`, "a/b", "x"},
		{"regexp", `/^[]\.]$/ x`, `\`, "x"},
		{"regexp", `/^[]\.]$/ x`, "]", "x"},
		{"regexp", `/^[^]a]$/ x`, "]", ""},
		{"regexp", `/^[[:digit:]a-c[.-.]]+$/ x`, "1-b", "x"},
		{"regexp", `/\<b\>/ x`, "a b c", "x"},
		{"regexp", `/\<b\>/ x`, "abc", ""},
		{"regexp", `/(a|ab)(c|bcd)/ $1 $2`, "abcd", "a bcd"},
		{"regexp", `/^a{,2}$/ x`, "aa", "x"},
		{"regexp", `/^a{,2}$/ x`, "aaa", ""},
		{"regexp", `/\d/ x`, "1", ""},
		{"regexp", `/a(b)*+?{}/x x`, "a(b)))+?{}", "x"},
		{"regexp", `/^\(a\{2\}\|*b\)$/x <$1>`, "aa", "<aa>"},
		{"regexp", `/^\(a\{2\}\|*b\)$/x <$1>`, "*b", "<*b>"},
		{"regexp", `/a^b$c/x x`, "a^b$c", "x"},
		{"regexp", `/é/ x`, "É", "x"},
	}
	for _, test := range tests {
		t.Run(test.kind+" "+test.text+" "+test.key, func(t *testing.T) {
			t.Parallel()
			spec := test.kind + ":" + write(t, test.text)
			table, err := Open(spec)
			if err != nil {
				t.Fatal(err)
			}
			got, found, err := table.Lookup(test.key)
			if err != nil || found != (test.want != "") || got != test.want {
				t.Errorf("%q in %s: got %q, %t, %v, want %q\nproblems %v", test.key, test.text, got, found, err, test.want, Check(spec))
			}
		})
	}
}

// A pattern that RE2 cannot take stops the keys that come to it, and no other.
func TestImpossiblePattern(t *testing.T) {
	t.Parallel()
	path := write(t, "/^early/ early\nif /^in/\n/(?=x)/ ahead\nendif\n/^late/ late\n/(a)\\1/ twice\n")
	table, err := Open("pcre:" + path)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"early": "early", "late": "late",
		"inside": path + ":3: ", "other": path + ":6: ",
	} {
		got, found, err := table.Lookup(key)
		switch fails := strings.HasPrefix(want, "/"); {
		case fails && (err == nil || found || !strings.HasPrefix(err.Error(), want)):
			t.Errorf("%s: got %q, %v, want error %q", key, got, err, want)
		case !fails && (err != nil || got != want):
			t.Errorf("%s: got %q, %v, want %q", key, got, err, want)
		}
	}
}

func TestPatternProblems(t *testing.T) {
	t.Parallel()
	const comes = "; lookups that come to this line fail"
	tests := []struct{ spec, text, want string }{
		{"pcre", "/a(?=b)/ x\n", "1: error parsing regexp: invalid or unsupported Perl syntax: `(?=`" + comes},
		{"regexp", "# c\n/(a)\\1/ x\n", `2: "\1": RE2 has no references to groups` + comes},
		{"regexp", "/(?:a)/ x\n", `1: "(?" is no POSIX expression; pcre: tables have it` + comes},
		{"regexp", "/[a/ x\n", `1: "[a": [ without ]` + comes},
		{"regexp", "/a\\/ x\n", `1: no closing '/' behind the pattern "/a\\/ x"; the line is ignored`},
		{"regexp", "/a/s x\n", `1: unknown flag 's', want some of imx; the line is ignored`},
		{"pcre", "/a/\n", "1: the pattern has no value; the line is ignored"},
		{"pcre", "a x\n", `1: want a pattern between two marks such as /text/, have "a x"; the line is ignored`},
		{"pcre", "/a/ $1\n", "1: $1 is no group of the pattern, which has 0; write $$ for a $; the line is ignored"},
		{"pcre", "/(a)/ $x\n", "1: $x is no group of the pattern, which has 1; write $$ for a $; the line is ignored"},
		{"pcre", "/(a)/ ${1\n", `1: no closing bracket in "${1"; the line is ignored`},
		{"pcre", "/(a)/ 5 $ off\n", "1: a $ without a number; write $$ for a $; the line is ignored"},
		{"pcre", "!/(a)/ $1\n", "1: a pattern behind ! has matched nothing that $ could stand for; write $$ for a $; the line is ignored"},
		{"plain", "/(a)/ $1\n", "1: parts of the key ($1) are not allowed in values of this table: strangers choose the key; the line is ignored"},
		{"plain", "/(a)/ $$1\n", ""},
		{"pcre", "if /a/\n/b/ x\n", "1: if without endif"},
		{"pcre", "if a\n/b/ x\nendif\n", `1: want a pattern between two marks such as /text/, have "a"; the lines until endif are ignored`},
		{"pcre", "endif x\n", "1: endif without if, ignored\n1: nothing is expected after endif, \"x\" is ignored"},
		{"pcre", "if /a/ x\nendif\n", `1: nothing is expected after the pattern of if, "x" is ignored`},
		{"pcre", "/a/ x\x00\n", "read TABLE: not a text file: it has NUL bytes"},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			path := write(t, test.text)
			var opts []Option
			spec := test.spec + ":" + path
			if test.spec == "plain" {
				spec, opts = "regexp:"+path, []Option{Plain()}
			}
			var got []string
			for _, p := range Check(spec, opts...) {
				got = append(got, strings.TrimPrefix(strings.ReplaceAll(p.String(), path, "TABLE"), "TABLE:"))
			}
			if have := strings.Join(got, "\n"); have != test.want {
				t.Errorf("%q: got\n%s\nwant\n%s", test.text, have, test.want)
			}
		})
	}
}

// FuzzRules: whatever the file, reading it ends, rules never jump back, and a key
// gets a value only from a rule that has it.
func FuzzRules(f *testing.F) {
	for _, s := range []string{
		"/a/ b\n", "if /a/\n!/b/i x\nendif\n", "/(a)(b)?/ $1${2}$(1)$$\n", "/[[:alpha:]]]/x y\n", "/a # b\n c/xU d\n",
		`/\(a\|*b\)\{,2\}/x z`, "if /(?=/\n/a/ b\nendif\nendif\n", `/[^]\[.-.]]\<\h\Z/mA q`,
	} {
		f.Add([]byte(s), "ab")
	}
	f.Fuzz(func(t *testing.T, data []byte, key string) {
		for _, d := range []dialect{posix, perl} {
			p := ruleParser{dialect: d, blocks: blocks{report: ignore}}
			rules := p.parse(slices.Clone(data))
			for i, r := range rules {
				if r.skip != 0 && r.skip <= i {
					t.Fatalf("rule %d jumps back to %d", i, r.skip)
				}
				if (r.pattern == nil) != (r.err != nil) {
					t.Fatalf("rule %d: pattern %v, error %v", i, r.pattern, r.err)
				}
			}
			if _, found, err := decide(rules, key); found && err != nil {
				t.Errorf("%q: found, and %v", key, err)
			}
		}
	})
}
