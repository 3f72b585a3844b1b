package mimescan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// crlf is a message as it is sent.
func crlf(b []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}

func scan(t testing.TB, b []byte) *Part {
	t.Helper()
	p, err := Defaults.Scan(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// check tells what is wrong with a structure: each span lies within its parent's
// body and behind its elder sisters, and its counts are those of the octets.
func check(b []byte, p *Part) error {
	for _, s := range []Span{p.Header, p.Body} {
		if s.Offset < 0 || s.Stored < 0 || s.End() > int64(len(b)) {
			return fmt.Errorf("%+v outside of %d octets", s, len(b))
		}
		text := b[s.Offset:s.End()]
		if n := int64(bytes.Count(text, []byte("\n"))); s.Lines != n {
			return fmt.Errorf("%+v has %d lines", s, n)
		}
		sent, err := io.ReadAll(NewReader(bytes.NewReader(b), s, true))
		if err != nil {
			return err
		}
		if int64(len(sent)) != s.Octets || !bytes.Equal(sent, crlf(text)) {
			return fmt.Errorf("%+v is sent as %q", s, sent)
		}
	}
	if p.Header.End() != p.Body.Offset {
		return fmt.Errorf("header %+v, body %+v", p.Header, p.Body)
	}
	if p.Kind == Message && (len(p.Kids) != 1 || p.Kids[0].Header.Offset != p.Body.Offset || p.Kids[0].Body.End() != p.Body.End()) {
		return fmt.Errorf("message %+v is not its child", p.Body)
	}
	if p.Kind == Leaf && len(p.Kids) > 0 {
		return errors.New("a leaf with kids")
	}
	at := p.Body.Offset
	for _, k := range p.Kids {
		if k.Header.Offset < at || k.Body.End() > p.Body.End() {
			return fmt.Errorf("%+v, %+v outside of %+v, or before %d", k.Header, k.Body, p.Body, at)
		}
		if err := check(b, k); err != nil {
			return err
		}
		at = k.Body.End()
	}
	return nil
}

func checkWhole(b []byte, p *Part) error {
	if p.Header.Offset != 0 || p.Body.End() != int64(len(b)) {
		return fmt.Errorf("%+v, %+v of %d octets", p.Header, p.Body, len(b))
	}
	return check(b, p)
}

var seeds = []string{
	"", "\n", "\r\n", "x", "Subject: x\n\nbody", "A: b\r\n\r\nc\r\n",
	"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nContent-Type: message/rfc822\n\nA: b\n\nc\n--b--\nx\n",
	"Content-Type: multipart/digest; boundary=\"\"\n\n--\n\na\n\n--\n\n----\n",
	"Content-Type: multipart/x; boundary=b\n\n--b\nContent-Type: multipart/y; boundary=bb\n\n--bb\n--bb--\n--b\n--b",
	"Content-Type: message/rfc822\r\n\r\nContent-Type: message/global\r\n\r\n\r\n",
	"Content-Type: multipart/x; boundary=b\n\n--b\nContent-Type: message/rfc822\n--b\nContent-Type: message/rfc822\n\n--b--",
}

// Offsets and sizes are consistent, and those of a message with CRLF are those of
// the same with LF, whatever the message is.
func FuzzScan(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p := scan(t, b)
		if err := checkWhole(b, p); err != nil {
			t.Fatal(err)
		}
		c := p.AppendBinary(nil)
		q, rest, err := ParseBinary(c)
		if err != nil || len(rest) > 0 || !bytes.Equal(q.AppendBinary(nil), c) {
			t.Fatalf("%q is read as %+v, %v", c, q, err)
		}
		if bytes.Contains(b, []byte("\r")) {
			return
		}
		sent := crlf(b)
		r := scan(t, sent)
		if err := checkWhole(sent, r); err != nil {
			t.Fatal(err)
		}
		if !same(p, r) {
			t.Fatal("LF and CRLF differ")
		}
	})
}

