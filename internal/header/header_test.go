package header

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/mail"
	"reflect"
	"strings"
	"testing"
	"time"
)

// bytewise writes b to w in pieces of n octets, which must not matter.
func bytewise(t *testing.T, w io.WriteCloser, b []byte, n int) {
	t.Helper()
	for len(b) > 0 {
		m := min(n, len(b))
		if _, err := w.Write(b[:m]); err != nil {
			t.Fatal(err)
		}
		b = b[m:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"drops and adds", "A: 1\nBcc: x\n y\nB: 2\n\nBcc: body\n", "A: 1\nB: 2\nNew: n\n\nBcc: body\n"},
		{"case and space before the colon", "BCC : x\nA: 1\n\nb", "A: 1\nNew: n\n\nb"},
		{"no header", "hello\nworld\n", "New: n\n\nhello\nworld\n"},
		{"empty line first", "\nhello\n", "New: n\n\nhello\n"},
		{"header without a body", "A: 1\n", "A: 1\nNew: n\n"},
		{"header without a line end", "A: 1", "A: 1\nNew: n\n"},
		{"nothing", "", "New: n\n"},
		{"text behind the fields", "A: 1\nno field\nB: 2\n", "A: 1\nNew: n\n\nno field\nB: 2\n"},
		{"continuation first", " x: y\nA: 1\n", "New: n\n\n x: y\nA: 1\n"},
		{"CRLF", "A: 1\r\nBcc: 2\r\n\r\nb\r\n", "A: 1\r\nNew: n\n\r\nb\r\n"},
		{"CR alone at a line's start", "A: 1\n\rx\n", "A: 1\nNew: n\n\n\rx\n"},
		{"colon first", ": x\n", "New: n\n\n: x\n"},
		{"word, space, word", "From ann Mon\nA: 1\n", "New: n\n\nFrom ann Mon\nA: 1\n"},
		{"ends within a name", "A: 1\nBc", "A: 1\nNew: n\n\nBc"},
		{"long name", strings.Repeat("x", 997) + ": 1\n\ny\n", strings.Repeat("x", 997) + ": 1\nNew: n\n\ny\n"},
		{"too long for a name", strings.Repeat("x", 998) + ": 1\n", "New: n\n\n" + strings.Repeat("x", 998) + ": 1\n"},
		{"control in a name", "A\x00B: 1\n", "New: n\n\nA\x00B: 1\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, n := range []int{1, 2, 7, 1 << 20} {
				var out bytes.Buffer
				f := NewFilter(&out, func(name string) bool { return name == "bcc" }, func(w io.Writer) error {
					_, err := io.WriteString(w, "New: n\n")
					return err
				})
				bytewise(t, f, []byte(c.in), n)
				if out.String() != c.want {
					t.Errorf("pieces of %d: %q\n got %q\nwant %q", n, c.in, out.String(), c.want)
				}
			}
		})
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestFilterFails(t *testing.T) {
	t.Parallel()
	f := NewFilter(failing{}, nil, nil)
	if _, err := f.Write([]byte("A: 1\n\nx")); err != io.ErrShortWrite {
		t.Errorf("got %v", err)
	}
	if err := f.Close(); err != io.ErrShortWrite {
		t.Errorf("got %v", err)
	}
}

func TestInspector(t *testing.T) {
	t.Parallel()
	msg := "Received: a\n\tid 1\nreceived: b\nMessage-Id:\n <1@x>\nMessage-ID: <2@x>\nDelivered-To: a@b\nTo: x\n" +
		"Delivered-To: c\td@e\x01\nX-Other: 1\nResent-Message-ID: <r@x>\n\nReceived: body\nDelivered-To: body\n"
	for _, n := range []int{1, 3, 1 << 20} {
		var i Inspector
		bytewise(t, &i, []byte(msg), n)
		if i.Received != 2 || i.MessageID != "<1@x>" || i.ResentID != "<r@x>" || !i.Ended {
			t.Errorf("got %d, %q, %q, %t", i.Received, i.MessageID, i.ResentID, i.Ended)
		}
		if want := []string{"a@b", "c d@e?"}; !reflect.DeepEqual(i.DeliveredTo, want) {
			t.Errorf("Delivered-To %q, want %q", i.DeliveredTo, want)
		}
		if i.Count("to") != 1 || i.Count("cc") != 0 || i.Count("message-id") != 2 {
			t.Errorf("counts %v", i.fields)
		}
	}
}

// An Inspector keeps a bounded part of whatever it sees.
func TestInspectorBounds(t *testing.T) {
	t.Parallel()
	var i Inspector
	for range 5 * maxDeliveredTo {
		io.WriteString(&i, "Delivered-To: "+strings.Repeat("x", 500)+"\n")
	}
	for range 100 {
		io.WriteString(&i, "Message-ID: "+strings.Repeat("y", 100)+"\n")
	}
	io.WriteString(&i, "X: ")
	for range 1000 {
		io.WriteString(&i, strings.Repeat("z", 1000))
	}
	i.Close()
	if len(i.DeliveredTo) != maxDeliveredTo || i.Count("delivered-to") != 5*maxDeliveredTo || len(i.MessageID) != 100 {
		t.Errorf("kept %d of %d, %d octets", len(i.DeliveredTo), i.Count("delivered-to"), len(i.MessageID))
	}
	var long Inspector
	io.WriteString(&long, "Message-ID: <"+strings.Repeat("y", 1<<20)+">\n\n")
	if n := len(long.MessageID); n > maxName+maxValue || cap(long.value) > 1<<16 {
		t.Errorf("kept %d octets in %d", n, cap(long.value))
	}
}

