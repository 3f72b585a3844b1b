package smtpc

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzReply: whatever a server sends, reading ends, memory stays bounded, and
// what is taken for a reply has one code and clean text; anything else is an
// error.
func FuzzReply(f *testing.F) {
	for _, s := range []string{
		"250 ok\r\n", "250-a\r\n250 b\r\n", "250\r\n", "250-\n250 \n", "250-a\r\n550 b\r\n", "2500 x\r\n", "\r\n", "220 \x00\x1b\xff\r\n",
		"550-5.1.1 no\r\n550 5.1.1 such user\r\n", "199 x\r\n", "600 x\r\n", "250-" + strings.Repeat("x", 5000) + "\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := readReply(bufio.NewReaderSize(bytes.NewReader(in), maxReplyLine))
		if err != nil {
			if !errors.Is(err, errGarbled) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%q: %v", in, err)
			}
			return
		}
		if r.code < 200 || r.code > 599 || len(r.lines) == 0 || len(r.text) > maxReply+maxReplyLines {
			t.Errorf("%q: %+v", in, r)
		}
		for _, s := range append(r.lines, r.text) {
			if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
				t.Errorf("%q: text %q", in, s)
			}
		}
		for class := 2; class <= 5; class++ {
			if e := r.enhanced(class); e[0] != byte('0'+class) {
				t.Errorf("%q: code %q for class %d", in, e, class)
			}
		}
		if f := said(&session{}, r, "%s", r.text); f.permanent != (r.code >= 500) || f.permanent != strings.HasPrefix(f.code, "5") {
			t.Errorf("%q: %+v", in, f)
		}
	})
}

// FuzzEhlo: whatever a server offers, limits make sense, and the name of one
// extension never switches another on.
func FuzzEhlo(f *testing.F) {
	f.Add("x\nPIPELINING\nSIZE 100\nLIMITS RCPTMAX=5 MAILMAX=0\nAUTH PLAIN LOGIN")
	f.Add("x\nsize\nsize -1\nsize 99999999999999999999\nbinarymime\n\n =")
	f.Fuzz(func(t *testing.T, in string) {
		lines := strings.Split(in, "\n")
		e := parseEhlo(lines, map[string]bool{"DSN": true})
		if e.maxSize < 0 || e.mailMax < 0 || e.rcptMax < 0 || e.domainMax < 0 || e.dsn || e.binary && !e.chunking {
			t.Errorf("%q: %+v", in, e)
		}
		if e.startTLS && !strings.Contains(strings.ToUpper(in), "STARTTLS") {
			t.Errorf("%q offers no STARTTLS", in)
		}
	})
}

// FuzzWire: whatever a message holds, and however it is cut into pieces, on the
// wire it has no CR and no LF alone, no line that ends it, no line beyond the
// limit, and a server that undoes dots and line ends has the message again.
func FuzzWire(f *testing.F) {
	f.Add([]byte("a\n.\n..b\r\n\r.\nlast"), 3, 0)
	f.Add([]byte(strings.Repeat("x", 100)+"\n.y"), 7, 10)
	f.Fuzz(func(t *testing.T, in []byte, piece, limit int) {
		piece, limit = 1+(piece&0x7fffffff)%100, (limit&0x7fffffff)%50
		var out bytes.Buffer
		w := newWire(&out, limit, true)
		for b := in; len(b) > 0; {
			n := min(piece, len(b))
			if _, err := w.Write(b[:n]); err != nil {
				t.Fatal(err)
			}
			b = b[n:]
		}
		if err := w.finish(); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		if text != "" && !strings.HasSuffix(text, "\r\n") {
			t.Fatalf("%q does not end a line", text)
		}
		var back strings.Builder
		for line := range strings.SplitSeq(strings.TrimSuffix(text, "\r\n"), "\r\n") {
			if strings.ContainsAny(line, "\r\n") || line == "." {
				t.Errorf("%q: line %q", in, line)
			}
			line, dotted := strings.CutPrefix(line, ".")
			if dotted && !strings.HasPrefix(line, ".") {
				t.Errorf("%q: a dot was not doubled", in)
			}
			if limit > 0 && len(line) > max(limit, 2) {
				t.Errorf("%q: line %q beyond %d", in, line, limit)
			}
			back.WriteString(line + "\n")
		}
		if limit > 0 {
			return
		}
		want := strings.ReplaceAll(string(in), "\r", " ")
		if want != "" && !strings.HasSuffix(want, "\n") {
			want += "\n"
		}
		if got := back.String(); got != want && want != "" {
			t.Errorf("%q comes back as %q", want, got)
		}
	})
}
