package imapmime

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"yubin/internal/imap"
	"yubin/internal/imaptest"
	"yubin/internal/mimescan"
)

// readOdd reads the odd messages.
func readOdd(t testing.TB) []imaptest.Message {
	t.Helper()
	list, err := imaptest.Messages("testdata/messages.txt")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func readLines(t testing.TB, file string) (lines []string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	return lines
}

// canonical writes an answer of ours so that it can be compared.
func canonical(t testing.TB, b []byte) string {
	t.Helper()
	s, err := imaptest.Canonical(b)
	if err != nil {
		t.Fatalf("%q: %v", b, err)
	}
	return s
}

// answer answers a FETCH item.
func answer(t *testing.T, r io.ReaderAt, root *mimescan.Part, item string) string {
	t.Helper()
	switch item {
	case "RFC822.SIZE":
		return strconv.FormatInt(Whole(root).Octets, 10)
	case "ENVELOPE":
		return canonical(t, AppendEnvelope(nil, root.Envelope, false))
	case "BODY", "BODYSTRUCTURE":
		return canonical(t, AppendStructure(nil, root, item != "BODY", false))
	}
	d := imap.NewDecoder(imap.Buffered(bufio.NewReader(strings.NewReader("1 "+item+"\r\n"))), imap.Limits{Command: 1000, Literal: 1000, Nesting: 20}, nil)
	d.Begin()
	f := d.Fetch()
	if d.Err() != nil {
		t.Fatalf("%s: %v", item, d.Err())
	}
	text, err := Section(r, root, &f.Items[0].Section, f.Items[0].Partial)
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	b, err := io.ReadAll(text)
	if err != nil || int64(len(b)) != text.Octets {
		t.Errorf("%s: %d octets announced, %d sent (%v)", item, text.Octets, len(b), err)
	}
	return imaptest.String(b)
}

// What Dovecot answers for odd messages (testdata/dovecot.txt, which the test in
// test/interop writes) is what we answer, but for testdata/differences.txt.
func TestAsDovecot(t *testing.T) {
	theirs := map[string]map[string]string{}
	name := ""
	for _, line := range readLines(t, "testdata/dovecot.txt") {
		if n, ok := strings.CutPrefix(line, "= "); ok {
			name = n
			theirs[name] = map[string]string{}
			continue
		}
		item, value, _ := strings.Cut(line, "\t")
		theirs[name][item] = value
	}
	differs := map[string]string{}
	for _, line := range readLines(t, "testdata/differences.txt") {
		if !strings.HasPrefix(line, "#") {
			key, ours, _ := strings.Cut(line, "\t")
			differs[key] = ours
		}
	}
	for _, m := range readOdd(t) {
		r := bytes.NewReader(m.Text)
		root, err := mimescan.Defaults.Scan(r, int64(len(m.Text)))
		if err != nil {
			t.Fatal(err)
		}
		for item, want := range theirs[m.Name] {
			key := m.Name + " " + item
			if ours, ok := differs[key]; ok {
				if ours == want {
					t.Errorf("%s: Dovecot does as we do; differences.txt is out of date", key)
				}
				want = ours
				delete(differs, key)
			}
			if got := answer(t, r, root, item); got != want {
				t.Errorf("%s\n got %s\nwant %s", key, got, want)
			}
		}
	}
	for key := range differs {
		t.Errorf("differences.txt: no answer %s", key)
	}
}
