package dsn

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"net/mail"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-message"
)

var update = flag.Bool("update", false, "rewrite golden files")

func notice(content string) Notice {
	at := time.Date(2026, 11, 23, 8, 0, 1, 0, time.UTC)
	return Notice{
		ID: "1D8CC1CA0A7F00B00000", Hostname: "mx.example.com", MailName: "Yubin", Time: at,
		To: "alice@example.net", Original: "1D8CC1CA0A7F00", Arrival: at.Add(-time.Minute),
		Recipients: []Recipient{{Address: "bob@example.com", Action: Failed, Code: "5.1.1", Text: `unknown user: "bob"`, Tried: at}},
		Message:    strings.NewReader(content), Size: int64(len(content)), SizeLimit: 50000,
	}
}

// A report of deliveries has the header alone, and says what each address
// means for the sender.
func TestGoldenArrived(t *testing.T) {
	t.Parallel()
	n := notice("Received: by x\nMessage-ID: <1@example.net>\nSubject: hello\n\nbody\n")
	n.Arrived, n.EnvID = true, "id"
	n.Recipients = []Recipient{
		{Address: "bob@example.com", Action: Delivered, Code: "2.0.0", Text: "delivered to maildir", Tried: n.Time},
		{Address: "zoe@example.org", Action: Relayed, Code: "2.1.5", Text: "250 2.1.5 Ok", Host: "mx.example.org", Tried: n.Time},
	}
	compareGolden(t, n, "testdata/arrived.eml")
}

func TestGolden(t *testing.T) {
	t.Parallel()
	n := notice("Received: by x\nMessage-ID: <1@example.net>\nSubject: hello\n\nä body\n")
	n.EnvID = "id+1"
	n.Recipients = append(n.Recipients, Recipient{
		Address: "jöhn doe@example.org", Original: "john@example.com", Orcpt: "rfc822;john@example.com", Action: Failed, Code: "5.7.1",
		Host: "mx.example.org[192.0.2.9]:25", Text: "550 5.7.1 Ünwanted " + strings.Repeat("text ", 20) + "(in reply to RCPT TO command)",
	})
	compareGolden(t, n, "testdata/bounce.eml")
}

func compareGolden(t *testing.T, n Notice, file string) {
	t.Helper()
	got, err := Write(n)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, got, file)
	if again, _ := Write(n); !bytes.Equal(got, again) {
		t.Error("the same notice gave other octets")
	}
}

// golden compares a letter with the file that holds it.
func golden(t *testing.T, got []byte, file string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("letter differs from %s:\n%s", file, got)
	}
}

// parts reads a notice back.
func parts(t *testing.T, b []byte) (kinds []string, bodies []string) {
	t.Helper()
	m, err := message.Read(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("read notice: %v\n%s", err, b)
	}
	mr := m.MultipartReader()
	if mr == nil {
		t.Fatalf("not multipart:\n%s", b)
	}
	for {
		p, err := mr.NextPart()
		if errors.Is(err, io.EOF) {
			return kinds, bodies
		}
		if err != nil {
			t.Fatalf("read part: %v", err)
		}
		kind, _, _ := p.Header.ContentType()
		body, err := io.ReadAll(p.Body)
		if err != nil {
			t.Fatalf("read part: %v", err)
		}
		kinds, bodies = append(kinds, kind), append(bodies, string(body))
	}
}

// A notice with octets beyond ASCII in a part says so in its own header (RFC 2045, 6.4).
func TestEncoding(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"Subject: x\n\nbody\n": "",
		"Subject: x\n\nä\n":    "8bit",
		"Subject: ä\n\nbody\n": "8bit",
	} {
		b, err := Write(notice(content))
		if err != nil {
			t.Fatal(err)
		}
		m, err := mail.ReadMessage(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Header.Get("Content-Transfer-Encoding"); got != want {
			t.Errorf("%q: encoding %q, want %q", content, got, want)
		}
	}
}

func TestReturned(t *testing.T) {
	t.Parallel()
	head := "Subject: x\nTo: y\n"
	for _, c := range []struct {
		name, content string
		change        func(*Notice)
		kind, want    string
	}{
		{"whole", head + "\nbody\n", nil, "message/rfc822", head + "\nbody\n"},
		{"too large", head + "\nbody\n", func(n *Notice) { n.SizeLimit = 5 }, "text/rfc822-headers", head},
		{"header asked for", head + "\nbody\n", func(n *Notice) { n.HeaderOnly = true }, "text/rfc822-headers", head},
		{"planted boundary", head + "\n--000A7F00B00000.0/report--\n", nil, "message/rfc822", head + "\n--000A7F00B00000.0/report--\n"},
		{"own boundary", head + "\n--1D8CC1CA0A7F00B00000.0/report--\n", nil, "message/rfc822", head + "\n--1D8CC1CA0A7F00B00000.0/report--\n"},
		{"carriage returns", "A: b\r\n\r\nx\ry\r\n", nil, "message/rfc822", "A: b\r\n\r\nx\ry\r\n"},
		{"empty", "", nil, "message/rfc822", ""},
		{"8 bits in the header", "A: ä\n\nb\n", nil, "message/rfc822", "A: ä\n\nb\n"},
		{"SMTPUTF8", "A: ä\n\nb\n", func(n *Notice) { n.UTF8 = true }, "message/global", "A: ä\n\nb\n"},
		{"SMTPUTF8, not needed", "A: a\n\nä\n", func(n *Notice) { n.UTF8 = true }, "message/rfc822", "A: a\n\nä\n"},
		{"SMTPUTF8, header", "A: ä\n\nb\n", func(n *Notice) { n.UTF8, n.HeaderOnly = true, true }, "message/global-headers", "A: ä\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := notice(c.content)
			if c.change != nil {
				c.change(&n)
			}
			b, err := Write(n)
			if err != nil {
				t.Fatal(err)
			}
			kinds, bodies := parts(t, b)
			if len(kinds) != 3 || kinds[0] != "text/plain" || kinds[1] != "message/delivery-status" {
				t.Fatalf("parts %q", kinds)
			}
			// The multipart reader takes the line end before the boundary.
			if kinds[2] != c.kind || strings.TrimRight(bodies[2], "\r\n") != strings.TrimRight(c.want, "\r\n") {
				t.Errorf("third part is %s %q, want %s %q", kinds[2], bodies[2], c.kind, c.want)
			}
		})
	}
}

