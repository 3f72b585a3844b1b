package header

import (
	"errors"
	"strings"
	"testing"
)

// Every address of a header that holds some is asked for; what is not one, and
// what stands around it, stays.
func TestRewrite(t *testing.T) {
	t.Parallel()
	f := func(addr string) (string, error) {
		switch addr {
		case "ann@in.example", "ann":
			return "ann@example.com", nil
		case "b b@in.example":
			return "bob@example.com", nil
		case "plain@in.example":
			return "two words@example.com", nil
		}
		return addr, nil
	}
	for _, c := range []struct{ name, in, want string }{
		{"bare", "From: ann@in.example\n", "From: ann@example.com\n"},
		{"local part alone", "From: ann\n", "From: ann@example.com\n"},
		{"in brackets", "From: \"Ann, A.\" <ann@in.example> (x)\n", "From: \"Ann, A.\" <ann@example.com> (x)\n"},
		{"quoted", "To: <\"b b\"@in.example>\n", "To: <bob@example.com>\n"},
		{"made quoted", "Cc: <plain@in.example>\n", "Cc: <\"two words\"@example.com>\n"},
		{"several, folded", "To: x@y.example,\n\tAnn <ann@in.example> ,\r\n ann@in.example, Group: ann@in.example;\n",
			"To: x@y.example,\n\tAnn <ann@example.com> ,\r\n ann@example.com, Group: ann@example.com;\n"},
		{"comment", "From: ann@in.example (Ann <ann@in.example>)\n", "From: ann@example.com (Ann <ann@in.example>)\n"},
		{"comment before the domain", "From: ann@(x)in.example (Ann)\n", "From: ann@example.com (Ann)\n"},
		{"route", "From: <@a,@b:ann@in.example>\n", "From: <@a,@b:ann@example.com>\n"},
		{"null", "From: <>\n", "From: <>\n"},
		{"name like an address", "From: \"ann@in.example\" <x@y.example>\n", "From: \"ann@in.example\" <x@y.example>\n"},
		{"another field", "X-From: ann@in.example\nSubject: ann@in.example\n", "X-From: ann@in.example\nSubject: ann@in.example\n"},
		{"resent, upper case, space before the colon", "RESENT-FROM : ann@in.example\n", "RESENT-FROM : ann@example.com\n"},
		{"no line end", "From: ann@in.example", "From: ann@example.com"},
		{"empty", "", ""},
	} {
		head, n, err := Rewrite([]byte(c.in+"\nFrom: ann@in.example\n"), f)
		if c.in == "" || !strings.HasSuffix(c.in, "\n") {
			head, n, err = Rewrite([]byte(c.in), f)
		}
		if string(head) != c.want || n != len(c.in) || err != nil {
			t.Errorf("%s: got %q, %d, %v; want %q, %d", c.name, head, n, err, c.want, len(c.in))
		}
	}
	broken := errors.New("no table")
	if _, _, err := Rewrite([]byte("From: a@b.example\n"), func(string) (string, error) { return "", broken }); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

// FuzzRewrite: with nothing to replace the header stays octet by octet, and the
// length is that which Each finds; what is replaced leaves no address behind
// that the parser would find as it was.
func FuzzRewrite(f *testing.F) {
	for _, s := range []string{"From: a@b\n\nx", "To: <a@b>, \"c\"@d (e)\n f@g\n", "To: <@a:b@c>\n", "Cc: a@[1.2.3.4]\r\n\r\n", "From: ((((\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var asked []string
		head, n, err := Rewrite([]byte(s), func(addr string) (string, error) {
			asked = append(asked, addr)
			return addr, nil
		})
		if err != nil || n > len(s) || string(head) != s[:n] || n != Each([]byte(s), func(string, []byte) {}) {
			t.Fatalf("%q: %q, %d, %v", s, head, n, err)
		}
		const other = "x@replaced.example"
		head, _, _ = Rewrite([]byte(s), func(string) (string, error) { return other, nil })
		Rewrite(head, func(addr string) (string, error) {
			if addr != other {
				t.Fatalf("%q became %q, which has %q (was asked for %q)", s, head, addr, asked)
			}
			return addr, nil
		})
	})
}
