package dsn

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-message"
)

func TestGoldenTranscript(t *testing.T) {
	t.Parallel()
	var d Dialogue
	d.Out([]byte("220 mx.example.com ESMTP\r\n"))
	d.In([]byte("EHLO client.example"))
	d.Out([]byte("250-mx.example.com\r\n250-PIPELINING\r\n250 8BITMIME\r\n"))
	d.In([]byte("RCPT \x1b[1mbéd\xff"))
	d.Out([]byte("503-5.5.1 Error: need MAIL command\r\n503 5.5.1 more\r\n"))
	tr := Transcript{
		ID: "1D8CC1CA0A7F00", Hostname: "mx.example.com", MailName: "Yubin", Time: time.Date(2026, 11, 23, 8, 0, 1, 0, time.UTC),
		To: "postmaster@example.com", Peer: "client.example[192.0.2.1]", Classes: []string{"policy", "protocol"},
		Reason: "lost connection after RCPT", Said: d.String(), Omitted: 3,
	}
	got, err := tr.Write()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, got, "testdata/transcript.eml")
	m, err := message.Read(bytes.NewReader(got))
	if err != nil || m.Header.Get("Subject") != "Yubin SMTP server: errors from client.example[192.0.2.1]" {
		t.Errorf("%v, subject %q", err, m.Header.Get("Subject"))
	}
}

// However much is said, what is kept is bounded: the beginning, the end, and a mark
// between.
func TestDialogueIsBounded(t *testing.T) {
	t.Parallel()
	var d Dialogue
	for i := range 5000 {
		d.In(fmt.Appendf(nil, "%d %s", i, strings.Repeat("x", i%1000)))
		if len(d.b) > maxSaid+len(leftOut) {
			t.Fatalf("%d octets", len(d.b))
		}
	}
	lines := strings.Split(strings.TrimRight(d.String(), "\n"), "\n")
	if lines[0] != "In:  0 " || !strings.HasPrefix(lines[len(lines)-1], "In:  4999 x") || strings.Count(d.String(), "\n...\n") != 1 {
		t.Errorf("kept:\n%s", d.String())
	}
	for _, l := range lines {
		if l != "..." && !strings.HasPrefix(l, "In:  ") {
			t.Errorf("half a line: %q", l)
		}
	}
	d.Reset()
	if d.String() != "" || cap(d.b) > keptFirst {
		t.Errorf("after Reset: %q, %d", d.String(), cap(d.b))
	}
}

func TestLimiter(t *testing.T) {
	t.Parallel()
	l := Limiter{Max: 2}
	at := time.Now()
	for i, want := range []string{"true 0", "true 0", "false 0", "false 0"} {
		ok, n := l.Take(at.Add(time.Duration(i) * time.Minute))
		if got := fmt.Sprint(ok, n); got != want {
			t.Errorf("%d: %s, want %s", i, got, want)
		}
	}
	if ok, n := l.Take(at.Add(time.Hour)); !ok || n != 2 {
		t.Errorf("an hour later: %t %d", ok, n)
	}
}
