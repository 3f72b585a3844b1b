package imap

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
)

var testLimits = Limits{Command: 4096, Literal: 1024, Nesting: 16}

// decoder reads text; asked counts the literals that were asked for.
func decoder(text string) (d *Decoder, asked *int) {
	asked = new(int)
	d = NewDecoder(Buffered(bufio.NewReader(strings.NewReader(text))), testLimits, func() error { *asked++; return nil })
	d.Begin()
	return d, asked
}

func TestTokens(t *testing.T) {
	for _, c := range []struct {
		name, text string
		read       func(*Decoder) any
		want       any // nil: a syntax error
	}{
		{"tag", "a1 ", func(d *Decoder) any { return d.Tag() }, "a1"},
		{"tag with plus", "a+ ", func(d *Decoder) any { s := d.Tag(); d.SP(); return s }, nil},
		{"atom", "NOOP\r\n", func(d *Decoder) any { return d.Atom() }, "NOOP"},
		{"keyword", "noop\r\n", func(d *Decoder) any { return d.Keyword() }, "NOOP"},
		{"no atom", "(\r\n", func(d *Decoder) any { return d.Atom() }, nil},
		{"astring", "a]b\r\n", func(d *Decoder) any { return d.AString() }, "a]b"},
		{"quoted", `"a \"b\\c"` + "\r\n", func(d *Decoder) any { return d.AString() }, `a "b\c`},
		{"quoted without end", "\"a\r\n", func(d *Decoder) any { return d.AString() }, nil},
		{"quoted escape", `"\a"` + "\r\n", func(d *Decoder) any { return d.AString() }, nil},
		{"quoted 8-bit", "\"\xc3\xa4\"\r\n", func(d *Decoder) any { return d.AString() }, nil},
		{"literal", "{3}\r\na\r\n\r\n", func(d *Decoder) any { return d.String() }, "a\r\n"},
		{"literal+", "{2+}\r\nab\r\n", func(d *Decoder) any { return d.String() }, "ab"},
		{"empty literal", "{0}\r\n\r\n", func(d *Decoder) any { return d.String() }, ""},
		{"literal with NUL", "{1}\r\n\x00\r\n", func(d *Decoder) any { return d.String() }, nil},
		{"literal too big", "{1025}\r\n", func(d *Decoder) any { return d.String() }, nil},
		{"literal of nonsense", "{1x}\r\n", func(d *Decoder) any { return d.String() }, nil},
		{"nil", "NIL\r\n", func(d *Decoder) any { s, ok := d.NString(); return fmt.Sprint(s, ok) }, "false"},
		{"number", "4294967295\r\n", func(d *Decoder) any { return d.Number() }, uint32(4294967295)},
		{"number too large", "4294967296\r\n", func(d *Decoder) any { return d.Number() }, nil},
		{"number of 63 bits", "9223372036854775807\r\n", func(d *Decoder) any { return d.Number64() }, uint64(9223372036854775807)},
		{"number of 64 bits", "9223372036854775808\r\n", func(d *Decoder) any { return d.Number64() }, nil},
		{"pattern", "Lists/%\r\n", func(d *Decoder) any { return d.Pattern() }, "Lists/%"},
		{"flags", `(\seen \Flagged $Junk)` + "\r\n", func(d *Decoder) any { return strings.Join(d.Flags(), " ") }, `\Seen \Flagged $Junk`},
		{"unknown system flag", `(\Nonsense)` + "\r\n", func(d *Decoder) any { return d.Flags() }, nil},
		{"no flags", "()\r\n", func(d *Decoder) any { return len(d.Flags()) }, 0},
		{"date", "1-Feb-1994\r\n", func(d *Decoder) any { return d.Date().Format("2006-01-02") }, "1994-02-01"},
		{"date-time", `" 1-Feb-1994 21:52:25 -0800"` + "\r\n", func(d *Decoder) any { return d.DateTime().Unix() }, int64(760168345)},
		{"no date", "1-Fub-1994\r\n", func(d *Decoder) any { return d.Date() }, nil},
		{"set", "1,3:5,7:*\r\n", func(d *Decoder) any { return string(AppendSet(nil, d.Set().Ranges)) }, "1,3:5,7:*"},
		{"saved set", "$\r\n", func(d *Decoder) any { return d.Set().Saved }, true},
		{"set with 0", "0:3\r\n", func(d *Decoder) any { return d.Set() }, nil},
		{"set without end", "1,\r\n", func(d *Decoder) any { return d.Set() }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, _ := decoder(c.text)
			got := c.read(d)
			var syntax *SyntaxError
			switch {
			case c.want == nil && !errors.As(d.Err(), &syntax):
				t.Errorf("%q: got %v, %v, want a syntax error", c.text, got, d.Err())
			case c.want != nil && (d.Err() != nil || !reflect.DeepEqual(got, c.want)):
				t.Errorf("%q: got %v, %v, want %v", c.text, got, d.Err(), c.want)
			}
		})
	}
}

