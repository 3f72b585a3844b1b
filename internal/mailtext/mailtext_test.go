package mailtext

import (
	"bytes"
	stdbase64 "encoding/base64"
	"io"
	"mime/quotedprintable"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

func TestDecodeWords(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "",
		"plain":                   "plain",
		"=?utf-8?q?J=C3=B6rg?= x": "Jörg x",
		"=?ISO-8859-1?Q?a_b?=":    "a b",
		"=?iso-8859-1?q?=E4?= =?iso-8859-1?q?=F6?=":   "äö",
		"=?iso-8859-1?q?=E4?= x =?iso-8859-1?q?=F6?=": "ä x ö",
		"=?utf-8?q?=C3?= =?utf-8?q?=A4?=":             "ä",
		"=?utf-8?b?w6Q=?= =?utf-8?b?w7Y=?=":           "äö",
		"=?utf-8?b?w6Q?=":                             "ä",
		"=?UTF-8*de?Q?=C3=A4?=":                       "ä",
		"=?iso-2022-jp?b?GyRCRnxLXBsoQg==?=":          "日本",
		"=?koi8-r?q?=C1?=":                            "а",
		"=?gb2312?b?1tDOxA==?=":                       "中文",
		"=?nonesuch?q?=E4?=":                          "ä",
		"=?nonesuch?q?=C3=A4?=":                       "ä",
		"=?utf-8?q?=E4?=":                             "ä",
		"=?utf-8?x?a?=":                               "=?utf-8?x?a?=",
		"=?utf-8?q?a":                                 "=?utf-8?q?a",
		"=?utf-8?q?":                                  "=?utf-8?q?",
		"=?utf-8?":                                    "=?utf-8?",
		"=?":                                          "=?",
		"a =?=?utf-8?q?b?=":                           "a =?b",
		"=?utf-8?q?a b?=":                             "a b",
		"(=?utf-8?q?a?=)":                             "(a)",
		"x=?utf-8?q?a?=y":                             "xay",
		"=?utf-8?q??= =?utf-8?q?b?=":                  "b",
		"J\xf6rg":                                     "Jörg",
		"J\xc3\xb6rg":                                 "Jörg",
		"=?utf-8?q?=zz=4?=":                           "=zz=4",
		"=?us-ascii?q?=E4?=":                          "ä",
		"=?utf-8?q?a?= =?iso-8859-1?q?=E4?= \t=?x?y?z?": "aä \t=?x?y?z?",
		strings.Repeat("=?", 1000):                      strings.Repeat("=?", 1000),
	} {
		if got := DecodeWords(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// Words without an end cost little.
func TestManyWords(t *testing.T) {
	s := strings.Repeat("=?a?q?x", 150000)
	if got := DecodeWords(s); got != s {
		t.Errorf("%.100q", got)
	}
}

func TestTransfer(t *testing.T) {
	for _, c := range []struct{ encoding, in, want string }{
		{"7bit", "a\r\nb", "a\r\nb"},
		{"", "a=3D", "a=3D"},
		{"x-unknown", "a=3D", "a=3D"},
		{"base64", "aGVsbG8=", "hello"},
		{"BASE64", "aGVs\r\nbG8=\r\n", "hello"},
		{"base64", "aGVsbG8", "hello"},
		{"base64", "aGVsbG8=d29ybGQ=", "helloworld"},
		{"base64", "a!G*V-s bG8=", "hello"},
		{"base64", "aGVsb", "hel"},
		{"base64", "====", ""},
		{"quoted-printable", "a=3Db=C3=a4\n", "a=b\xc3\xa4\n"},
		{"quoted-printable", "a=\nb=\r\nc= \t\r\nd", "abcd"},
		{"quoted-printable", "a  \nb\t \r\nc  ", "a\nb\r\nc"},
		{"quoted-printable", "a b\tc\rd", "a b\tc\rd"},
		{"quoted-printable", "a=ZZ=4=4Z=", "a=ZZ=4=4Z"},
		{"quoted-printable", "a==3D=\n", "a=="},
		{"quoted-printable", "= x=\rx", "= x=\rx"},
		{"quoted-printable", strings.Repeat(" ", 3000) + "x", strings.Repeat(" ", 3000) + "x"},
	} {
		for _, r := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in))} {
			got, err := io.ReadAll(TransferOf(c.encoding).Reader(r))
			if err != nil || string(got) != c.want {
				t.Errorf("%s %q: got %q, %v, want %q", c.encoding, c.in, got, err, c.want)
			}
		}
	}
}

// What standard encoders write is decoded to what it was.
func FuzzTransfer(f *testing.F) {
	f.Add([]byte("hello = \t\r\nw\xf6rld \n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := stdbase64.StdEncoding.EncodeToString(b)
		got, err := io.ReadAll(Base64.Reader(iotest.HalfReader(strings.NewReader(in))))
		if err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%q, %v, want %q", got, err, b)
		}
		var qp bytes.Buffer
		w := quotedprintable.NewWriter(&qp)
		w.Binary = true
		w.Write(b)
		w.Close()
		if got, err = io.ReadAll(QuotedPrintable.Reader(&qp)); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%q, %v, want %q", got, err, b)
		}
		if got, err = io.ReadAll(QuotedPrintable.Reader(bytes.NewReader(b))); err != nil || len(got) > len(b) {
			t.Fatalf("%q, %v", got, err)
		}
	})
}

