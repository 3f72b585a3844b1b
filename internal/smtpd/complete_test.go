package smtpd

import (
	"regexp"
	"strings"
	"testing"
)

// letterOf sends one letter and returns what is kept of it behind our Received
// field, times and IDs as T and ID.
func letterOf(t *testing.T, who peer, sender, text string, main ...string) string {
	t.Helper()
	r := newRig(t, main...)
	c := r.connect(who)
	c.reply()
	for _, line := range []string{"HELO h", "MAIL FROM:<" + sender + ">", "RCPT TO:<ann@example.org>", "DATA"} {
		if got := c.say(line); got[0] > '3' {
			t.Fatalf("%s: %s", line, got)
		}
	}
	c.send(strings.ReplaceAll(text, "\n", "\r\n") + ".\r\n")
	if got := c.reply(); got[0] != '2' {
		t.Fatal(got)
	}
	c.say("QUIT")
	c.close()
	body := r.taken()[0].body()
	body = regexp.MustCompile(`(?m)^((?:Resent-)?Date: ).*$`).ReplaceAllString(body, "${1}T")
	return regexp.MustCompile(`<\d{14}\.[0-9A-F]+@`).ReplaceAllString(body, "<ID@")
}

// Which letters are completed, and how (RFC 6409, 8).
func TestMissingHeaders(t *testing.T) {
	t.Parallel()
	const bare = "Subject: x\nBcc: bob@example.org\n\ntext\n"
	const added = "Subject: x\nDate: T\nFrom: ann@example.org\nMessage-Id: <ID@mx.example>\n\ntext\n"
	for _, c := range []struct {
		name       string
		who        peer
		main       string
		sender     string
		text, want string
	}{
		{"stranger", stranger, "", "ann@example.org", bare, bare},
		{"this host", insider, "", "ann@example.org", bare, added},
		{"not this host", insider, "local_header_rewrite_clients =", "ann@example.org", bare, bare},
		{"a table", stranger, "local_header_rewrite_clients = static:all", "ann@example.org", bare, added},
		{"a table of addresses", stranger, "local_header_rewrite_clients = check_address_map inline:{192.0.2=x}", "ann@example.org", bare, added},
		{"another table", stranger, "local_header_rewrite_clients = inline:{192.0.3=x}", "ann@example.org", bare, bare},
		{"a table that cannot be read", stranger, "local_header_rewrite_clients = fail:x static:all", "ann@example.org", bare, bare},
		{"networks", insider, "local_header_rewrite_clients = permit_mynetworks", "ann@example.org", bare, added},
		{"everybody", stranger, "always_add_missing_headers = yes", "ann@example.org", bare,
			"Subject: x\nBcc: bob@example.org\nDate: T\nFrom: ann@example.org\nMessage-Id: <ID@mx.example>\n\ntext\n"},
		{"all there", insider, "", "ann@example.org", "From: a\nDate: b\nMessage-ID: c\n\nx\n", "From: a@mx.example\nDate: T\nMessage-ID: c\n\nx\n"},
		{"null sender", insider, "", "", "\nx\n", "Date: T\nFrom: MAILER-DAEMON@mx.example\nMessage-Id: <ID@mx.example>\n\nx\n"},
		{"no header", insider, "", "ann@example.org", "x\n", "Date: T\nFrom: ann@example.org\nMessage-Id: <ID@mx.example>\n\nx\n"},
		{"no body", insider, "", "ann@example.org", "Subject: x\n", "Subject: x\nDate: T\nFrom: ann@example.org\nMessage-Id: <ID@mx.example>\n"},
		{"a mailbox", insider, "", "ann@example.org", "From x@y Thu Nov 26\nFrom: a@b\nDate: b\nMessage-ID: c\n\nx\n",
			"X-Mailbox-Line: From x@y Thu Nov 26\nFrom: a@b\nDate: T\nMessage-ID: c\n\nx\n"},
		{"resent", insider, "", "ann@example.org", "From: a\nDate: b\nMessage-ID: c\nResent-To: d\n\nx\n",
			"From: a@mx.example\nDate: T\nMessage-ID: c\nResent-To: d@mx.example\nResent-Date: T\nResent-From: ann@example.org\nResent-Message-Id: <ID@mx.example>\n\nx\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := letterOf(t, c.who, c.sender, c.text, c.main); got != c.want {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
		})
	}
}

// What does not begin with a header is parted from our Received field, whoever
// sends it; lines of mailbox files are no text.
func TestNoHeader(t *testing.T) {
	t.Parallel()
	const header = "From: a@b.example\nDate: T\nMessage-ID: <c@d>\n"
	for _, c := range []struct{ name, text, want string }{
		{"text alone", "x\ny: z\n", "\nx\ny: z\n"},
		{"a continuation of our field", "\tby liar.example\n" + header + "\nx\n", "\n\tby liar.example\n" + header + "\nx\n"},
		{"text behind a field", header + "no field\nX: y\n", header + "\nno field\nX: y\n"},
		{"no text", header, header},
		{"nothing", "", ""},
		{"empty lines", "\n\nx\n", "\n\nx\n"},
		{"a mailbox", "From a@b Thu Nov 26 06:00:00 2026\n" + header + "\nFrom x\n", "X-Mailbox-Line: From a@b Thu Nov 26 06:00:00 2026\n" + header + "\nFrom x\n"},
		{"a mailbox in a mailbox", "From a@b\n>>From c@d\n" + header + "\nx\n", "X-Mailbox-Line: From a@b\nX-Mailbox-Line: >>From c@d\n" + header + "\nx\n"},
		{"less than the word", ">Fro\n", "\n>Fro\n"},
		{"further down", header + "From a@b\n", header + "\nFrom a@b\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := letterOf(t, stranger, "ann@example.org", c.text); got != c.want {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestRewriteClientsValue(t *testing.T) {
	t.Parallel()
	if _, err := tryRig(t, "local_header_rewrite_clients = permit"); err == nil || !strings.Contains(err.Error(), `"permit" is not known`) {
		t.Errorf("got %v", err)
	}
}
