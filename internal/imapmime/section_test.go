package imapmime

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"yubin/internal/imap"
	"yubin/internal/imaptest"
	"yubin/internal/mimescan"
)

func scan(t testing.TB, text string) (io.ReaderAt, *mimescan.Part) {
	t.Helper()
	r := strings.NewReader(text)
	p, err := mimescan.Defaults.Scan(r, int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	return r, p
}

const mixed = "Subject: s\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Transfer-Encoding: quoted-printable\n\n" +
	"a=3D\n=C3=A4=\nx\n--b\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\naGVs\nbG8AIQ==\n--b\n" +
	"Content-Transfer-Encoding: x-strange\n\nq\n--b\nContent-Type: message/rfc822\n\nSubject: in\n\nnul\x00\n--b--\n"

func TestPartial(t *testing.T) {
	for _, c := range []struct {
		section imap.Section
		partial *imap.Partial
		want    string
	}{
		{imap.Section{Of: imap.SectionHeader}, &imap.Partial{Offset: 0, Size: 7}, "Subject"},
		{imap.Section{Of: imap.SectionHeader}, &imap.Partial{Offset: 9, Size: 4}, "s\r\nC"},
		{imap.Section{Of: imap.SectionHeader}, &imap.Partial{Offset: 11, Size: 2}, "\nC"},
		{imap.Section{Of: imap.SectionHeader}, &imap.Partial{Offset: 9999, Size: 2}, ""},
		{imap.Section{Of: imap.SectionFields, Fields: []string{"subject"}}, &imap.Partial{Offset: 9, Size: 100}, "s\r\n\r\n"},
		{imap.Section{Part: []uint32{4}, Of: imap.SectionText}, &imap.Partial{Offset: 2, Size: 100}, "l\x80"},
		{imap.Section{Part: []uint32{5}}, &imap.Partial{Offset: 0, Size: 1}, ""},
		{imap.Section{Part: []uint32{4, 1}, Of: imap.SectionMIME}, nil, "Subject: in\r\n\r\n"},
	} {
		r, root := scan(t, mixed)
		text, err := Section(r, root, &c.section, c.partial)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(text)
		text.Close()
		if err != nil || string(b) != c.want || text.Octets != int64(len(b)) {
			t.Errorf("%v%v: %q, %d, %v", c.section, c.partial, b, text.Octets, err)
		}
	}
}

func TestBinary(t *testing.T) {
	r, root := scan(t, mixed)
	for _, c := range []struct {
		part    []uint32
		partial *imap.Partial
		want    string
	}{
		{[]uint32{1}, nil, "a=\r\n\xc3\xa4x"},
		{[]uint32{2}, nil, "hello\x00!"},
		{[]uint32{2}, &imap.Partial{Offset: 1, Size: 3}, "ell"},
		{[]uint32{4}, nil, "Subject: in\r\n\r\nnul\x00"},
		{[]uint32{9}, nil, ""},
		{nil, nil, strings.ReplaceAll(mixed, "\n", "\r\n")},
	} {
		text, err := Binary(r, root, c.part, c.partial)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(text)
		if err != nil || string(b) != c.want || text.Octets != int64(len(b)) {
			t.Errorf("%v: %q, %d, %v", c.part, b, text.Octets, err)
		}
		if n, err := BinarySize(r, root, c.part); c.partial == nil && (err != nil || n != int64(len(c.want))) {
			t.Errorf("size of %v: %d, %v", c.part, n, err)
		}
	}
	if _, err := Binary(r, root, []uint32{3}, nil); !errors.Is(err, ErrUnknownCTE) {
		t.Error(err)
	}
}

func TestPreview(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"Subject: x\n\nHello\n\n  world \t!\n", "Hello world !"},
		{"Subject: x\n\n> quoted\n>> more\nown\n", "own"},
		{"Subject: x\n\n> quoted\n>> more\n", "quoted more"},
		{"Subject: x\n\n", ""},
		{"Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nGr=FC=DF=\ne", "Grüße"},
		{"Content-Type: text/html\n\n<html><head><title>T</title><style>x{}</style></head><body><p>A&amp;<b>B</b>c<br>d</p><!-- no > -->\n<script>1<2</script>e", "A&Bc d e"},
		{"Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>h\n--b\n\nplain\n--b--\n", "plain"},
		{"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Disposition: attachment\n\nfile\n--b\n\nplain\n--b--\n", "plain"},
		{"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n<\n--b--\n", ""},
		{"X: y\n\n" + strings.Repeat("ä", 500), strings.Repeat("ä", 200)},
		{"X: y\n\n" + strings.Repeat("ab ", 500), strings.Repeat("ab ", 66) + "ab"},
	} {
		r, root := scan(t, c.text)
		got, ok, err := Preview(r, root)
		if err != nil || !ok || got != c.want {
			t.Errorf("%.80q: %q, %t, %v, want %q", c.text, got, ok, err, c.want)
		}
	}
	r, root := scan(t, "Content-Type: image/png\n\nx")
	if got, ok, err := Preview(r, root); ok || err != nil {
		t.Errorf("of an image: %q, %v", got, err)
	}
}