// Decoded words are UTF-8, and no longer than three times what they were made of.
func FuzzDecodeWords(f *testing.F) {
	f.Add("=?utf-8?q?a?= =?iso-2022-jp?b?GyRCRnxLXBsoQg==?=\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := DecodeWords(s)
		if !utf8.ValidString(got) || len(got) > 3*len(s) {
			t.Fatalf("%q", got)
		}
	})
}

func TestCharset(t *testing.T) {
	for _, c := range []struct{ charset, in, want string }{
		{"iso-8859-15", "\xa4", "€"},
		{"Windows-1252", "\x80", "€"},
		{"utf-8", "a\xe4b\xc3\xa4\xc3", "aäbäÃ"},
		{"us-ascii", "\xc3\xa4", "ä"},
		{"", "\xe4", "ä"},
		{"big5", "\xa4\xa4", "中"},
		{"euc-kr", "\xb0\xa1", "가"},
		{"shift_jis", "\x93\xfa", "日"},
		{"utf-16le", "a\x00", "a"},
		{"hz-gb-2312", "~{VPND~}", "中文"},
	} {
		if got := Decode([]byte(c.in), c.charset); got != c.want {
			t.Errorf("%s %q: got %q, want %q", c.charset, c.in, got, c.want)
		}
		got, err := io.ReadAll(NewCharsetReader(iotest.OneByteReader(strings.NewReader(c.in)), c.charset))
		if err != nil || string(got) != c.want {
			t.Errorf("stream of %s %q: got %q, %v, want %q", c.charset, c.in, got, err, c.want)
		}
	}
	if KnownCharset("nonesuch") || !KnownCharset("UTF-8") || !KnownCharset("iso-8859-1") || !KnownCharset("US-ASCII") {
		t.Error("known charsets")
	}
}

func TestFold(t *testing.T) {
	for _, c := range []struct{ a, b string }{
		{"hello", "HELLO"},
		{"ä", "Ä"}, {"ä", "a\u0308"}, {"Å", "\u212b"}, {"ǆ", "Ǆ"}, {"가", "\u1100\u1161"}, {"각", "\u1100\u1161\u11a8"},
		{"é", "É"}, {"я", "Я"}, {"σ", "Σ"}, {"ς", "σ"}, {"①", "1"}, {"ａ", "A"}, {"Ω", "\u2126"},
	} {
		if Fold(c.a) != Fold(c.b) {
			t.Errorf("%q is %+q, %q is %+q", c.a, Fold(c.a), c.b, Fold(c.b))
		}
	}
	if Fold("ß") == Fold("ss") || Fold("a") == Fold("b") || Fold("ﬁ") == Fold("fi") {
		t.Error("folds too much")
	}
}

func TestMatcher(t *testing.T) {
	text := strings.Repeat("x", chunk-3) + "Grüße" + strings.Repeat("y", 2*chunk) + "ENDE"
	m := NewMatcher([]string{"GRÜSSE", "grÜße", "ende", "nothing", ""})
	for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text)), iotest.HalfReader(strings.NewReader(text))} {
		m.Reset()
		if _, err := io.Copy(m, r); err != nil {
			t.Fatal(err)
		}
		if m.Found[0] || !m.Found[1] || !m.Found[2] || m.Found[3] || !m.Found[4] || m.Done() {
			t.Errorf("found %v", m.Found)
		}
	}
	m = NewMatcher([]string{"ab"})
	m.WriteString("a")
	m.Break()
	m.WriteString("b")
	if m.Found[0] {
		t.Error("found across texts")
	}
}

// A string is found in a stream exactly when it is in the whole.
func FuzzMatcher(f *testing.F) {
	f.Add("Grüße an alle", "SSE", 3)
	f.Fuzz(func(t *testing.T, text, needle string, n int) {
		m := NewMatcher([]string{needle})
		n = max(n&15, 1)
		for i := 0; i < len(text); i += n {
			m.WriteString(text[i:min(i+n, len(text))])
		}
		if utf8.ValidString(text) && m.Found[0] != strings.Contains(Fold(text), Fold(needle)) {
			t.Fatalf("%q in %q: %t", needle, text, m.Found[0])
		}
	})
}

func BenchmarkMatcher(b *testing.B) {
	for name, text := range map[string]string{
		"ascii":  strings.Repeat("The quick brown fox jumps over the lazy dog\n", 20000),
		"german": strings.Repeat("Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich\n", 15000),
		"kanji":  strings.Repeat("日本語の文章をここに書く\n", 25000),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			m := NewMatcher([]string{"nowhere to be found"})
			for b.Loop() {
				m.Reset()
				io.Copy(m, strings.NewReader(text))
			}
		})
	}
}
