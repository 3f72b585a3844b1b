package route

import (
	"slices"
	"testing"
)

func TestParseHops(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text, smtp, lmtp string // as String has it; "" for an error
	}{
		{"example.com", "example.com", "[example.com]"},
		{"Example.COM.", "example.com", "[example.com]"},
		{"example.com:587", "example.com:587", "[example.com]:587"},
		{"example.com:submission", "example.com:587", "[example.com]:587"},
		{"[mail.example.com]", "[mail.example.com]", "[mail.example.com]"},
		{"[mail.example.com]:smtps", "[mail.example.com]:465", "[mail.example.com]:465"},
		{"[192.0.2.1]:2525", "[192.0.2.1]:2525", "[192.0.2.1]:2525"},
		{"[2001:DB8::1]", "[2001:db8::1]", "[2001:db8::1]"},
		{"[IPv6:2001:db8::1]:25", "[2001:db8::1]:25", "[2001:db8::1]:25"},
		{"[::ffff:192.0.2.1]", "[192.0.2.1]", "[192.0.2.1]"},
		{"bücher.example", "bücher.example", "[bücher.example]"},
		{"a.example, [b.example]:26\tc.example", "a.example [b.example]:26 c.example", "[a.example] [b.example]:26 [c.example]"},
		{"unix:private/dovecot-lmtp", "", "unix:private/dovecot-lmtp"},
		{"unix:/run/cyrus/lmtp", "", "unix:/run/cyrus/lmtp"},
		{"inet:mail.example", "", "[mail.example]"},
		{"inet:[127.0.0.1]:24", "", "[127.0.0.1]:24"},
		{"inet:mail.example:24", "", "[mail.example]:24"},
		{"unix:", "", ""},
		{"", "", ""},
		{" , ", "", ""},
		{"192.0.2.1", "", "[192.0.2.1]"},
		{"192.0.2.1:25", "", "[192.0.2.1]:25"},
		{"inet:127.0.0.1:24", "", "[127.0.0.1]:24"},
		{"2001:db8::1", "", ""},
		{"[mail.example", "", ""},
		{"[mail.example]25", "", ""},
		{"[mail.example]:", "", ""},
		{"mail.example:", "", ""},
		{"mail.example:0", "", ""},
		{"mail.example:65536", "", ""},
		{"mail.example:no-such-service", "", ""},
		{"[]:25", "", ""},
		{":25", "", ""},
		{"smtp://mail.example", "", ""},
		{"user@mail.example", "", ""},
		{"[fe80::1%lo]", "", ""},
		{"[ipv6:192.0.2.1]", "", ""},
	}
	for _, test := range tests {
		for want, parse := range map[*string]func(string) ([]Hop, error){&test.smtp: ParseHops, &test.lmtp: ParseLMTP} {
			hops, err := parse(test.text)
			if got := join(hops); got != *want || (err != nil) != (*want == "") {
				t.Errorf("%q: got %q, %v, want %q", test.text, got, err, *want)
			}
		}
	}
}

func join(hops []Hop) string {
	s := ""
	for i, h := range hops {
		if i > 0 {
			s += " "
		}
		s += h.String()
	}
	return s
}

// FuzzParseHops: what is read has exactly one of a name, an address and a path,
// and its text is read as the same.
func FuzzParseHops(f *testing.F) {
	for _, s := range []string{"example.com", "[mail.example]:587", "[ipv6:2001:db8::1]", "a, [b]:smtp", "unix:private/x", "inet:[::1]:24", "[::ffff:1.2.3.4]", "a:b:c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, parse := range []func(string) ([]Hop, error){ParseHops, ParseLMTP} {
			hops, err := parse(text)
			if err != nil {
				continue
			}
			for _, h := range hops {
				kinds := 0
				for _, is := range []bool{h.Host != "", h.Addr.IsValid(), h.Unix != ""} {
					if is {
						kinds++
					}
				}
				if kinds != 1 {
					t.Errorf("%q: %+v", text, h)
				}
			}
			again, err := parse(join(hops))
			if err != nil || !slices.Equal(again, hops) {
				t.Errorf("%q: got %+v; its text %q: %+v, %v", text, hops, join(hops), again, err)
			}
		}
	})
}
