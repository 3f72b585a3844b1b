package mailsearch

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"yubin/internal/imap"
	"yubin/internal/mailrecord"
	"yubin/internal/mimescan"
)

// A letter is a message in memory; simple keys are true when they ask for \Seen.
type letter struct {
	text  []byte
	reads int // how often its text was asked for
}

func (l *letter) Simple(k *imap.SearchKey) bool {
	return k.Op == imap.SearchFlag && k.Text == imap.Seen
}

func (l *letter) Keys() (*mailrecord.Keys, error) { return keysOf(string(l.text)) }

func keysOf(text string) (*mailrecord.Keys, error) {
	p, err := mimescan.Defaults.Scan(strings.NewReader(text), int64(len(text)))
	if err != nil {
		return nil, err
	}
	k, err := mailrecord.ParseKeys(mailrecord.AppendKeys(nil, p.Envelope, time.Time{}))
	return &k, err
}

func (l *letter) Text() (io.ReaderAt, *mimescan.Part, error) {
	l.reads++
	r := bytes.NewReader(l.text)
	p, err := mimescan.Defaults.Scan(r, int64(len(l.text)))
	return r, p, err
}

func parse(t testing.TB, line string) imap.Search {
	t.Helper()
	d := imap.NewDecoder(imap.Buffered(bufio.NewReader(strings.NewReader(line+"\r\n"))), imap.Limits{Command: 9999, Literal: 9999, Nesting: 20}, nil)
	d.AcceptUTF8()
	d.Begin()
	s := d.Search()
	if d.Err() != nil {
		t.Fatalf("%s: %v", line, d.Err())
	}
	return s
}

const letterText = "From: =?iso-8859-1?q?J=F6rg_M=FCller?= <jm@a.example>\nTo: b@c.example,\n d@e.example\nSubject: =?utf-8?b?R3LDvMOfZQ==?=\n" +
	" an alle\nDate: Mon, 1 Jan 2024 23:30:00 -0800\nX-Note: remember\n the milk\nX-Empty:\nContent-Type: multipart/mixed; boundary=b\n\n" +
	"preamble\n--b\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nSch=F6ne Gr=\n=FC=DFe\n" +
	"--b\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\nX-Part: partfield\n\nPGI+w6RwZmVsPC9iPg==\n" +
	"--b\nContent-Type: application/octet-stream\n\nbinarycontent\n" +
	"--b\nContent-Type: message/rfc822\n\nSubject: innersubject\n\ninnerbody\n--b--\nepilogue\n"

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		search string
		want   bool
	}{
		{"ALL", true},
		{"SEEN", true},
		{"UNSEEN", false},
		{"FROM \"jörg\"", true},
		{"FROM \"JÖRG MÜLLER\"", true},
		{"FROM jm@a", true},
		{"FROM nobody", false},
		{"TO d@e", true},
		{"CC \"\"", false},
		{"TO \"\"", true},
		{"SUBJECT \"grüße an ALLE\"", true},
		{"HEADER X-Note \"remember the milk\"", true},
		{"HEADER x-note MILK", true},
		{"HEADER X-Note butter", false},
		{"HEADER X-Empty \"\"", true},
		{"HEADER X-Empty x", false},
		{"HEADER X-None \"\"", false},
		{"HEADER Content-Type MIXED", true},
		{"BODY \"schöne grüße\"", true},
		{"BODY \"SCHÖNE\"", true},
		{"BODY \"äpfel\"", true},
		{"BODY remember", false},
		{"TEXT remember", true},
		{"TEXT \"X-Note: remember\"", true},
		{"TEXT \"schöne\"", true},
		{"BODY binarycontent", false},
		{"BODY preamble", false},
		{"BODY innersubject", false},
		{"TEXT innersubject", true},
		{"BODY innerbody", true},
		{"TEXT partfield", true},
		{"BODY nowhere", false},
		{"BODY \"\"", true},
		{"NOT BODY nowhere", true},
		{"OR BODY nowhere SUBJECT alle", true},
		{"BODY innerbody TEXT milk SEEN", true},
		{"BODY innerbody UNSEEN", false},
		{"OR (BODY nowhere) (TEXT milk BODY innerbody)", true},
		{"SENTON 1-Jan-2024", true},
		{"SENTON 2-Jan-2024", false},
		{"SENTSINCE 1-Jan-2024", true},
		{"SENTBEFORE 1-Jan-2024", false},
		{"SENTBEFORE 2-Jan-2024", true},
		{"FUZZY SUBJECT alle", true},
	} {
		s := parse(t, c.search)
		p, err := Compile(&s.Key, s.Charset)
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"LF": letterText, "CRLF": strings.ReplaceAll(letterText, "\n", "\r\n")} {
			searcher := p.Searcher()
			for range 2 {
				got, err := searcher.Match(&letter{text: []byte(text)})
				if err != nil || got != c.want {
					t.Errorf("%s, %s: %t, %v, want %t", c.search, name, got, err, c.want)
				}
			}
		}
	}
}