func TestEach(t *testing.T) {
	t.Parallel()
	msg := "To: a,\n b\nCC:c\n\nTo: body\n"
	var got []string
	n := Each([]byte(msg), func(name string, value []byte) { got = append(got, name+"="+string(value)) })
	if want := []string{"to= a,\n b\n", "cc=c\n"}; !reflect.DeepEqual(got, want) || msg[:n] != "To: a,\n b\nCC:c\n" {
		t.Errorf("got %q, %q", got, msg[:n])
	}
}

func TestFormatDate(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 3, 8, 0, 1, 0, time.UTC)
	for want, zone := range map[string]*time.Location{
		"Tue, 3 Nov 2026 08:00:01 +0000 (UTC)": time.UTC,
		"Tue, 3 Nov 2026 17:00:01 +0900 (JST)": time.FixedZone("JST", 9*3600),
		"Tue, 3 Nov 2026 05:00:01 -0300":       time.FixedZone("-03", -3*3600),
		"Tue, 3 Nov 2026 08:30:01 +0030":       time.FixedZone("a)\nX: ", 1800),
	} {
		got := FormatDate(at.In(zone))
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if back, err := mail.ParseDate(got); err != nil || !back.Equal(at) {
			t.Errorf("%q reads back as %v, %v", got, back, err)
		}
	}
}

func TestEncodeName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"CronDaemon":    "CronDaemon",
		"Ann Smith":     "Ann Smith",
		"Smith, Ann":    `"Smith, Ann"`,
		`A "B" \ C`:     `"A \"B\" \\ C"`,
		"a\r\nBcc: x":   `"a  Bcc: x"`,
		"Jörg":          "=?utf-8?B?SsO2cmc=?=",
		"=?utf-8?q?x?=": "=?utf-8?B?PT91dGYtOD9xP3g/PQ==?=",
		"":              "",
		" x":            `" x"`,
	} {
		if got := EncodeName(name); got != want {
			t.Errorf("EncodeName(%q) = %s, want %s", name, got, want)
		}
	}
}

// FuzzEncodeName: any name becomes one header line's worth of text that decodes
// to the name, control characters apart.
func FuzzEncodeName(f *testing.F) {
	f.Add("Jörg " + strings.Repeat("ü", 100))
	f.Add("a\nb\"\\")
	f.Fuzz(func(t *testing.T, name string) {
		got := EncodeName(name)
		for line := range strings.SplitSeq(got, "\n ") {
			if strings.ContainsAny(line, "\r\n") || strings.HasPrefix(line, "=?") && len(line) > 75 {
				t.Fatalf("%q gives line %q", name, line)
			}
		}
		if !strings.HasPrefix(got, "=?") {
			return
		}
		want := strings.Map(func(c rune) rune {
			if c < ' ' || c >= 0x7f && c < 0xa0 {
				return ' '
			}
			return c
		}, strings.ToValidUTF8(name, "?"))
		if back, err := new(mime.WordDecoder).DecodeHeader(strings.ReplaceAll(got, "\n", "")); err != nil || back != want {
			t.Fatalf("%q gives %q, which reads %q, %v", name, got, back, err)
		}
	})
}

// FuzzScanner: however a message is cut into pieces, a Filter that drops
// nothing changes nothing but for the one separator it may add, and Each and
// the Inspector agree on the fields.
func FuzzScanner(f *testing.F) {
	f.Add([]byte("A: b\r\n c\r\n\r\nbody"), 3)
	f.Add([]byte("Received: x\nreceived : y\nfoo\n"), 1)
	f.Fuzz(func(t *testing.T, msg []byte, n int) {
		n = 1 + n&7
		var out bytes.Buffer
		var look Inspector
		bytewise(t, NewFilter(&out, nil, nil), msg, n)
		bytewise(t, &look, msg, n)
		received := 0
		end := Each(msg, func(name string, _ []byte) {
			if name == "received" {
				received++
			}
		})
		if received != look.Received {
			t.Fatalf("Each finds %d, Inspector %d", received, look.Received)
		}
		want := string(msg)
		if out.String() == want {
			return
		}
		if end > len(msg) || !strings.HasPrefix(want, string(msg[:end])) {
			t.Fatalf("header of %d octets in %q", end, msg)
		}
		if got := out.String(); got != want[:end]+"\n"+want[end:] {
			t.Fatalf("%q became %q", msg, got)
		}
	})
}

func BenchmarkInspector(b *testing.B) {
	var msg []byte
	for i := range 40 {
		msg = fmt.Appendf(msg, "X-Field-%d: %s\n", i, strings.Repeat("v", 60))
	}
	msg = append(msg, "\nbody\n"...)
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		var i Inspector
		i.Write(msg)
		i.Close()
	}
}
