package smtp

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// What DSN parameters say, "" for what is refused. The values are those of the
// wire.
func TestDSNParams(t *testing.T) {
	t.Parallel()
	notify := func(v string) (string, error) {
		n, err := ParseNotify(v)
		return n.String(), err
	}
	for _, c := range []struct {
		name        string
		parse       func(string) (string, error)
		value, want string
	}{
		{"NOTIFY", notify, "NEVER", "NEVER"},
		{"NOTIFY", notify, "never", "NEVER"},
		{"NOTIFY", notify, "delay,Success", "SUCCESS,DELAY"},
		{"NOTIFY", notify, "SUCCESS,FAILURE,DELAY", "SUCCESS,FAILURE,DELAY"},
		{"NOTIFY", notify, "SUCCESS,SUCCESS", "SUCCESS"},
		{"NOTIFY", notify, "NEVER,SUCCESS", ""},
		{"NOTIFY", notify, "SUCCESS,NEVER", ""},
		{"NOTIFY", notify, "", ""},
		{"NOTIFY", notify, "SUCCESS,", ""},
		{"NOTIFY", notify, "SUCCESS FAILURE", ""},
		{"NOTIFY", notify, "ALWAYS", ""},
		{"RET", ParseRet, "full", "FULL"},
		{"RET", ParseRet, "HDRS", "HDRS"},
		{"RET", ParseRet, "BODY", ""},
		{"RET", ParseRet, "", ""},
		{"ENVID", ParseEnvID, "QQ314159", "QQ314159"},
		{"ENVID", ParseEnvID, "a+2Bb+3Dc+20d", "a+b=c d"},
		{"ENVID", ParseEnvID, "", ""},
		{"ENVID", ParseEnvID, "a+2bb", ""},
		{"ENVID", ParseEnvID, "a+2", ""},
		{"ENVID", ParseEnvID, "a+", ""},
		{"ENVID", ParseEnvID, "a+0Ab", ""},
		{"ENVID", ParseEnvID, "a+C3+A4", ""},
		{"ENVID", ParseEnvID, "a=b", ""},
		{"ENVID", ParseEnvID, strings.Repeat("x", 100), strings.Repeat("x", 100)},
		{"ENVID", ParseEnvID, strings.Repeat("x", 101), ""},
		{"ORCPT", ParseOrcpt, "rfc822;bob@example.org", "rfc822;bob@example.org"},
		{"ORCPT", ParseOrcpt, "rfc822;bob+2Bx@example.org", "rfc822;bob+x@example.org"},
		{"ORCPT", ParseOrcpt, "x400;/S=x+3B;/", ""}, // an unencoded ; is xtext, = is not
		{"ORCPT", ParseOrcpt, "x400;/S+3Dx;/", "x400;/S=x;/"},
		{"ORCPT", ParseOrcpt, `utf-8;b\x{F6}b@example.org`, "utf-8;böb@example.org"},
		{"ORCPT", ParseOrcpt, `UTF-8;\x{1F600}\x{2B}\x{5C}@x`, `UTF-8;😀+\@x`},
		{"ORCPT", ParseOrcpt, "utf-8;böb@example.org", "utf-8;böb@example.org"},
		{"ORCPT", ParseOrcpt, "utf-8;bob@example.org", "utf-8;bob@example.org"},
		{"ORCPT", ParseOrcpt, "utf-8;b+C3+B6b@example.org", "utf-8;böb@example.org"},
		{"ORCPT", ParseOrcpt, `utf-8;b\x{F6@x`, ""},
		{"ORCPT", ParseOrcpt, `utf-8;b\F6@x`, ""},
		{"ORCPT", ParseOrcpt, `utf-8;b\x{D800}@x`, ""},
		{"ORCPT", ParseOrcpt, `utf-8;b\x{0000F6}b@x`, "utf-8;böb@x"},
		{"ORCPT", ParseOrcpt, `utf-8;b\x{110000}@x`, ""},
		{"ORCPT", ParseOrcpt, `utf-8;b\x{0D}\x{0A}@x`, ""},
		{"ORCPT", ParseOrcpt, "utf-8;b\xf6b@x", ""},
		{"ORCPT", ParseOrcpt, "utf-8;ö=b@x", ""},
		{"ORCPT", ParseOrcpt, "rfc822;böb@example.org", ""},
		{"ORCPT", ParseOrcpt, "rfc822;b+C3+B6b@example.org", "rfc822;böb@example.org"},
		{"ORCPT", ParseOrcpt, "rfc822;b+F6b@example.org", ""},
		{"ORCPT", ParseOrcpt, "rfc822;", ""},
		{"ORCPT", ParseOrcpt, "rfc822", ""},
		{"ORCPT", ParseOrcpt, ";bob@example.org", ""},
		{"ORCPT", ParseOrcpt, "rfc.822;bob@example.org", ""},
		{"ORCPT", ParseOrcpt, "rfc822;bob+0D+0Ax@example.org", ""},
		{"ORCPT", ParseOrcpt, "rfc822;bob+00", ""},
		{"ORCPT", ParseOrcpt, "rfc822;" + strings.Repeat("x", 493), "rfc822;" + strings.Repeat("x", 493)},
		{"ORCPT", ParseOrcpt, "rfc822;" + strings.Repeat("x", 494), ""},
	} {
		got, err := c.parse(c.value)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s=%s: got %q, %v; want %q", c.name, c.value, got, err, c.want)
		}
		if err != nil && ReplyTo(err).Code != 501 {
			t.Errorf("%s=%s: %+v", c.name, c.value, ReplyTo(err))
		}
	}
}

