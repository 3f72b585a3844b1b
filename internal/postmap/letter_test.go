package postmap

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const parts = "From: a@b\nTo: c@d,\n\te@f\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain;\n  charset=utf-8\n\none\n" +
	"--x\nContent-Type: message/rfc822\n\nSubject: inner\n\nbody\n--x--\nend\n"

// Which lines of a message are keys, as Postfix's postmap has them.
func TestLetterKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		letter     letter
		want       string // keys, apart by |
	}{
		{"header", parts, letter{headers: true}, "From: a@b|To: c@d,\n\te@f|Content-Type: multipart/mixed; boundary=x"},
		{"body", parts, letter{bodies: true}, "|--x|Content-Type: text/plain;|  charset=utf-8||one|--x|Content-Type: message/rfc822||Subject: inner||body|--x--|end"},
		{"headers of parts", parts, letter{headers: true, mime: true}, "From: a@b|To: c@d,\n\te@f|Content-Type: multipart/mixed; boundary=x|" +
			"Content-Type: text/plain;\n  charset=utf-8|Content-Type: message/rfc822|Subject: inner"},
		{"bodies of parts", parts, letter{bodies: true, mime: true}, "|--x||one|--x|||body|--x--|end"},
		{"no header", "\nbody\n", letter{headers: true, bodies: true}, "|body"},
		{"a line that is no field", "A: b\nno field\nC: d\n\nbody\n", letter{headers: true, bodies: true}, "A: b||no field|C: d||body"},
		{"of a part", "Content-Type: multipart/mixed; boundary=x\n\n--x\nA: b\nno field\n--x--\n", letter{bodies: true, mime: true}, "|--x|no field|--x--"},
		{"CRLF", "A: b\r\n c\r\n\r\nbody\r\n", letter{headers: true, bodies: true}, "A: b\n c||body"},
		{"no line end", "A: b", letter{headers: true, bodies: true}, "A: b"},
	} {
		keys, err := c.letter.keys(strings.NewReader(c.text))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := strings.Join(slices.Collect(keys), "|"); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// FuzzLetterKeys: every line of a message is in one key, in order, but for the
// empty line before a body whose header is cut short.
func FuzzLetterKeys(f *testing.F) {
	f.Add([]byte(parts), true)
	f.Add([]byte("A: b\nx\n\ny"), false)
	f.Fuzz(func(t *testing.T, text []byte, mime bool) {
		keys, err := letter{headers: true, bodies: true, mime: mime}.keys(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		lines := func(s string) []string { return strings.Split(s, "\n") }
		var got []string
		for k := range keys {
			got = append(got, lines(k)...)
		}
		want := lines(strings.TrimSuffix(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"))
		if len(text) == 0 {
			want = nil
		}
		if inserted := len(got) - len(want); inserted == 1 {
			for i, line := range got {
				if line == "" && (i == len(want) || want[i] != "") {
					got = slices.Delete(got, i, i+1)
					break
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// keyed is a table of one key.
type keyed string

func (k keyed) Lookup(key string) (string, bool, error) { return string(k), key == "k", nil }

// Values that name files, and values in base64.
func TestFileValues(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"a": "one\n", "b": "two"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, c := range []struct{ spec, value, want string }{
		{"hash:x", a, "one\n"},
		{"hash:x", a + ", " + b, "one\n\ntwo"},
		{"proxy:texthash:x", b + "\t" + a, "two\none\n"},
		{"socketmap:x", base64.StdEncoding.EncodeToString([]byte("pem")), "pem"},
		{"socketmap:x", a, "fails"},
		{"hash:x", filepath.Join(dir, "none"), "fails"},
		{"hash:x", ",", "fails"},
	} {
		got, found, err := filesOf(keyed(c.value), c.spec).Lookup("k")
		if (err != nil) != (c.want == "fails") || err == nil && (!found || got != c.want) {
			t.Errorf("%s: %s: got %q, %t, %v, want %q", c.spec, c.value, got, found, err, c.want)
		}
	}
	if _, found, err := filesOf(keyed(a), "hash:x").Lookup("no"); found || err != nil {
		t.Errorf("a key that is not there: %t, %v", found, err)
	}
}
