package downgrade

import (
	"bytes"
	"encoding/base64"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func text(t testing.TB, in string, shape Shape) (*Text, string) {
	t.Helper()
	x, err := NewText(func() io.Reader { return strings.NewReader(in) }, shape)
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(iotest.OneByteReader(x.Reader()))
	if err != nil {
		t.Fatal(err)
	}
	if x.Size() != int64(len(out)) {
		t.Errorf("%q: size %d, want %d", in, x.Size(), len(out))
	}
	return x, string(out)
}

func wire(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func TestText(t *testing.T) {
	t.Parallel()
	const mixed = "MIME-Version: 1.0\nContent-Type: multipart/mixed;\n boundary=b\nContent-Transfer-Encoding: binary\n\npreamble\n--b\nContent-Type: text/plain\nContent-Transfer-Encoding: binary\n\nplain\n--b\nContent-Type: image/x\nContent-Transfer-Encoding: binary\n\n"
	for _, c := range []struct {
		name, in, want string
		shape          Shape
		loses          bool
	}{
		{name: "text", in: wire("a: b\n\n.\n..x\n"), want: "a: b\n\n.\n..x\n"},
		{name: "NUL", in: wire("MIME-Version: 1.0\nContent-Transfer-Encoding: BINARY\n\n") + "\x00\n\r", want: "MIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\nAAoN\n"},
		{name: "not MIME", in: wire("a: b\n\n") + "\n", want: "a: b\nMIME-Version: 1.0\nContent-Type: text/plain; charset=unknown-8bit\nContent-Transfer-Encoding: base64\n\nCg==\n"},
		{name: "8 bits", in: wire("MIME-Version: 1.0\nContent-Transfer-Encoding: binary\n\n\xe4 =\n"), shape: Shape{Eight: true},
			want: "MIME-Version: 1.0\nContent-Transfer-Encoding: 8bit\n\n\xe4 =\n"},
		{name: "8 bits, not taken", in: wire("MIME-Version: 1.0\nContent-Transfer-Encoding: binary\n\n\xe4 =\n"),
			want: "MIME-Version: 1.0\nContent-Transfer-Encoding: quoted-printable\n\n=E4 =3D\n"},
		{name: "long line", in: wire("MIME-Version: 1.0\n\n12345\n"), shape: Shape{Line: 4}, want: "MIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\nMTIzNDUNCg==\n"},
		{name: "line that fits", in: wire("MIME-Version: 1.0\n\n1234\n"), shape: Shape{Line: 4}, want: "MIME-Version: 1.0\n\n1234\n"},
		{name: "parts", in: wire(mixed) + "\x00\r\n\r\n--b--\r\nepilogue", want: strings.NewReplacer("Encoding: binary\n\npre", "Encoding: 7bit\n\npre", "Encoding: binary\n\nplain", "Encoding: 7bit\n\nplain",
			"Encoding: binary", "Encoding: base64").Replace(mixed) + "AA0K\n--b--\nepilogue"},
		{name: "no boundary behind LF alone", in: wire(mixed) + "x\n--b--\n\r\n--b--\r\n", want: strings.NewReplacer("Encoding: binary\n\npre", "Encoding: 7bit\n\npre", "Encoding: binary\n\nplain", "Encoding: 7bit\n\nplain",
			"Encoding: binary", "Encoding: base64").Replace(mixed) + "eAotLWItLQo=\n--b--\n"},
		{name: "message in a part", in: wire("Content-Type: message/rfc822\nContent-Transfer-Encoding: binary\n\nMIME-Version: 1.0\n\n") + "\x00", shape: Shape{Eight: true},
			want: "Content-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\nAA==\n"},
		{name: "no empty line", in: wire("a: b\nx\x00\n"), want: "a: b\nMIME-Version: 1.0\nContent-Type: text/plain; charset=unknown-8bit\nContent-Transfer-Encoding: base64\n\neAANCg==\n"},
		{name: "lost in a field", in: "a: \r\r\n\r\n", want: "a: \r\n\n", loses: true},
		{name: "lost in base64", in: wire("Content-Transfer-Encoding: base64\n\n") + "AA\x00", want: "Content-Transfer-Encoding: base64\n\nAA\x00", loses: true},
		{name: "empty", in: "", want: ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, got := text(t, c.in, c.shape)
			if got != c.want || x.Loses() != c.loses {
				t.Errorf("got\n%q, loses %t\nwant\n%q, %t", got, x.Loses(), c.want, c.loses)
			}
		})
	}
}

// A big part goes through in pieces, and a reader may go back.
func TestTextReaderAt(t *testing.T) {
	t.Parallel()
	body := bytes.Repeat([]byte("\x00\xff\r\n\r\r\n.x"), 30000)
	in := wire("MIME-Version: 1.0\nContent-Transfer-Encoding: binary\n\n") + string(body)
	x, whole := text(t, in, Shape{})
	_, encoded, _ := strings.Cut(whole, "\n\n")
	back, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(encoded, "\n", ""))
	if err != nil || !bytes.Equal(back, body) {
		t.Errorf("%d octets come back as %d, %v", len(body), len(back), err)
	}
	at := x.ReaderAt()
	for _, off := range []int64{0, 100, 70000, 5, x.Size() - 3, x.Size()} {
		p := make([]byte, 50)
		n, err := at.ReadAt(p, off)
		if want := whole[off:min(off+50, x.Size())]; string(p[:n]) != want || (err == io.EOF) != (n < 50) {
			t.Errorf("at %d: %q, %v, want %q", off, p[:n], err, want)
		}
	}
}

// FuzzText: whatever the message, its text has no NUL and no CR where Loses is
// false, nothing above 127 where it may not, and a body that had to be encoded
// comes back as it was.
func FuzzText(f *testing.F) {
	f.Add([]byte("\x00\n"), []byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: binary\r\n\r\n\n--b\n\r\n--b--\r\n"), true)
	f.Add([]byte("x\r\n"), []byte("Content-Type: message/rfc822\r\n\r\nContent-Type: multipart/x; boundary=\"\"\r\n\r\n\r"), false)
	f.Fuzz(func(t *testing.T, body, message []byte, eight bool) {
		const head = "MIME-Version: 1.0\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n"
		_, got := text(t, head+string(body), Shape{Eight: true})
		fields, rest, _ := strings.Cut(got, "\n\n")
		if strings.Contains(fields, "base64") {
			back, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(rest, "\n", ""))
			if err != nil || !bytes.Equal(back, body) {
				t.Errorf("%q comes back as %q, %v", body, back, err)
			}
		} else if wire(rest) != string(body) {
			t.Errorf("%q was changed to %q", body, rest)
		}
		x, got := text(t, string(message), Shape{Eight: eight})
		if !x.Loses() && strings.ContainsAny(got, "\x00\r") {
			t.Errorf("%q becomes %q", message, got)
		}
	})
}
