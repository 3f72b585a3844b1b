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

// A Filter that edits changes the addresses of the fields that hold some, each with
// its side, and nothing else, however the letter arrives.
func TestFilterEdits(t *testing.T) {
	t.Parallel()
	edit := func(side Side, addr string) (string, error) {
		if !strings.Contains(addr, "@") {
			return addr + "@" + [...]string{"?", "from.test", "to.test"}[side], nil
		}
		return addr, nil
	}
	for _, c := range []struct{ name, in, want string }{
		{"both sides", "From: ann\nTo: bob (Bob), carol@x\n\nFrom: dave\n", "From: ann@from.test\nTo: bob@to.test (Bob), carol@x\n\nFrom: dave\n"},
		{"folded", "Cc: ann,\n\tBob <bob>,\n cc\nSubject: ann\n\n", "Cc: ann@to.test,\n\tBob <bob@to.test>,\n cc@to.test\nSubject: ann\n\n"},
		{"group", "To: friends: ann, bob;, undisclosed:;\n\n", "To: friends: ann@to.test, bob@to.test;, undisclosed:;\n\n"},
		{"encoded word, comment", "From: =?utf-8?q?J=C3=B6rg=2C_A?= <ann> (a (b) c)\n\n", "From: =?utf-8?q?J=C3=B6rg=2C_A?= <ann@from.test> (a (b) c)\n\n"},
		{"no body", "From: ann\n", "From: ann@from.test\n"},
		{"no line end", "From: ann", "From: ann@from.test\n"},
		{"dropped", "Bcc: ann\nFrom: bob\n\nx", "From: bob@from.test\n\nx"},
		{"no header", "\nFrom: ann\n", "\nFrom: ann\n"},
		{"resent", "Resent-To: ann\nResent-From: bob\n\n", "Resent-To: ann@to.test\nResent-From: bob@from.test\n\n"},
		{"others", "X-To: ann\nReceived: from ann by bob\n\n", "X-To: ann\nReceived: from ann by bob\n\n"},
		{"too long", "To: ann, " + strings.Repeat("x", maxField) + "\nCc: bob\n\n", "To: ann, " + strings.Repeat("x", maxField) + "\nCc: bob@to.test\n\n"},
	} {
		for _, step := range []int{1, 7, len(c.in)} {
			if step == 1 && len(c.in) > maxField {
				continue
			}
			bare := step == 7
			var out strings.Builder
			f := NewFilter(&out, Dropped, nil)
			f.Edit(&Editor{Address: edit, Bare: bare})
			for at := 0; at < len(c.in); at += step {
				f.Write([]byte(c.in[at:min(len(c.in), at+step)]))
			}
			if err := f.Close(); err != nil || out.String() != c.want {
				t.Errorf("%s, %d octets at once: got %.300q, %v; want %.300q", c.name, step, out.String(), err, c.want)
			}
		}
	}
	broken := errors.New("no table")
	f := NewFilter(new(strings.Builder), nil, nil)
	f.Edit(&Editor{Address: func(Side, string) (string, error) { return "", broken }})
	f.Write([]byte("From: ann\n\n"))
	if err := f.Close(); !errors.Is(err, broken) {
		t.Errorf("a table that cannot be read: %v", err)
	}
}

// No line becomes longer than a line may be, and unfolded the field is the same.
func TestLinesStayShort(t *testing.T) {
	t.Parallel()
	longer := func(addr string) (string, error) { return addr + strings.Repeat("d", 60) + ".test", nil }
	value := " " + strings.TrimSuffix(strings.Repeat("Somebody <ann@in.example>, ", 36), ", ")
	if len(value) > maxLine {
		t.Fatal(len(value))
	}
	got, err := rewriteValue(value, longer)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(got, "\n") {
		if len(line)+maxLabel > maxLine {
			t.Errorf("a line of %d octets", len(line))
		}
	}
	want := strings.ReplaceAll(value, "ann@in.example", "ann@in.example"+strings.Repeat("d", 60)+".test")
	if strings.ReplaceAll(got, "\n\t", "") != want {
		t.Errorf("got %q", got)
	}
}

// FuzzFilterEdit: where nothing is to be changed, nothing is, but for the empty
// line that the end of a header may lack; where all is, every address that the
// parser finds afterwards is one that was put there.
func FuzzFilterEdit(f *testing.F) {
	for _, s := range []string{"From: a@b\n\nx", "To: <a@b>, \"c\"@d (e)\n f@g\n", "To: <@a:b@c>\n", "Cc: a@[1.2.3.4]\r\n\r\n", "From: ((((\n", "From : a\n b"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		run := func(edit func(Side, string) (string, error)) string {
			var out strings.Builder
			f := NewFilter(&out, nil, nil)
			f.Edit(&Editor{Address: edit})
			f.Write(message)
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			return out.String()
		}
		var plain strings.Builder
		p := NewFilter(&plain, nil, nil)
		p.Write(message)
		p.Close()
		if same := run(func(_ Side, addr string) (string, error) { return addr, nil }); same != plain.String() {
			t.Fatalf("%q became %q", message, same)
		}
		changed := run(func(Side, string) (string, error) { return "new@x.test", nil })
		Each([]byte(changed), func(name string, value []byte) {
			if addressFields[name] == NoSide {
				return
			}
			list, _ := ParseAddressList(string(value))
			for _, a := range list {
				if a.Addr != "new@x.test" && a.Addr != "" {
					t.Fatalf("%q became %q, which has %q", message, changed, a.Addr)
				}
			}
		})
	})
}

// FuzzQualified: where a value is said to have no address without a domain, the
// parser finds none.
func FuzzQualified(f *testing.F) {
	for _, s := range []string{" a@b, C <d@e>\n", "a", "<a>", "a@b c", "<a@b> c", "@a <b@c>", "a@b <c", ",", "a@b,", "=?x?= <a@b>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		list, _ := ParseAddressList(value)
		for _, a := range list {
			if a.Addr != "" && !strings.Contains(a.Addr, "@") && qualified([]byte(value)) {
				t.Fatalf("%q has %q", value, a.Addr)
			}
		}
	})
}
