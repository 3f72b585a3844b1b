package mailrecord

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"yubin/internal/imap"
	"yubin/internal/imapmime"
	"yubin/internal/mimescan"
)

const letter = "From: =?utf-8?q?J=C3=BCrgen?= <j@a.example>, k@a.example\nTo: G: m@b.example;\nSubject: Re: =?utf-8?q?gr=C3=BC=C3=9Fe?=\n" +
	"Date: Mon, 1 Jan 2024 23:30:00 -0800\nMessage-ID: <1@a.example>\nReferences: <2@a.example> <3@a.example>\nIn-Reply-To: <4@a.example>\n" +
	"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; name=\"gr\u00fc\u00df\"\n\nhello\n--b\nContent-Type: message/rfc822\n\nSubject: in\n\nx\n--b--\n"

func scan(t testing.TB, text string) *mimescan.Part {
	t.Helper()
	root, err := mimescan.Defaults.Scan(strings.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func keys(t testing.TB, text string) Keys {
	t.Helper()
	k, err := ParseKeys(AppendKeys(nil, scan(t, text).Envelope, time.Time{}))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeys(t *testing.T) {
	t.Parallel()
	k := keys(t, letter)
	sent, ok := k.Sent()
	if want := time.Date(2024, 1, 2, 7, 30, 0, 0, time.UTC); !ok || !sent.Equal(want) || sent.Day() != 1 {
		t.Errorf("sent %v, %t", sent, ok)
	}
	if got, want := string(k.Subject()), "GRU\u0308\u00dfE"; got != want {
		t.Errorf("subject %q, want %q", got, want)
	}
	if got := k.Fields(mimescan.From); len(got) != 1 || got[0].Value != "=?utf-8?q?J=C3=BCrgen?= <j@a.example>, k@a.example" {
		t.Errorf("from %+v", got)
	}
	if got := k.Fields(mimescan.Cc); got != nil {
		t.Errorf("cc %+v", got)
	}
	arrived := func() time.Time { return time.Unix(9, 0) }
	m := k.Thread(7, arrived)
	if m.ID != 7 || !m.Reply || m.Sent != sent.Unix() || m.Subject != string(k.Subject()) || len(m.References) != 2 {
		t.Errorf("%+v", m)
	}
	// IDs are the same in all messages, and no two are.
	other := keys(t, "Message-ID: <3@a.example>\nIn-Reply-To: <1@a.example> <9@a.example>\n\n")
	o := other.Thread(8, arrived)
	if o.MessageID != m.References[1] || !slices.Equal(o.References, []string{m.MessageID}) || o.Reply || o.Subject != "" || o.Sent != 9 {
		t.Errorf("%+v beside %+v", o, m)
	}
	if m.References[0] == m.References[1] || m.References[0] == m.MessageID {
		t.Errorf("%+v", m)
	}
	none := keys(t, "\n")
	if n := none.Thread(1, arrived); n.MessageID != "" || n.References != nil || n.Sent != 9 {
		t.Errorf("%+v", n)
	}
	if _, ok := none.Sent(); ok {
		t.Error("sent without a date")
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, text := range []string{letter, "\n", "", "Subject: gr\xfc\xdf\n\nx", "Content-Type: text/plain\n\nhello\n"} {
		root, r := scan(t, text), strings.NewReader(text)
		for _, preview := range []bool{false, true} {
			b, err := (&Maker{Preview: preview}).Make(nil, r, int64(len(text)), root)
			if err != nil {
				t.Fatal(err)
			}
			a, err := ParseAnswers(b)
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			for _, utf8 := range []bool{false, true} {
				for name, x := range map[string][2][]byte{
					"ENVELOPE":      {a.Envelope(utf8), imapmime.AppendEnvelope(nil, root.Envelope, utf8)},
					"BODY":          {a.Body(utf8), imapmime.AppendStructure(nil, root, false, utf8)},
					"BODYSTRUCTURE": {a.BodyStructure(utf8), imapmime.AppendStructure(nil, root, true, utf8)},
				} {
					if !bytes.Equal(x[0], x[1]) {
						t.Errorf("%q: %s, UTF-8 %t, is %q, want %q", text, name, utf8, x[0], x[1])
					}
				}
			}
			want, wantOK, _ := imapmime.Preview(r, root)
			if got, ok, known := a.Preview(); known != preview || known && (got != want || ok != wantOK) {
				t.Errorf("%q: preview %q, %t, %t", text, got, ok, known)
			}
			if p, err := a.Parts(int64(len(text))); err != nil || !bytes.Equal(p.AppendBinary(nil), root.AppendBinary(nil)) {
				t.Errorf("%q: parts %+v, %v", text, p, err)
			}
			if _, err := a.Parts(int64(len(text)) + 1); err == nil {
				t.Errorf("%q: the structure of a file of another size", text)
			}
		}
	}
}

// Keys are refused or read, whatever they are.
func FuzzParseKeys(f *testing.F) {
	f.Add(AppendKeys(nil, scan(f, letter).Envelope, time.Time{}))
	f.Add(AppendKeys(nil, nil, time.Time{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := ParseKeys(b)
		if err != nil {
			return
		}
		k.Sent()
		k.Thread(1, time.Now)
		for id := range mimescan.References + 2 {
			k.Fields(id)
		}
	})
}

// Answers are refused or read, whatever they are.
func FuzzParseAnswers(f *testing.F) {
	root := scan(f, letter)
	b, _ := (&Maker{Preview: true}).Make(nil, strings.NewReader(letter), int64(len(letter)), root)
	f.Add(b, int64(len(letter)))
	f.Fuzz(func(t *testing.T, b []byte, size int64) {
		a, err := ParseAnswers(b)
		if err != nil {
			return
		}
		for _, utf8 := range []bool{false, true} {
			a.Envelope(utf8)
			a.Body(utf8)
			a.BodyStructure(utf8)
		}
		a.Preview()
		if p, err := a.Parts(size); err == nil && p.Body.End() > size {
			t.Fatalf("a body up to %d in a file of %d", p.Body.End(), size)
		}
	})
}

func BenchmarkMake(b *testing.B) {
	text := "From: \"A B\" <a@b.example>\nTo: c@d.example, e@f.example\nSubject: hello\nDate: Mon, 1 Jan 2024 00:00:00 +0000\nMessage-ID: <1@b>\n" +
		"Content-Type: text/plain; charset=utf-8\n\n" + strings.Repeat("hello world\n", 50)
	b.ReportAllocs()
	for b.Loop() {
		root, err := mimescan.Defaults.Scan(strings.NewReader(text), int64(len(text)))
		if err != nil {
			b.Fatal(err)
		}
		m := Maker{}
		if _, err := m.Make(nil, strings.NewReader(text), int64(len(text)), root); err != nil {
			b.Fatal(err)
		}
		AppendKeys(nil, root.Envelope, time.Time{})
	}
}

// fieldsOf is HEADER.FIELDS of names as Answers have it.
func fieldsOf(t testing.TB, text string, names []string) (string, bool) {
	t.Helper()
	r, size := strings.NewReader(text), int64(len(text))
	m := Maker{Fields: true, Arrived: time.Unix(9, 0)}
	b, err := m.Head(nil, r, size, scan(t, text))
	if err != nil {
		t.Fatal(err)
	}
	a, err := ParseAnswers(b)
	if err != nil {
		t.Fatal(err)
	}
	if at, ok := a.Arrived(); !ok || at.Unix() != 9 || a.Whole() || !a.HasFields() {
		t.Errorf("%q: arrived %v, whole %t, fields %t", text, at, a.Whole(), a.HasFields())
	}
	got, ok := a.AppendFields(nil, names)
	return string(got), ok
}

// readFields is the same, read from the message.
func readFields(t testing.TB, text string, names []string) string {
	t.Helper()
	s := &imap.Section{Of: imap.SectionFields, Fields: names}
	x, err := imapmime.Section(strings.NewReader(text), scan(t, text), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	b, err := io.ReadAll(x)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var fieldLists = [][]string{
	{"SUBJECT"}, {"from", "To", "subject", "date", "Message-ID"}, {"bcc"}, {"content-type", "References"}, kept,
}

func TestFields(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		letter: true, "\n": true, "\r\n": true, "": false, "Subject: no end": false, "Subject: x\n": false, "X: y\n\nz": true,
		"Subject : a\r\n b\r\n\tc\r\nX: d\r\n e\r\nTo\r\ncc:\r\n\r\nbody": true,
		"To: a\x00b\n\n": true, "To: a\rb\r\r\n\n": true, " at first\nTo: x\n\n": true, "To: " + strings.Repeat("x", maxFields) + "\n\n": false,
	} {
		for _, names := range fieldLists {
			got, ok := fieldsOf(t, text, names)
			if ok != want || ok && got != readFields(t, text, names) {
				t.Errorf("%.40q, %q: %t, %q; want %t, %q", text, names, ok, got, want, readFields(t, text, names))
			}
		}
	}
	if Keeps([]string{"Subject", "X-Other"}) || !Keeps([]string{"SUBJECT", "list-post"}) {
		t.Error("which fields are kept")
	}
}

// Fields that are kept are those that the message has, whatever it is.
func FuzzFields(f *testing.F) {
	f.Add(letter, 1)
	f.Add("Subject : a\r\n b\nTo\n\rcc:\r\n\r\n", 4)
	f.Fuzz(func(t *testing.T, text string, list int) {
		names := fieldLists[uint(list)%uint(len(fieldLists))]
		got, ok := fieldsOf(t, text, names)
		if want := readFields(t, text, names); ok && got != want {
			t.Fatalf("%q: kept %q, read %q", names, got, want)
		}
	})
}
