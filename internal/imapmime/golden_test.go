package imapmime

import (
	"bufio"
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"yubin/internal/imap"
	"yubin/internal/mimescan"
)

// An odd message of testdata/messages.txt: its name, and its text as quoted
// strings, some of them repeated.
type odd struct {
	name string
	text []byte
}

func readOdd(t testing.TB) (list []odd) {
	t.Helper()
	for _, line := range readLines(t, "testdata/messages.txt") {
		name, rest, _ := strings.Cut(line, " ")
		m := odd{name: name}
		for rest != "" {
			n := 1
			if i := strings.IndexByte(rest, '"'); i > 0 {
				n, _ = strconv.Atoi(rest[:i-1])
				rest = rest[i:]
			}
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				t.Fatalf("messages.txt: %s: %v", name, err)
			}
			s, _ := strconv.Unquote(quoted)
			m.text = append(m.text, strings.Repeat(s, n)...)
			rest = strings.TrimPrefix(rest[len(quoted):], " ")
		}
		list = append(list, m)
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

// canonical writes an answer so that it can be compared: strings in one form,
// long ones as length and checksum.
func canonical(b []byte) string {
	s, rest := canonicalPrefix(b)
	if len(rest) > 0 {
		return fmt.Sprintf("%s and garbage: %q", s, rest)
	}
	return s
}

var literalHead = regexp.MustCompile(`^~?\{(\d+)\}\r\n`)
var atomHead = regexp.MustCompile(`^[^ ()\r\n]+`)

func canonicalPrefix(b []byte) (string, []byte) {
	if m := literalHead.FindSubmatch(b); m != nil {
		n, _ := strconv.Atoi(string(m[1]))
		b = b[len(m[0]):]
		return canonicalString(b[:n]), b[n:]
	}
	switch {
	case len(b) == 0:
		return "nothing", nil
	case b[0] == '(':
		var list []string
		for b = b[1:]; len(b) > 0 && b[0] != ')'; {
			var s string
			if b[0] == ' ' {
				b = b[1:]
				continue
			}
			s, b = canonicalPrefix(b)
			list = append(list, s)
		}
		if len(b) == 0 {
			return "a list without an end", nil
		}
		return "(" + strings.Join(list, " ") + ")", b[1:]
	case b[0] == '"':
		var s []byte
		for b = b[1:]; b[0] != '"'; b = b[1:] {
			if b[0] == '\\' {
				b = b[1:]
			}
			s = append(s, b[0])
		}
		return canonicalString(s), b[1:]
	}
	a := atomHead.Find(b)
	if len(a) == 0 {
		return "garbage", b
	}
	return string(a), b[len(a):]
}

func canonicalString(s []byte) string {
	if len(s) > 60 {
		return fmt.Sprintf("#%d:%08x", len(s), crc32.ChecksumIEEE(s))
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		if c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			fmt.Fprintf(&b, `\x%02x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String() + `"`
}

// answer answers a FETCH item.
func answer(t *testing.T, r io.ReaderAt, root *mimescan.Part, item string) string {
	t.Helper()
	switch item {
	case "RFC822.SIZE":
		return strconv.FormatInt(Whole(root).Octets, 10)
	case "ENVELOPE":
		return canonical(AppendEnvelope(nil, root.Envelope, false))
	case "BODY", "BODYSTRUCTURE":
		return canonical(AppendStructure(nil, root, item != "BODY", false))
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
	return canonicalString(b)
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
		r := bytes.NewReader(m.text)
		root, err := mimescan.Scan(r, int64(len(m.text)))
		if err != nil {
			t.Fatal(err)
		}
		for item, want := range theirs[m.name] {
			key := m.name + " " + item
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
