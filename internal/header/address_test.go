package header

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"yubin/internal/smtp"
)

func TestParseAddressList(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, value string
		want        []Address
		bad         bool
	}{
		{"one", "ann@example.com", []Address{{"", "ann@example.com"}}, false},
		{"local", "root", []Address{{"", "root"}}, false},
		{"two", "a@b, c@d", []Address{{"", "a@b"}, {"", "c@d"}}, false},
		{"named", "Ann Smith <a@b>", []Address{{"Ann Smith", "a@b"}}, false},
		{"quoted name", `"Smith, Ann" <a@b>`, []Address{{"Smith, Ann", "a@b"}}, false},
		{"@ in quoted name", `"ann@x" <a@b>`, []Address{{"ann@x", "a@b"}}, false},
		{"@ in name", `ann@x <a@b>`, []Address{{"ann@x", "a@b"}}, false},
		{"comment", "root (Cron Daemon)", []Address{{"Cron Daemon", "root"}}, false},
		{"nested comment", `a@b (x (y \) z), q)`, []Address{{`x (y \) z), q`, "a@b"}}, false},
		{"group", "Friends: a@b, Bob <c@d>;, e@f", []Address{{"", "a@b"}, {"Bob", "c@d"}, {"", "e@f"}}, false},
		{"empty group", "undisclosed-recipients:;", nil, false},
		{"empty elements", " , a@b,, ,", []Address{{"", "a@b"}}, false},
		{"semicolons", "a@b; c@d;", []Address{{"", "a@b"}, {"", "c@d"}}, false},
		{"folded", "a@b,\r\n\tc@d,\n e@f", []Address{{"", "a@b"}, {"", "c@d"}, {"", "e@f"}}, false},
		{"null", "<>", []Address{{"", ""}}, false},
		{"nothing", " \t", nil, false},
		{"route", "<@x,@y:a@b>, c@d", []Address{{"", "a@b"}, {"", "c@d"}}, false},
		{"spaces round @ and dots", "john . doe @ example . com", []Address{{"", "john.doe@example.com"}}, false},
		{"quoted local part", `"john doe"@b`, []Address{{"", "john doe@b"}}, false},
		{"quoted @ in local part", `"a@x"@b`, []Address{{"", "a@x@b"}}, false},
		{"backslash", `john\ doe@b`, []Address{{"", "john doe@b"}}, false},
		{"literal", "a@[192.0.2.1], b@[IPv6:::1]", []Address{{"", "a@[192.0.2.1]"}, {"", "b@[IPv6:::1]"}}, false},
		{"brackets in name", "Foo [Bar] <a@b>", []Address{{"Foo [Bar]", "a@b"}}, false},
		{"bare words with an address", "Ann a@b", []Address{{"Ann", "a@b"}}, false},
		{"space for comma", "a@b c@d", []Address{{"", "a@b"}, {"", "c@d"}}, false},
		{"bracketed without comma", "<a@b> <c@d>", []Address{{"", "a@b"}, {"", "c@d"}}, false},
		{"words behind brackets", "<a@b> Ann, c@d", []Address{{"", "a@b"}, {"", "c@d"}}, false},
		{"two words", "Ann Smith", []Address{{"", "Ann Smith"}}, false},
		{"doubled brackets", "<<a@b>>", []Address{{"", "a@b"}}, false},
		{"unclosed bracket", "Ann <a@b, c@d", []Address{{"Ann", "a@b"}, {"", "c@d"}}, false},
		{"unclosed quote", `"Ann <a@b>, c@d`, []Address{{"Ann", "a@b"}, {"", "c@d"}}, false},
		{"unclosed comment", `(Ann <a@b>, c@d`, []Address{{"Ann", "a@b"}, {"", "c@d"}}, false},
		{"mailto", "mailto:a@b", []Address{{"", "a@b"}}, false},
		{"non-ASCII", "Jörg <jörg@b>", []Address{{"Jörg", "jörg@b"}}, false},
		{"root dot", "a@b.example.", []Address{{"", "a@b.example"}}, false},
		{"two ats", "a@b@c, d@e", []Address{{"", "d@e"}}, true},
		{"no domain", "a@, d@e", []Address{{"", "d@e"}}, true},
		{"no local part", "@b", nil, true},
		{"control", "a\x01@b", nil, true},
		{"not UTF-8", "a\xff@b, d@e", []Address{{"", "d@e"}}, true},
		{"quoted line end", "\"a\\\nb\"@c", nil, true},
		{"too long", strings.Repeat("a", 1000) + "@b", nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseAddressList(c.value)
			if !reflect.DeepEqual(got, c.want) || (err != nil) != c.bad {
				t.Errorf("%q:\n got %q, %v\nwant %q, error %t", c.value, got, err, c.want, c.bad)
			}
		})
	}
}

// A quarter megabyte of each of these takes milliseconds; anything more than
// linear would take minutes (Dovecot CVE-2024-23184).
func TestLinear(t *testing.T) {
	t.Parallel()
	for _, piece := range []string{"a@b,", "a ", "(", "((", "\"", "<", "@[", "@", "a@b ", ":", "\\", "<@a,", "(\\", "\"\\"} {
		value := strings.Repeat(piece, (256<<10)/len(piece))
		start := time.Now()
		ParseAddressList(value)
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("256 KB of %q took %v", piece, d)
		}
	}
}

// FuzzAddressList: no panic; every address that comes back is one that may
// enter the system, and its external form reads back as itself, alone.
func FuzzAddressList(f *testing.F) {
	for _, s := range []string{"a@b, C <d@e>", `"x@y" <"a\"@b"@c>`, "G: a, b@c;", "<@a,@b:c@d>", "(", "a@[1.2.3.4]", "john . doe @ x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		list, _ := ParseAddressList(value)
		for _, a := range list {
			if err := smtp.Check(a.Addr); err != nil {
				t.Fatalf("%q: %q: %v", value, a.Addr, err)
			}
			if a.Addr == "" {
				continue
			}
			again, err := ParseAddressList("<" + smtp.Quote(a.Addr) + ">")
			if err != nil || len(again) != 1 || again[0].Addr != a.Addr {
				t.Fatalf("%q: %q is written %q and read as %q, %v", value, a.Addr, smtp.Quote(a.Addr), again, err)
			}
		}
	})
}