// Behind a command that failed the next one is found, wherever the failure was
// and whatever literals it has.
func TestSkip(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"in the middle", "a ( b c d\r\nnext\r\n"},
		{"at the end", "a x\r\nnext\r\n"},
		{"literal+ behind it", "a ( {3+}\r\na\r\n {2+}\r\n\r\n x\r\nnext\r\n"},
		{"literal that was not asked for", "a ( {3}\r\nnext\r\n"},
		{"literal too big", "{99999}\r\nnext\r\n"},
		{"literal+ too big", "{1025+}\r\n" + strings.Repeat("x", 1025) + "\r\nnext\r\n"},
		{"long line", strings.Repeat("x", 5000) + "\r\nnext\r\n"},
		{"brace in the line", "( {12 a} b\r\nnext\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, asked := decoder(c.text)
			d.AString()
			d.End()
			if d.Err() == nil {
				t.Fatalf("%q was taken", c.text)
			}
			if err := d.Skip(); err != nil {
				t.Fatal(err)
			}
			d.Begin()
			if got := d.Atom(); got != "next" || *asked != 0 {
				t.Errorf("behind %q: got %q, %v; %d literals asked for", c.text, got, d.Err(), *asked)
			}
		})
	}
}

// A message's literal is read from the connection, and no octet further.
func TestStreamedLiteral(t *testing.T) {
	d, asked := decoder("INBOX (\\Seen) \"17-Jul-1996 02:44:25 -0700\" {5}\r\nhello\r\nnext\r\n")
	if name := d.AString(); name != "INBOX" {
		t.Fatal(name)
	}
	d.SP()
	m := d.Message()
	if len(m.Flags) != 1 || m.Date.IsZero() || d.Text() != TextLiteral {
		t.Fatalf("got %+v, %v", m, d.Err())
	}
	l := d.Announced().Accept()
	text, err := io.ReadAll(l)
	if err != nil || string(text) != "hello" || *asked != 1 {
		t.Fatalf("got %q, %v; asked %d times", text, err, *asked)
	}
	d.End()
	d.Begin()
	if got := d.Atom(); got != "next" {
		t.Errorf("behind the literal: %q, %v", got, d.Err())
	}
}

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		set     string
		largest uint32
		want    string
	}{
		{"1:*", 5, "1:5"}, {"*:2", 5, "2:5"}, {"*", 5, "5"}, {"*", 0, ""}, {"1:*", 0, "1"},
		{"5,1:2,3", 9, "1:3,5"}, {"4:2,3:6", 9, "2:6"}, {"9:*", 5, "5:9"}, {"1,1,1", 9, "1"},
	} {
		d, _ := decoder(c.set + "\r\n")
		got := Resolve(d.Set().Ranges, c.largest)
		if s := string(AppendSet(nil, got)); s != c.want {
			t.Errorf("%s with %d: got %s, want %s", c.set, c.largest, s, c.want)
		}
		for n := uint32(1); n < 12; n++ {
			want := false
			for _, r := range got {
				want = want || r.First <= n && n <= r.Last
			}
			if Contains(got, n) != want {
				t.Errorf("%s contains %d: got %t", c.want, n, !want)
			}
		}
	}
}

func TestStrings(t *testing.T) {
	for _, c := range []struct{ s, str, astr string }{
		{"a", `"a"`, "a"}, {"", `""`, `""`}, {"NIL", `"NIL"`, `"NIL"`}, {`a"b\`, `"a\"b\\"`, `"a\"b\\"`},
		{"a\r\nb", "{4}\r\na\r\nb", "{4}\r\na\r\nb"}, {"\xc3\xa4", "{2}\r\n\xc3\xa4", "{2}\r\n\xc3\xa4"}, {"a b", `"a b"`, `"a b"`},
	} {
		if got := string(AppendString(nil, c.s)); got != c.str {
			t.Errorf("string %q: got %q, want %q", c.s, got, c.str)
		}
		if got := string(AppendAString(nil, c.s)); got != c.astr {
			t.Errorf("astring %q: got %q, want %q", c.s, got, c.astr)
		}
	}
}