// message/global is a message as well (RFC 9051, 7.5.2), and UTF-8 is quoted only for
// clients that take it.
func TestUTF8(t *testing.T) {
	_, root := scan(t, "Content-Type: message/global\n\nSubject: gr\u00fc\u00df\n\nb\n")
	for utf8, want := range map[bool]string{
		true:  `("message" "global" NIL NIL NIL "7bit" 22 (NIL "grüß" NIL NIL NIL NIL NIL NIL NIL NIL) ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 1) 3)`,
		false: `("message" "global" NIL NIL NIL "7bit" 22 (NIL {6}` + "\r\n" + `grüß NIL NIL NIL NIL NIL NIL NIL NIL) ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 1) 3)`,
	} {
		if got := string(AppendStructure(nil, root, false, utf8)); got != want {
			t.Errorf("UTF-8 %t: %s, want %s", utf8, got, want)
		}
	}
	_, root = scan(t, "Subject: gr\xfc\xdf\n\n")
	if got := string(AppendEnvelope(nil, root.Envelope, true)); !strings.Contains(got, "{4}\r\n") {
		t.Errorf("what is not UTF-8 is %q", got)
	}
}

// An envelope is no larger than a list of addresses may make it.
func TestManyAddresses(t *testing.T) {
	for _, value := range []string{strings.Repeat("a,", 50000), "G: " + strings.Repeat("a,", 50000) + ";", strings.Repeat("g:;,", 50000)} {
		fields := []mimescan.Field{{ID: mimescan.To, Value: value}, {ID: mimescan.To, Value: value}}
		list := Addresses(fields, mimescan.To, MaxAddresses)
		if n := len(list); n < MaxAddresses || n > MaxAddresses+2 {
			t.Errorf("%d addresses", n)
		}
		if list[0].Group && !list[len(list)-1].Group {
			t.Error("a group without an end")
		}
	}
}

// Whatever a message is, its answers please a strict client, and a preview has at most
// 200 characters.
func FuzzAnswers(f *testing.F) {
	for _, m := range readOdd(f) {
		f.Add(m.Text)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		root, err := mimescan.Defaults.Scan(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		for _, utf8 := range []bool{false, true} {
			a := AppendEnvelope([]byte("* 1 FETCH (ENVELOPE "), root.Envelope, utf8)
			a = AppendStructure(append(a, " BODYSTRUCTURE "...), root, true, utf8)
			a = AppendStructure(append(a, " BODY "...), root, false, utf8)
			if err := imaptest.Check(append(a, ")\r\n"...), utf8); err != nil {
				t.Fatalf("%v in %q", err, a)
			}
		}
		if s, _, err := Preview(bytes.NewReader(b), root); err != nil || len([]rune(s)) > previewLength {
			t.Fatalf("%q, %v", s, err)
		}
	})
}

// An address list ends, and has no empty addresses but the ends of groups.
func FuzzAddresses(f *testing.F) {
	f.Add("A <a@b>, G: c@d;, (e) f@[g], \"h\" <@i:j@k>")
	f.Fuzz(func(t *testing.T, s string) {
		for _, a := range ParseAddresses(s, MaxAddresses) {
			if !a.Group && (a.Mailbox == "" || a.Domain == "") {
				t.Fatalf("%q: %+v", s, a)
			}
		}
	})
}