// What is cheap is asked first, and a text is read once.
func TestOrder(t *testing.T) {
	for search, want := range map[string]int{"BODY x UNSEEN": 0, "OR BODY x SEEN": 0, "BODY x SUBJECT nothing": 0, "OR BODY nowhere OR TEXT nowhere BODY nothing": 1} {
		s := parse(t, search)
		p, _ := Compile(&s.Key, "")
		l := &letter{text: []byte(letterText)}
		if _, err := p.Searcher().Match(l); err != nil || l.reads != want {
			t.Errorf("%s: text read %d times, %v", search, l.reads, err)
		}
	}
}

func TestCharset(t *testing.T) {
	k := imap.SearchKey{Op: imap.SearchHeader, Field: "Subject", Text: "gr\xfc\xdfe"}
	p, err := Compile(&k, "ISO-8859-1")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Searcher().Match(&letter{text: []byte(letterText)}); !got || err != nil {
		t.Errorf("not found: %v", err)
	}
	if _, err := Compile(&k, "X-NONE"); !errors.Is(err, ErrCharset) {
		t.Error(err)
	}
}

// A message whose file cannot be read is an error, and not found by NOT.
func TestUnreadable(t *testing.T) {
	s := parse(t, "NOT BODY x")
	p, _ := Compile(&s.Key, "")
	got, err := p.Searcher().Match(&lost{})
	if got || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%t, %v", got, err)
	}
}

type lost struct{ letter }

func (*lost) Text() (io.ReaderAt, *mimescan.Part, error) {
	return strings.NewReader("A: b\n\n"), &mimescan.Part{Header: mimescan.Span{Stored: 6, Octets: 8, Lines: 2}, Body: mimescan.Span{Offset: 6, Stored: 10, Octets: 10}}, nil
}

func TestSort(t *testing.T) {
	var list []*mailrecord.Keys
	for _, text := range []string{
		"From: Zoe <a@x>\nSubject: Re: beta\nDate: 3 Jan 2024 00:00 +0000\nTo: G: m@x;\n\n",
		"From: b@x\nSubject: Alpha\nDate: nonsense\nCc: q@x\n\n",
		"From: =?utf-8?q?=C3=84nne?= <c@x>\nSubject: [l] alpha\nDate: 3 Jan 2024 00:00 +0100\n\n",
	} {
		k, err := keysOf(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, k)
	}
	for criteria, want := range map[string][]int{
		"ARRIVAL": {0, 1, 2}, "REVERSE ARRIVAL": {2, 1, 0}, "SIZE": {2, 1, 0}, "DATE": {1, 2, 0}, "FROM": {0, 1, 2}, "DISPLAYFROM": {2, 1, 0},
		"SUBJECT": {1, 2, 0}, "SUBJECT REVERSE DATE": {2, 1, 0}, "CC": {0, 2, 1}, "DISPLAYTO": {1, 2, 0}, "TO": {1, 2, 0}, "REVERSE FROM": {2, 1, 0},
	} {
		d := imap.NewDecoder(imap.Buffered(bufio.NewReader(strings.NewReader("("+criteria+") UTF-8 ALL\r\n"))), imap.Limits{Command: 999, Literal: 99, Nesting: 9}, nil)
		d.Begin()
		by := d.Sort().Sort
		keys := make([]Key, len(list))
		order := make([]int, len(list))
		for i, k := range list {
			arrived := func() time.Time { return time.Unix(int64(1700000000+i), 0) }
			keys[i] = SortKey(by, k, arrived, func() int64 { return int64(100 - i) })
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return Compare(by, keys[a], keys[b]) })
		if !slices.Equal(order, want) {
			t.Errorf("%s: %v, want %v", criteria, order, want)
		}
	}
}

// A search of any message ends without an error, and NOT finds what it does not.
func FuzzMatch(f *testing.F) {
	f.Add([]byte(letterText), "e")
	f.Fuzz(func(t *testing.T, text []byte, needle string) {
		k := imap.SearchKey{Op: imap.SearchText, Text: needle}
		not := imap.SearchKey{Op: imap.SearchNot, Kids: []imap.SearchKey{k}}
		var found [2]bool
		for i, k := range []*imap.SearchKey{&k, &not} {
			p, err := Compile(k, "")
			if err == nil {
				found[i], err = p.Searcher().Match(&letter{text: text})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if found[0] == found[1] {
			t.Fatalf("%q: %v", needle, found)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	text := "Subject: x\nFrom: a@b\nContent-Type: text/plain; charset=utf-8\n\n" + strings.Repeat("The quick brown fox jumps over the lazy dog\n", 100)
	s := parse(b, "BODY nowhere")
	p, _ := Compile(&s.Key, "")
	searcher := p.Searcher()
	l := &letter{text: []byte(text)}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		searcher.Match(l)
	}
}