// FuzzXtext: what ParseXtext accepts Xtext gives back up to needless encoding,
// and no value of a parameter lets through a line end, a NUL or broken UTF-8.
func FuzzXtext(f *testing.F) {
	for _, s := range []string{"a+2Bb", "+", "+0", "+0D+0A", "rfc822;x", "utf-8;\\x{E4}", "+C3+A4", "+c3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if text, ok := ParseXtext(s); ok {
			coded := Xtext(text)
			again, ok := ParseXtext(coded)
			if !ok || again != text || len(coded) > len(s) {
				t.Errorf("%q is %q, which is %q, which is %q", s, text, coded, again)
			}
		}
		if text, ok := ParseXtext(Xtext(s)); !ok || text != s {
			t.Errorf("%q came back as %q", s, text)
		}
		for _, parse := range []func(string) (string, error){ParseEnvID, ParseOrcpt} {
			text, err := parse(s)
			if err == nil && (text == "" || !utf8.ValidString(text) || strings.ContainsAny(text, "\r\n\x00") || len(text) > maxOrcpt) {
				t.Errorf("%q gave %q", s, text)
			}
		}
	})
}

// What goes out as ORCPT is what came in.
func TestOrcpt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ given, seven, eight string }{
		{"rfc822;bob+x@example.org", "rfc822;bob+2Bx@example.org", "rfc822;bob+2Bx@example.org"},
		{"rfc822;böb@example.org", "rfc822;b+C3+B6b@example.org", "rfc822;b+C3+B6b@example.org"},
		{"utf-8;böb+x@example.org", `utf-8;b\x{F6}b\x{2B}x@example.org`, `utf-8;böb\x{2B}x@example.org`},
		{`utf-8;"😀 \"@x`, `utf-8;"\x{1F600}\x{20}\x{5C}"@x`, `utf-8;"😀\x{20}\x{5C}"@x`},
	} {
		kind, addr, _ := strings.Cut(c.given, ";")
		for eight, want := range map[bool]string{false: c.seven, true: c.eight} {
			got := Orcpt(kind, addr, eight)
			if got != want {
				t.Errorf("%s, %t: got %s, want %s", c.given, eight, got, want)
			}
			if back, err := ParseOrcpt(got); err != nil || back != c.given {
				t.Errorf("%s comes back as %q, %v", got, back, err)
			}
		}
	}
}

// FuzzOrcpt: what ParseOrcpt takes comes back the same from both forms in which it
// goes on, and has no control characters.
func FuzzOrcpt(f *testing.F) {
	for _, s := range []string{"rfc822;a+2Bb", `utf-8;\x{E4}@b`, "utf-8;ä@b", `utf-8;\x{0D}`, "x;+C3+A4", `utf-8;+5Cx{41}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := ParseOrcpt(s)
		if err != nil {
			return
		}
		if !printable(v) {
			t.Fatalf("%q gave %q", s, v)
		}
		kind, addr, _ := strings.Cut(v, ";")
		for _, eight := range []bool{false, true} {
			coded := Orcpt(kind, addr, eight)
			if len(coded) > maxOrcpt {
				continue
			}
			if again, err := ParseOrcpt(coded); err != nil || again != v {
				t.Errorf("%q is %q, which is %q, which is %q, %v", s, v, coded, again, err)
			}
		}
	})
}
