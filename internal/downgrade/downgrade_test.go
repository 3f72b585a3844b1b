package downgrade

import (
	"bytes"
	"errors"
	"io"
	"mime/quotedprintable"
	"strings"
	"testing"
)

func convert(t testing.TB, in string) string {
	t.Helper()
	var out bytes.Buffer
	if err := Convert(&out, func() io.Reader { return strings.NewReader(in) }); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestConvert(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"nothing to do", "Subject: x\n\nseven\n", "Subject: x\n\nseven\n"},
		{"not MIME", "Subject: x\n\nn\xc3\xa4chste =\n",
			"Subject: x\nMIME-Version: 1.0\nContent-Type: text/plain; charset=unknown-8bit\nContent-Transfer-Encoding: quoted-printable\n\nn=C3=A4chste =3D\n"},
		{"labelled", "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n\xc3\xa4\n",
			"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n=C3=A4\n"},
		{"8bit without such octets", "MIME-Version: 1.0\ncontent-transfer-encoding: 8BIT\n\nplain\n",
			"MIME-Version: 1.0\nContent-Transfer-Encoding: 7bit\n\nplain\n"},
		{"no body", "Subject: \xc3\xa4\n", "Subject: \xc3\xa4\n"},
		{"no empty line", "Subject: x\n\xc3\xa4 y\n",
			"Subject: x\nMIME-Version: 1.0\nContent-Type: text/plain; charset=unknown-8bit\nContent-Transfer-Encoding: quoted-printable\n\n=C3=A4 y\n"},
		{"no last line end", "MIME-Version: 1.0\nContent-Type: text/plain\n\n\xe4 ",
			"MIME-Version: 1.0\nContent-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n=E4=20"},
		{"white space at line ends", "MIME-Version: 1.0\n\n\xe4 \t\nb \n\n",
			"MIME-Version: 1.0\nContent-Transfer-Encoding: quoted-printable\n\n=E4 =09\nb=20\n\n"},
		{"base64 is left alone", "MIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\n\xe4\n",
			"MIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\n\xe4\n"},
		{"multipart",
			"MIME-Version: 1.0\nContent-Type: multipart/mixed;\n boundary=\"a b\"\nContent-Transfer-Encoding: 8bit\n\npreamble\n--a b\n\n\xe4\n--a b\nContent-Type: text/plain\n\nseven\n--a b  \nContent-Type: text/x\nContent-Transfer-Encoding: binary\n\nx\n--a b--\nepilogue\n",
			"MIME-Version: 1.0\nContent-Type: multipart/mixed;\n boundary=\"a b\"\nContent-Transfer-Encoding: 7bit\n\npreamble\n--a b\nContent-Transfer-Encoding: quoted-printable\n\n=E4\n--a b\nContent-Type: text/plain\n\nseven\n--a b  \nContent-Type: text/x\nContent-Transfer-Encoding: quoted-printable\n\nx\n--a b--\nepilogue\n"},
		{"message in a part",
			"MIME-Version: 1.0\nContent-Type: multipart/digest; boundary=o\n\n--o\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\nSubject: in\n\n\xe4\n--o--\n",
			"MIME-Version: 1.0\nContent-Type: multipart/digest; boundary=o\n\n--o\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 7bit\n\nSubject: in\nMIME-Version: 1.0\nContent-Type: text/plain; charset=unknown-8bit\nContent-Transfer-Encoding: quoted-printable\n\n=E4\n--o--\n"},
		{"inner multipart left open",
			"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\n\xe4\n--o\n\n\xf6\n--o--\n",
			"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/mixed; boundary=i\n\n--i\nContent-Transfer-Encoding: quoted-printable\n\n=E4\n--o\nContent-Transfer-Encoding: quoted-printable\n\n=F6\n--o--\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := convert(t, c.in); got != c.want {
				t.Errorf("got\n%q\nwant\n%q", got, c.want)
			}
		})
	}
}

func TestConvertErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	failing := func() io.Reader { return io.MultiReader(strings.NewReader("a: b\n"), errReader{broken}) }
	if err := Convert(io.Discard, failing); !errors.Is(err, broken) {
		t.Errorf("reader: %v", err)
	}
	if err := Convert(errWriter{broken}, func() io.Reader { return strings.NewReader("a: b\n\n\xe4\n") }); !errors.Is(err, broken) {
		t.Errorf("writer: %v", err)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

type errWriter struct{ err error }

func (w errWriter) Write([]byte) (int, error) { return 0, w.err }

// FuzzConvert: a message that is not MIME comes back from any reader of
// quoted-printable as it was, in seven bits; whatever its structure, lines stay
// short where they are encoded, and what has seven bits is not touched unless
// it says that it has eight.
func FuzzConvert(f *testing.F) {
	f.Add("\xe4 \nx", "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n\xe4\n--b--\n")
	f.Add(strings.Repeat("\xe4", 100)+"\n", "Content-Type: message/rfc822\n\nContent-Type: multipart/x; boundary=\"\"\n\n")
	f.Fuzz(func(t *testing.T, body, message string) {
		got := convert(t, "Subject: x\n\n"+body)
		head, rest, ok := strings.Cut(got, "\n\n")
		if !ok {
			t.Fatalf("%q: no body", got)
		}
		if strings.Contains(head, "quoted-printable") {
			for line := range strings.SplitSeq(rest, "\n") {
				if len(line) > 76 {
					t.Errorf("line of %d octets", len(line))
				}
			}
			back, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(rest)))
			if err != nil || string(back) != body {
				t.Errorf("%q comes back as %q, %v", body, back, err)
			}
		} else if rest != body {
			t.Errorf("%q was changed to %q", body, rest)
		}
		converted := convert(t, message)
		if low := strings.ToLower(message); isSeven(message) && !strings.Contains(low, "content-transfer-encoding") && converted != message {
			t.Errorf("%q has seven bits and was changed to %q", message, converted)
		}
	})
}

func isSeven(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