func same(p, q *Part) bool {
	if p.Kind != q.Kind || p.Header.Octets != q.Header.Octets || p.Body.Octets != q.Body.Octets || len(p.Kids) != len(q.Kids) ||
		!reflect.DeepEqual(p.Envelope, q.Envelope) || !reflect.DeepEqual(p.Content, q.Content) {
		return false
	}
	for i := range p.Kids {
		if !same(p.Kids[i], q.Kids[i]) {
			return false
		}
	}
	return true
}

// What a cache holds is refused or read, whatever it is.
func FuzzParseBinary(f *testing.F) {
	for _, s := range seeds {
		f.Add(scan(f, []byte(s)).AppendBinary(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, _, err := ParseBinary(b); err == nil {
			p.AppendBinary(nil)
		}
	})
}

// Lines, delimiters and headers lie across the ends of the buffer.
func TestBufferEnds(t *testing.T) {
	for _, end := range []string{"\n", "\r\n"} {
		for d := -40; d < 40; d++ {
			pad := strings.Repeat("x", bufferSize-90+d)
			text := "Content-Type: multipart/mixed; boundary=bound" + end + end + pad + end + "--bound" + end + "Subject: a" + end + end +
				"text" + end + "--bound--" + end
			p := scan(t, []byte(text))
			if err := checkWhole([]byte(text), p); err != nil {
				t.Fatal(err)
			}
			if len(p.Kids) != 1 || p.Kids[0].Body.Octets != 4 {
				t.Fatalf("end %q, %d: %+v", end, d, p)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	deep := strings.Repeat("Content-Type: message/rfc822\n\n", 3*Defaults.Depth)
	p := scan(t, []byte(deep))
	n := 0
	for q := p; q.Kind == Message; q = q.Kids[0] {
		n++
	}
	if n != Defaults.Depth-1 {
		t.Errorf("%d messages in each other, want %d", n, Defaults.Depth-1)
	}
	wide := "Content-Type: multipart/x; boundary=b\n\n" + strings.Repeat("--b\n\nx\n", Defaults.Parts+5)
	p = scan(t, []byte(wide))
	if len(p.Kids) != Defaults.Parts-1 {
		t.Errorf("%d parts, want %d", len(p.Kids), Defaults.Parts-1)
	}
	if err := checkWhole([]byte(wide), p); err != nil {
		t.Error(err)
	}
	long := "Subject: " + strings.Repeat("y", 2*Defaults.Field) + "\nX: y\nDate: z\n\n"
	p = scan(t, []byte(long))
	if len(p.Envelope) != 2 || len(p.Envelope[0].Value) > Defaults.Field || p.Envelope[1].Value != "z" {
		t.Errorf("fields of %d octets", len(p.Envelope[0].Value))
	}
	many := strings.Repeat("To: "+strings.Repeat("a", 1<<19)+"\n", 30)
	sum := 0
	for _, f := range scan(t, []byte(many)).Envelope {
		sum += len(f.Value)
	}
	if sum > Defaults.Header {
		t.Errorf("%d octets of fields are kept", sum)
	}
}

// Wherever a text is entered, the rest is what follows.
func TestDiscard(t *testing.T) {
	for _, text := range []string{"a\nb\r\nc\r\r\n\n\r", "a\r\nb\r\n", strings.Repeat("x\ny\r\n", bufferSize/6) + "\n\nend\n"} {
		sent := crlf([]byte(text))
		s := Span{Stored: int64(len(text)), Octets: int64(len(sent))}
		for n := 0; n < len(sent)+3; n += 1 + n/40 {
			r := NewReader(strings.NewReader(text), s, true)
			if err := r.Discard(int64(n / 2)); err != nil {
				t.Fatal(err)
			}
			if err := r.Discard(int64(n - n/2)); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, sent[min(n, len(sent)):]) {
				t.Fatalf("%.40q from %d: %.40q, %v", text, n, got, err)
			}
		}
	}
}

// A file that becomes shorter is an error.
func TestShortFile(t *testing.T) {
	b := []byte("A: b\n\nc\n")
	if _, err := Defaults.Scan(bytes.NewReader(b), 100); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	if _, err := io.ReadAll(NewReader(bytes.NewReader(b), Span{Offset: 2, Stored: 50, Octets: 60}, false)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

// Random messages of the words that matter.
func TestRandom(t *testing.T) {
	words := []string{"\n", "\n", "\n\n", "\r\n", "\r", "--b", "--b--", "--c", "--c--", "--bb", "x", "Content-Type: ", "multipart/mixed; boundary=b\n",
		"multipart/digest; boundary=c\n", "message/rfc822\n", "text/plain\n", "multipart/x; boundary=bb\n", "Subject: y", " ", "--", "\x00"}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		var b []byte
		for range random.IntN(40) {
			b = append(b, words[random.IntN(len(words))]...)
		}
		if err := checkWhole(b, scan(t, b)); err != nil {
			t.Fatalf("%q: %v", b, err)
		}
	}
}

func TestFieldReader(t *testing.T) {
	header := "Subject: a\nX-Long: " + strings.Repeat("l", bufferSize) + "\nFROM : b\n\tc\nnone\nTo: d\n\nbody\n"
	for _, c := range []struct {
		names []string
		not   bool
		want  string
	}{
		{[]string{"from", "subject"}, false, "Subject: a\r\nFROM : b\r\n\tc\r\n\r\n"},
		{[]string{"x-long", "FROM", "none"}, true, "Subject: a\r\nTo: d\r\n\r\n"},
		{[]string{"nothing"}, false, "\r\n"},
	} {
		for _, text := range []string{header, string(crlf([]byte(header)))} {
			p := scan(t, []byte(text))
			f := NewFieldReader(strings.NewReader(text), p.Header, c.names, c.not)
			got, err := io.ReadAll(f)
			f.Close()
			if err != nil || string(got) != c.want {
				t.Errorf("%v, not %t: %.100q, %v; want %q", c.names, c.not, got, err, c.want)
			}
		}
	}
}

// Without names to leave out a header is given whole; its fields are those that
// the scan has kept.
func FuzzFields(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Add([]byte("From: a\n b\r\n\tc\nSubject : x\nno colon\n: y\n\nbody"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := scan(t, b)
		r := NewFieldReader(bytes.NewReader(b), p.Header, nil, true)
		defer r.Close()
		got, err := io.ReadAll(r)
		want := crlf(bytes.ReplaceAll(b[:p.Header.End()], []byte{0}, []byte{0x80}))
		if err != nil || !bytes.HasPrefix(got, want) || len(got) > len(want)+2 {
			t.Fatalf("%q, %v, want %q", got, err, want)
		}
		var envelope []Field
		err = EachField(bytes.NewReader(b), p.Header, func(name, value []byte) bool {
			if id := FieldOf(string(name)); id >= firstEnvelope {
				envelope = append(envelope, Field{id, text(value)})
			}
			return true
		})
		if err != nil || !reflect.DeepEqual(envelope, p.Envelope) {
			t.Fatalf("%v, %v, want %v", envelope, err, p.Envelope)
		}
	})
}

func BenchmarkScan(b *testing.B) {
	attachment := "Content-Type: multipart/mixed; boundary=bound\nSubject: x\nFrom: a@b\n\n--bound\n\ntext\n--bound\nContent-Type: image/png\n" +
		"Content-Transfer-Encoding: base64\n\n" + strings.Repeat(strings.Repeat("QUJD", 19)+"\n", 14000) + "--bound--\n"
	small := "From: a@b.example\nTo: c@d.example\nSubject: hello\nDate: Mon, 1 Jan 2024 00:00:00 +0000\nMessage-ID: <1@b>\n" +
		strings.Repeat("Received: from mx.example by other.example with ESMTP id 12345678\n\tfor <c@d.example>\n", 4) + "\n" + strings.Repeat("hello world\n", 50)
	for name, text := range map[string]string{"attachment": attachment, "small": small, "plain": small + attachment[200:]} {
		for end, text := range map[string]string{"LF": text, "CRLF": string(crlf([]byte(text)))} {
			b.Run(name+"/"+end, func(b *testing.B) {
				r := strings.NewReader(text)
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Defaults.Scan(r, int64(len(text))); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
