package smtp

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestParseMail(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 70)
	for _, c := range []struct {
		name, args string
		strict     bool
		path       string
		params     []Param
		code       int // of the refusal; 0 for none
	}{
		{"plain", "FROM:<ann@example.com>", true, "ann@example.com", nil, 0},
		{"null", "FROM:<>", true, "", nil, 0},
		{"null with space inside", "FROM:< >", false, "", nil, 0},
		{"lower-case keyword", "from:<a@b>", true, "a@b", nil, 0},
		{"parameters", "FROM:<a@b> SIZE=100 body=8BITMIME SMTPUTF8", true, "a@b",
			[]Param{{"SIZE", "100"}, {"BODY", "8BITMIME"}, {"SMTPUTF8", ""}}, 0},
		{"space before the path", "FROM: <a@b>", false, "a@b", nil, 0},
		{"space before the path, strict", "FROM: <a@b>", true, "", nil, 501},
		{"no brackets", "FROM:a@b SIZE=1", false, "a@b", []Param{{"SIZE", "1"}}, 0},
		{"no brackets, strict", "FROM:a@b", true, "", nil, 501},
		{"nothing", "FROM:", false, "", nil, 501},
		{"only space", "FROM:  ", false, "", nil, 501},
		{"no keyword", "<a@b>", false, "", nil, 501},
		{"source route", "FROM:<@a.example,@b.example:ann@c.example>", false, "ann@c.example", nil, 0},
		{"source route, strict", "FROM:<@a.example:ann@c.example>", true, "", nil, 501},
		{"route without address", "FROM:<@a.example:>", false, "", nil, 501},
		{"quoted", `FROM:<"john doe"@example.com>`, true, "john doe@example.com", nil, 0},
		{"quoted pair", `FROM:<"a\"b\\c"@d>`, true, `a"b\c@d`, nil, 0},
		{"quoted @", `FROM:<"a@b"@c>`, true, "a@b@c", nil, 0},
		{"bracket in quotes", `FROM:<"a>b"@c>`, true, "a>b@c", nil, 0},
		{"quoted @ without domain", `FROM:<"a@b">`, false, "", nil, 501},
		{"mixed local part", `FROM:<"a".b@c>`, false, "a.b@c", nil, 0},
		{"mixed local part, strict", `FROM:<"a".b@c>`, true, "", nil, 501},
		{"dots of the world", "FROM:<a..b.@c>", false, "a..b.@c", nil, 0},
		{"dots, strict", "FROM:<a..b@c>", true, "", nil, 501},
		{"two ats", "FROM:<a@b@c>", false, "", nil, 501},
		{"unclosed", "FROM:<a@b", false, "", nil, 501},
		{"unclosed quote", `FROM:<"a@b>`, false, "", nil, 501},
		{"backslash at the end", `FROM:<"a\`, false, "", nil, 501},
		{"junk behind", "FROM:<a@b>x", false, "", nil, 501},
		{"literal", "FROM:<a@[192.0.2.1]>", true, "a@[192.0.2.1]", nil, 0},
		{"IPv6 literal", "FROM:<a@[IPv6:2001:db8::1]>", true, "a@[IPv6:2001:db8::1]", nil, 0},
		{"IPv6 without tag", "FROM:<a@[2001:db8::1]>", false, "", nil, 501},
		{"bad literal", "FROM:<a@[1.2.3.999]>", false, "", nil, 501},
		{"root dot", "FROM:<a@b.example.>", false, "a@b.example", nil, 0},
		{"empty label", "FROM:<a@b..c>", false, "", nil, 501},
		{"no domain", "FROM:<ann>", true, "ann", nil, 0},
		{"no local part", "FROM:<@b>", false, "", nil, 501},
		{"empty quoted local part", `FROM:<""@b>`, false, "", nil, 501},
		{"control in quotes", "FROM:<\"a\x01b\"@c>", false, "", nil, 501},
		{"line end in quotes", "FROM:<\"a\\\nb\"@c>", false, "", nil, 501},
		{"non-ASCII", "FROM:<ä@b.ä>", true, "ä@b.ä", nil, 0},
		{"long local part", "FROM:<" + long + "@b>", false, long + "@b", nil, 0},
		{"long local part, strict", "FROM:<" + long + "@b>", true, "", nil, 501},
		{"too long", "FROM:<" + strings.Repeat("a", 900) + "@b>", false, "", nil, 501},
		{"long domain", "FROM:<a@" + strings.Repeat("b.", 130) + "c>", false, "", nil, 501},
		{"bad parameter", "FROM:<a@b> =1", false, "", nil, 501},
		{"empty value", "FROM:<a@b> SIZE=", false, "", nil, 501},
		{"many parameters", "FROM:<a@b>" + strings.Repeat(" X", 30), false, "", nil, 501},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, params, err := ParseMail(c.args, c.strict)
			if code := codeOf(err); code != c.code {
				t.Fatalf("ParseMail(%q): code %d (%v), want %d", c.args, code, err, c.code)
			}
			if err == nil && (path != c.path || !reflect.DeepEqual(params, c.params)) {
				t.Errorf("ParseMail(%q) = %q, %v, want %q, %v", c.args, path, params, c.path, c.params)
			}
		})
	}
}

func codeOf(err error) int {
	if err == nil {
		return 0
	}
	return ReplyTo(err).Code
}

func TestParseRcpt(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"TO:<postmaster>": "postmaster", "To:<Ann@Example.COM>": "Ann@Example.COM",
		"TO:<>": "", "TO:": "", "FROM:<a@b>": "", "TO:<a!b%c@d>": "a!b%c@d",
	} {
		path, _, err := ParseRcpt(args, false)
		if path != want || (err == nil) != (want != "") {
			t.Errorf("ParseRcpt(%q) = %q, %v, want %q", args, path, err, want)
		}
	}
}

func TestParams(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]int64{
		"0": 0, "10240000": 10240000, "99999999999999999999": 1<<63 - 1,
		"": -1, "-1": -1, "1k": -1, "999999999999999999999": -1,
	} {
		n, err := ParseSize(value)
		if err != nil {
			n = -1
		}
		if n != want {
			t.Errorf("ParseSize(%q) = %d, want %d", value, n, want)
		}
	}
	for value, want := range map[string]string{"7bit": "7BIT", "8BITMIME": "8BITMIME", "BinaryMime": "BINARYMIME", "9BIT": "", "": ""} {
		if got, err := ParseBody(value); got != want || (err == nil) != (want != "") {
			t.Errorf("ParseBody(%q) = %q, %v, want %q", value, got, err, want)
		}
	}
	if got := ReplyTo(Unsupported(Param{"RET", "FULL"})).String(); got != "555 5.5.4 Unsupported option: RET=FULL" {
		t.Errorf("Unsupported: %q", got)
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ internal, local, domain, external string }{
		{"ann@example.com", "ann", "example.com", "ann@example.com"},
		{"ann", "ann", "", "ann"},
		{"", "", "", ""},
		{"john doe@b", "john doe", "b", `"john doe"@b`},
		{"a@b@c", "a@b", "c", `"a@b"@c`},
		{`a"\b@c`, `a"\b`, "c", `"a\"\\b"@c`},
		{"a..b@c", "a..b", "c", `"a..b"@c`},
		{".a@c", ".a", "c", `".a"@c`},
		{"ä@c", "ä", "c", "ä@c"},
	} {
		if l, d := SplitAddress(c.internal); l != c.local || d != c.domain || JoinAddress(l, d) != c.internal {
			t.Errorf("SplitAddress(%q) = %q, %q, want %q, %q", c.internal, l, d, c.local, c.domain)
		}
		if got := Quote(c.internal); got != c.external {
			t.Errorf("Quote(%q) = %s, want %s", c.internal, got, c.external)
		}
		if got, ok := unquote(c.external); c.external != "" && (got != c.internal || !ok) {
			t.Errorf("unquote(%s) = %q, %t, want %q", c.external, got, ok, c.internal)
		}
	}
	if got := FoldDomain("Ann@B@Example.COM"); got != "Ann@B@example.com" {
		t.Errorf("FoldDomain: %q", got)
	}
	for _, bad := range []string{"a\nb@c", "a\x00@b", "a\x7f@b", "a\u0085@b", "\xff@b", strings.Repeat("a", 901)} {
		if Check(bad) == nil {
			t.Errorf("Check(%q) accepts", bad)
		}
	}
}

// FuzzPath: whatever a client sends as a path, no panic; what is accepted is
// one clean address whose external form reads back as itself, and the lenient
// parser takes all that the strict one takes, to the same end.
func FuzzPath(f *testing.F) {
	for _, s := range []string{
		"FROM:<a@b>", "FROM:<>", `FROM:<"a\"@b"@c> SIZE=1`, "FROM:<@a,@b:c@d>", "FROM: a@b", "FROM:<a@[IPv6:::1]>", "FROM:<\"\xff\"@b>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, args string) {
		path, params, err := ParseMail(args, false)
		strict, _, strictErr := ParseMail(args, true)
		if strictErr == nil && (err != nil || strict != path) {
			t.Errorf("%q: strict takes it as %q, lenient as %q, %v", args, strict, path, err)
		}
		if err != nil {
			var refusal *Error
			if !errors.As(err, &refusal) || refusal.Reply.Class() != 5 {
				t.Errorf("%q: %v is not a refusal", args, err)
			}
			return
		}
		if len(params) > maxParams || Check(path) != nil {
			t.Errorf("%q: accepted as %q with %d parameters", args, path, len(params))
		}
		if path == "" {
			return
		}
		if back, ok := unquote(Quote(path)); !ok || back != path {
			t.Errorf("%q: %q is written %q and read as %q, %t", args, path, Quote(path), back, ok)
		}
	})
}

// unquote returns the internal form of an address in external form without
// angle brackets. ok is false when it is not one address.
func unquote(addr string) (internal string, ok bool) {
	p := scanner{s: addr}
	internal, err := p.mailbox()
	if err != nil || p.i != len(addr) {
		return "", false
	}
	return internal, true
}
