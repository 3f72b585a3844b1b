package smtpd

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// Whatever a local program writes, and in whatever pieces it comes, every LF of
// it has one CR in front and nothing else is changed.
func FuzzWireEnds(f *testing.F) {
	f.Add("HELO x\nMAIL FROM:<>\r\n\r\r\n\n.\n")
	f.Add("\n")
	f.Add("a\r")
	f.Fuzz(func(t *testing.T, text string) {
		want := strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
		for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
			got, err := io.ReadAll(&wireEnds{r: bufio.NewReader(r)})
			if err != nil || string(got) != want {
				t.Errorf("%q: %q and %v, want %q", text, got, err, want)
			}
			if strings.HasPrefix(text, "\n") && !strings.HasPrefix(string(got), "\r\n") {
				t.Errorf("%q: %q", text, got)
			}
		}
	})
}

// A letter that sendmail does not take is not taken: the client keeps it.
func TestHandoverFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for program, args := range map[string][]string{"/bin/false": nil, "/nowhere": nil, "/bin/sh": {"-c", "exit 75"}} {
		var err error
		r.srv, err = newLocal(r.c, r.srv.log, &handover{program: program, args: args})
		if err != nil {
			t.Fatal(err)
		}
		c := r.connect(insider)
		c.play(`
			S: 220 ...
			C: EHLO c
			S: 250-mx.example
			S: 250-PIPELINING
			S: 250-SIZE 10240000
			S: 250-VRFY
			S: 250-ENHANCEDSTATUSCODES
			S: 250-8BITMIME
			S: 250 LIMITS RCPTMAX=1000
			C: MAIL FROM:<ann@example.org> RET=HDRS
			S: 501 5.7.1 DSN support is disabled
			C: MAIL FROM:<ann@example.org>
			S: 250 2.1.0 Ok
			C: RCPT TO:<far@elsewhere.example> NOTIFY=NEVER
			S: 555 5.5.4 Unsupported option: NOTIFY=NEVER
			C: RCPT TO:<far@elsewhere.example>
			S: 250 2.1.5 Ok
			C: DATA
			S: 354 ...
			C: .
			S: 451 4.3.0 Error: queue file write error
			C: QUIT
			S: 221 2.0.0 Bye`)
		c.close()
	}
}

// No command ends a session on standard input but those that should, in no
// state: what a server for the network looks at may not be there.
func TestLocalCommands(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var err error
	if r.srv, err = newLocal(r.c, r.srv.log, &handover{program: "/bin/true"}); err != nil {
		t.Fatal(err)
	}
	for _, before := range [][]string{nil, {"EHLO c"}, {"EHLO c", "MAIL FROM:<a@example.org>"}, {"EHLO c", "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>"}} {
		for _, line := range []string{"HELO c", "STARTTLS", "AUTH PLAIN", "MAIL FROM:<>", "RCPT TO:<b@example.org>", "BDAT 0 LAST", "RSET", "NOOP", "VRFY bob",
			"ETRN example.org", "HELP", "XCLIENT NAME=x", "XFORWARD NAME=x", "WHAT is this", "VERB", "GET / HTTP/1.1", "\xff"} {
			c := r.connect(insider)
			c.reply()
			for _, line := range before {
				c.say(line)
			}
			if got := c.say(line); strings.HasPrefix(got, "421 ") {
				t.Errorf("%s behind %q: %s", line, before, got)
			}
			if got := c.say("QUIT"); !strings.HasPrefix(got, "221 ") {
				t.Errorf("QUIT behind %q, %s: %s", before, line, got)
			}
			c.close()
		}
	}
}
