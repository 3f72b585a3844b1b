package smtp

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

func TestReplyAppend(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 600)
	for _, c := range []struct {
		name  string
		reply Reply
		want  string
	}{
		{"enhanced", Reply{Code: 250, Detail: SenderOK, Text: "Ok"}, "250 2.1.0 Ok\r\n"},
		{"refusal", Reply{Code: 550, Detail: BadMailbox, Text: "no"}, "550 5.1.1 no\r\n"},
		{"plain lines", Reply{Code: 250, Text: "mx\nSIZE 1\nHELP", Plain: true}, "250-mx\r\n250-SIZE 1\r\n250 HELP\r\n"},
		{"354 has no enhanced code", Reply{Code: 354, Text: "End data"}, "354 End data\r\n"},
		{"enhanced lines", Reply{Code: 421, Detail: SystemShutdown, Text: "a\nb"}, "421-4.3.2 a\r\n421 4.3.2 b\r\n"},
		{"no text", Reply{Code: 250, Plain: true}, "250 \r\n"},
		{"foreign bytes", Reply{Code: 550, Detail: Undefined, Text: "a\r250 ok\tä\xff\x00"}, "550 5.0.0 a?250 ok ???\r\n"},
		{"a challenge is one line", Reply{Code: 334, Text: long, Plain: true}, "334 " + long + "\r\n"},
		{"long", Reply{Code: 250, Text: long, Plain: true}, "250-" + long[:506] + "\r\n250 " + long[506:] + "\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := string(c.reply.Append(nil))
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			for line := range strings.SplitSeq(got, "\r\n") {
				if len(line) > maxReplyLine && c.reply.Code != 334 {
					t.Errorf("line of %d octets", len(line))
				}
			}
		})
	}
}

// Our own errors tell the peer nothing (no path, no errno) and are temporary.
func TestReplyTo(t *testing.T) {
	t.Parallel()
	own := fmt.Errorf("write pool/1: %w", &fs.PathError{Op: "open", Path: "/var/spool", Err: syscall.EACCES})
	r := ReplyTo(own)
	if r.Class() != 4 || strings.Contains(r.Text, "/var") || strings.Contains(r.Text, "denied") {
		t.Errorf("ReplyTo(%v) = %v", own, r)
	}
	refusal := &Error{Op: "check a@b", Reply: Reply{Code: 554, Detail: NotAuthorized, Text: "no"}, Err: own}
	if got := ReplyTo(fmt.Errorf("rcpt: %w", refusal)); got != refusal.Reply {
		t.Errorf("got %v, want %v", got, refusal.Reply)
	}
	if got := refusal.Error(); !strings.HasPrefix(got, "check a@b: write pool/1") {
		t.Errorf("Error() = %q", got)
	}
}

func TestParseCode(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"5.1.1": "5.1.1", "2.0.0": "2.0.0", "4.7.999": "4.7.999",
		"": "", "3.1.1": "", "5.1": "", "5.1.1.1": "", "5.01.1": "", "5.1000.1": "", "5.-1.1": "", "5.1.1 ": "",
	} {
		got := ""
		if class, d, ok := ParseCode(s); ok {
			got = d.Code(class)
		}
		if got != want {
			t.Errorf("ParseCode(%q) gives %q, want %q", s, got, want)
		}
	}
}

// FuzzReply: whatever the text, the reply is lines of at most 512 octets (but for a
// challenge) of printable ASCII that all begin with the code, and only the last ends it.
func FuzzReply(f *testing.F) {
	f.Add("a\nb", 550)
	f.Add(strings.Repeat("\xff", 2000), 250)
	f.Fuzz(func(t *testing.T, text string, code int) {
		r := Reply{Code: 200 + (code&0x7fffffff)%400, Detail: BadMailbox, Text: text}
		got := r.Append(nil)
		lines := bytes.SplitAfter(got, []byte("\r\n"))
		if len(lines[len(lines)-1]) != 0 {
			t.Fatalf("%q does not end in CRLF", got)
		}
		lines = lines[:len(lines)-1]
		for i, line := range lines {
			sep := byte('-')
			if i == len(lines)-1 {
				sep = ' '
			}
			if len(line) > 512 && r.Code != 334 || string(line[:3]) != fmt.Sprint(r.Code) || line[3] != sep {
				t.Fatalf("line %d: %q", i, line)
			}
			for _, c := range line[:len(line)-2] {
				if c < ' ' || c > '~' {
					t.Fatalf("line %d: %q", i, line)
				}
			}
		}
	})
}