// What the log has of a remote host's words reads well in both parts.
func TestRemoteWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"550 5.1.1 no": {"host mx.b said: 550 5.1.1 no", "550 5.1.1 no"},
		"host mx.b[192.0.2.1] said: 550 5.1.1 no (in reply to RCPT TO command)": {
			"host mx.b[192.0.2.1] said: 550 5.1.1 no (in reply to RCPT TO command)", "550 5.1.1 no"},
		"host mx.b[192.0.2.1] refused to talk to me: 554 no": {"host mx.b[192.0.2.1] refused to talk to me: 554 no", "554 no"},
		"host unknown": {"host unknown", "host unknown"},
	} {
		n := notice("x")
		n.Recipients[0] = Recipient{Address: "bob@b", Action: Failed, Code: "5.1.1", Text: text, Host: "mx.b"}
		flat := strings.ReplaceAll(string(n.text()), "\n    ", " ")
		if !strings.Contains(flat, "<bob@b>: "+want[0]+"\n") {
			t.Errorf("%s: text is\n%s", text, flat)
		}
		flat = strings.ReplaceAll(string(n.status().body), "\n    ", " ")
		if !strings.Contains(flat, "Diagnostic-Code: smtp; "+want[1]+"\n") {
			t.Errorf("%s: status is\n%s", text, flat)
		}
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	n := notice("short")
	n.Size = 100
	if b, err := Write(n); err == nil {
		t.Errorf("a message cut short gave %q", b)
	}
}

// FuzzRemoteText: whatever a remote host or a sender's envelope says, the
// notice keeps three parts, the delivery status stays printable ASCII with its
// own fields only, and no line is longer than 998 octets.
func FuzzRemoteText(f *testing.F) {
	f.Add("550 no\r\nStatus: 2.0.0", "mx\nAction: delivered", "a b@c", "rfc822;x\ny")
	f.Add(strings.Repeat("é", 5000), "", "é@b", "")
	f.Add("--1D8CC1CA0A7F00B00000.0/report--", "x", "b", ";")
	f.Fuzz(func(t *testing.T, text, host, addr, orcpt string) {
		if strings.ContainsFunc(addr, func(c rune) bool { return c < ' ' || c == 0x7f }) || len(addr) > 900 {
			return // no door lets it in
		}
		n := notice("A: b\n\nc\n")
		n.Recipients[0] = Recipient{Address: addr, Orcpt: orcpt, Action: Failed, Code: "5.0.0", Text: text, Host: host}
		b, err := Write(n)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.SplitSeq(b, []byte("\n")) {
			if len(line) > 998 || bytes.IndexByte(line, '\r') >= 0 {
				t.Fatalf("line of %d octets: %q", len(line), line)
			}
		}
		kinds, bodies := parts(t, b)
		if len(kinds) != 3 {
			t.Fatalf("parts %q", kinds)
		}
		for line := range strings.SplitSeq(bodies[1], "\n") {
			line = strings.TrimSuffix(line, "\r")
			for i := range len(line) {
				if line[i] < ' ' || line[i] > '~' {
					t.Fatalf("status line %q", line)
				}
			}
			if strings.HasPrefix(line, "Status:") && line != "Status: 5.0.0" || strings.HasPrefix(line, "Action:") && line != "Action: failed" {
				t.Fatalf("status line %q", line)
			}
		}
	})
}

// A letter that must arrive whatever asks for TLS has a notice of the same kind
// (RFC 8689, 5).
func TestTLSRequired(t *testing.T) {
	t.Parallel()
	for head, want := range map[string]bool{"TLS-Required: no\n": true, "TLS-Required: yes\n": false, "": false} {
		text := head + "Subject: x\n\nTLS-Required: No\n"
		b, err := Write(Notice{ID: "A", To: "ann@example.com", Original: "B", Message: strings.NewReader(text), Size: int64(len(text)), SizeLimit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if own, _, _ := strings.Cut(string(b), "\n\n"); strings.Contains(own, "\nTls-Required: No\n") != want {
			t.Errorf("%q: notice with field: %t, want %t\n%s", head, !want, want, own)
		}
	}
}
