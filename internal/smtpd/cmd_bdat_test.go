package smtpd

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"yubin/internal/intake"
)

// untilBdat is a transaction with a recipient.
const untilBdat = `
	S: 220 ...
	C: MAIL FROM:<a@b.example>
	S: 250 2.1.0 Ok
	C: RCPT TO:<ann@example.org>
	S: 250 2.1.5 Ok
	`

const end = `
	C: QUIT
	S: 221 2.0.0 Bye`

// Dialogues with BDAT, in every state of a session, and what is in the queue
// behind them.
var chunkDialogues = []struct {
	name   string
	main   []string
	set    func(*fakeDepot)
	script string
	bodies []string
	log    []string
}{
	{name: "one chunk", script: untilBdat + `
		C~ BDAT 9 LAST\r\na: b\r\n\r\nx
		S: 250 2.0.0 Ok: 9 bytes queued as 00000000000010` + end,
		bodies: []string{"a: b\n\nx\n"},
		log: []string{"00000000000010: client=unknown[192.0.2.1]", "cleanup: 00000000000010: message-id=<>",
			"disconnect from unknown[192.0.2.1] mail=1 rcpt=1 bdat=1 quit=1 commands=4"}},
	{name: "chunks", script: untilBdat + `
		C~ BDAT 3\r\na:\x20
		S: 250 2.0.0 Ok: 3 bytes
		C~ bdat 4\r\nb\r\n\r
		S: 250 2.0.0 Ok: 4 bytes
		C~ BDAT 0\r\n
		S: 250 2.0.0 Ok: 0 bytes
		C: NOOP
		S: 250 2.0.0 Ok
		C~ BDAT 10 last\r\n\n.\r\n..\r\n\r\n
		S: 250 2.0.0 Ok: 17 bytes queued as ...` + end,
		bodies: []string{"a: b\n\n.\n..\n\n"}},
	{name: "nothing at the end", script: untilBdat + `
		C~ BDAT 3\r\nx\r\n
		S: 250 2.0.0 Ok: 3 bytes
		C: BDAT 0 LAST
		S: 250 2.0.0 Ok: 3 bytes queued as ...` + end, bodies: []string{"\nx\n"}},
	{name: "nothing at all", script: untilBdat + `
		C: BDAT 0 LAST
		S: 250 2.0.0 Ok: 0 bytes queued as ...` + end, bodies: []string{""}},
	{name: "half a line end", script: untilBdat + `
		C~ BDAT 2 LAST\r\nx\r
		S: 250 2.0.0 Ok: 2 bytes queued as ...` + end, bodies: []string{"\nx\n"}},
	{name: "pipelined", script: `
		S: 220 ...
		C: EHLO h
		S: 250-mx.example
		S: 250-PIPELINING
		S: 250-SIZE 10240000
		S: 250-VRFY
		S: 250-ETRN
		S: 250-ENHANCEDSTATUSCODES
		S: 250-8BITMIME
		S: 250-DSN
		S: 250-SMTPUTF8
		S: 250-CHUNKING
		S: 250-BINARYMIME
		S: 250 LIMITS RCPTMAX=1000
		C~ MAIL FROM:<a@b.example>\r\nRCPT TO:<ann@example.org>\r\nBDAT 3\r\nx\r\nBDAT 3 LAST\r\ny\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nBDAT 6 LAST\r\nQUIT\r\nQUIT\r\n
		S: 250 2.1.0 Ok
		S: 250 2.1.5 Ok
		S: 250 2.0.0 Ok: 3 bytes
		S: 250 2.0.0 Ok: 6 bytes queued as ...
		S: 250 2.1.0 Ok
		S: 250 2.1.5 Ok
		S: 250 2.0.0 Ok: 6 bytes queued as ...
		S: 221 2.0.0 Bye`, bodies: []string{"\nx\ny\n", "\nQUIT\n"}},
	{name: "not mixed", main: []string{"smtpd_hard_error_limit = 100"}, script: untilBdat + `
		C~ BDAT 1\r\nx
		S: 250 2.0.0 Ok: 1 bytes
		C: DATA
		S: 503 5.5.1 Error: DATA after BDAT
		C: MAIL FROM:<a@b.example>
		S: 503 5.5.1 Error: MAIL after BDAT
		C: RCPT TO:<bob@example.org>
		S: 503 5.5.1 Error: RCPT after BDAT
		C: BDAT 0 LAST
		S: 250 2.0.0 Ok: 1 bytes queued as ...` + end, bodies: []string{"\nx\n"}},
	{name: "reset", script: untilBdat + `
		C~ BDAT 1\r\nx
		S: 250 2.0.0 Ok: 1 bytes
		C: RSET
		S: 250 2.0.0 Ok
		C: BDAT 0 LAST
		S: 503 5.5.1 Error: need RCPT command
		C: MAIL FROM:<a@b.example>
		S: 250 2.1.0 Ok` + end},
	{name: "greeted anew", script: untilBdat + `
		C~ BDAT 1\r\nx
		S: 250 2.0.0 Ok: 1 bytes
		C: HELO h
		S: 250 mx.example
		C: MAIL FROM:<a@b.example>
		S: 250 2.1.0 Ok` + end},
	{name: "hung up", script: untilBdat + `
		C~ BDAT 1\r\nx
		S: 250 2.0.0 Ok: 1 bytes
		C: XYZZY
		S: 500 5.5.2 Error: command not recognized`,
		log: []string{"lost connection after UNKNOWN from unknown[192.0.2.1]"}},
	{name: "hung up in a chunk", script: untilBdat + `
		C~ BDAT 5\r\nabcde
		S: 250 2.0.0 Ok: 5 bytes
		C~ BDAT 5\r\nab`,
		log: []string{"lost connection after BDAT (7 bytes) from unknown[192.0.2.1]"}},
	{name: "not greeted", script: `
		S: 220 ...
		C~ BDAT 6\r\nQUIT\r\nBDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n
		S: 503 5.5.1 Error: need RCPT command
		S: 551 5.0.0 Discarded 6 bytes after earlier error
		S: 551 5.0.0 Discarded 6 bytes after earlier error` + end},
	{name: "after an error", script: `
		S: 220 ...
		C~ BDAT 6\r\nQUIT\r\n
		S: 503 5.5.1 Error: need RCPT command
		C: MAIL FROM:<a@b.example>
		S: 503 5.5.1 Error: MAIL after BDAT
		C: RSET
		S: 250 2.0.0 Ok
		C: MAIL FROM:<a@b.example>
		S: 250 2.1.0 Ok
		C~ BDAT 6 LAST\r\nQUIT\r\n
		S: 503 5.5.1 Error: need RCPT command
		C: MAIL FROM:<a@b.example>
		S: 250 2.1.0 Ok
		C: RCPT TO:<nobody@example.org>
		S: 550 5.1.1 ...
		C~ BDAT 6 LAST\r\nQUIT\r\n
		S: 554 5.5.1 Error: no valid recipients` + end},
	{name: "too large", main: []string{"message_size_limit = 10"}, script: untilBdat + `
		C~ BDAT 6\r\nQUIT\r\n
		S: 250 2.0.0 Ok: 6 bytes
		C~ BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n
		S: 552 5.3.4 Chunk exceeds message size limit
		S: 551 5.0.0 Discarded 6 bytes after earlier error
		C: MAIL FROM:<a@b.example>
		S: 250 2.1.0 Ok
		C: RCPT TO:<ann@example.org>
		S: 250 2.1.5 Ok
		C~ BDAT 10 LAST\r\n12345678\r\n
		S: 250 2.0.0 Ok: 10 bytes queued as ...` + end,
		bodies: []string{"\n12345678\n"},
		log:    []string{"00000000000010: reject: BDAT from unknown[192.0.2.1]: 552 5.3.4 Chunk exceeds message size limit; from=<a@b.example> proto=SMTP"}},
	{name: "far too large", script: untilBdat + `
		C~ BDAT 9223372036854775807\r\nab`,
		log: []string{"lost connection after BDAT from unknown[192.0.2.1]"}},
	{name: "size that is no number", script: untilBdat + `
		C: BDAT x
		S: 521 5.5.4 Syntax: BDAT count [LAST]`},
	{name: "size beyond numbers", script: untilBdat + `
		C: BDAT 9223372036854775808 LAST
		S: 521 5.5.4 Syntax: BDAT count [LAST]`},
	{name: "negative size", script: untilBdat + `
		C: BDAT -1 LAST
		S: 521 5.5.4 Syntax: BDAT count [LAST]`},
	{name: "no size", script: untilBdat + `
		C: BDAT
		S: 521 5.5.4 Syntax: BDAT count [LAST]`},
	{name: "more arguments", script: untilBdat + `
		C: BDAT 1 LAST 2
		S: 521 5.5.4 Syntax: BDAT count [LAST]`},
	{name: "another last", script: untilBdat + `
		C~ BDAT 1 \xff\r\n
		S: 521 5.5.4 Syntax: BDAT count [LAST]`},
	{name: "header field", main: []string{"header_size_limit = 5"}, script: untilBdat + `
		C~ BDAT 9\r\na: 3456\r\n
		S: 552 5.3.4 Error: header field too large
		C~ BDAT 1 LAST\r\nx
		S: 551 5.0.0 Discarded 1 bytes after earlier error` + end},
	{name: "restricted", main: []string{"smtpd_data_restrictions = reject"}, script: untilBdat + `
		C~ BDAT 6 LAST\r\nQUIT\r\n
		S: 554 5.7.1 <DATA>: Data command rejected: Access denied` + end,
		log: []string{"NOQUEUE: reject: BDAT from unknown[192.0.2.1]: 554 5.7.1 <DATA>: Data command rejected: Access denied; from=<a@b.example> to=<ann@example.org> proto=SMTP"}},
	{name: "no room", set: func(d *fakeDepot) { d.blankErr = intake.ErrFull }, script: untilBdat + `
		C~ BDAT 6 LAST\r\nQUIT\r\n
		S: 452 4.3.1 Insufficient system storage` + end},
	{name: "not safe", set: func(d *fakeDepot) { d.commit = intake.ErrDown }, script: untilBdat + `
		C~ BDAT 1 LAST\r\nx
		S: 451 4.3.0 Error: queue file write error` + end},
	{name: "not written", set: func(d *fakeDepot) { d.spoiled = true }, script: untilBdat + `
		C~ BDAT 1 LAST\r\nx
		S: 451 4.3.0 Error: queue file write error` + end},
	{name: "bare LF", script: untilBdat + `
		C~ BDAT 4 LAST\r\nx\ny\n
		S: 250 2.0.0 Ok: 4 bytes queued as ...` + end, bodies: []string{"\nx\ny\n"}},
	{name: "bare LF refused", main: []string{"smtpd_forbid_bare_newline = reject"}, script: untilBdat + `
		C~ BDAT 2\r\nx\n
		S: 250 2.0.0 Ok: 2 bytes
		C~ BDAT 0 LAST\r\n
		S: 550 5.5.2 mx.example Error: bare <LF> received` + end},
	{name: "bare LF behind the command", main: []string{"smtpd_forbid_bare_newline = reject"}, script: untilBdat + `
		C~ BDAT 6\nQUIT\r\n
		S: 550 5.5.2 mx.example Error: bare <LF> received`},
	{name: "empty chunks are junk", main: []string{"smtpd_junk_command_limit = 1", "smtpd_hard_error_limit = 1"}, script: untilBdat + `
		C: BDAT 0
		S: 250 2.0.0 Ok: 0 bytes
		C: BDAT 0
		S: 250 2.0.0 Ok: 0 bytes
		S: 421 4.7.0 mx.example Error: too many errors`},
	{name: "not offered", main: []string{"smtpd_discard_ehlo_keywords = chunking,LIMITS, dsn smtputf8"}, script: `
		S: 220 ...
		C: EHLO h
		S: 250-mx.example
		S: 250-PIPELINING
		S: 250-SIZE 10240000
		S: 250-VRFY
		S: 250-ETRN
		S: 250-ENHANCEDSTATUSCODES
		S: 250 8BITMIME
		C: MAIL FROM:<a@b.example> RET=HDRS
		S: 501 5.7.1 DSN support is disabled
		C: MAIL FROM:<a@b.example>
		S: 250 2.1.0 Ok
		C: RCPT TO:<ann@example.org> NOTIFY=NEVER
		S: 501 5.7.1 DSN support is disabled
		C: RCPT TO:<ann@example.org>
		S: 250 2.1.5 Ok
		C~ BDAT 6 LAST\r\nQUIT\r\n
		S: 502 5.5.1 Error: command not implemented` + end,
		log: []string{"discarding EHLO keywords: DSN SMTPUTF8 CHUNKING LIMITS"}},
	{name: "not offered to some", main: []string{"smtpd_discard_ehlo_keywords = dsn",
		"smtpd_discard_ehlo_keyword_address_maps = inline:{{192.0.2.1 = etrn, silent-discard}}"}, script: `
		S: 220 ...
		C: EHLO h
		S: 250-mx.example
		S: 250-PIPELINING
		S: 250-SIZE 10240000
		S: 250-VRFY
		S: 250-ENHANCEDSTATUSCODES
		S: 250-8BITMIME
		S: 250-DSN
		S: 250-SMTPUTF8
		S: 250-CHUNKING
		S: 250-BINARYMIME
		S: 250 LIMITS RCPTMAX=1000
		C: ETRN example.org
		S: 502 5.5.1 Error: command not implemented` + end,
		log: []string{"connect from unknown[192.0.2.1]", "disconnect from unknown[192.0.2.1] ehlo=1 etrn=0/1 quit=1 commands=2/3"}},
}

func TestChunkDialogues(t *testing.T) {
	t.Parallel()
	for _, tc := range chunkDialogues {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, tc.main...)
			if tc.set != nil {
				tc.set(r.depot)
			}
			c := r.connect(stranger)
			c.play(tc.script)
			c.close()
			var bodies []string
			for _, m := range r.taken() {
				bodies = append(bodies, m.body())
			}
			if fmt.Sprintf("%q", bodies) != fmt.Sprintf("%q", tc.bodies) {
				t.Errorf("queued %q, want %q", bodies, tc.bodies)
			}
			wantLog(t, r, tc.log)
		})
	}
}

// A client that trickles its chunks has no more time than with DATA.
func TestChunksTakeTooLong(t *testing.T) {
	t.Parallel()
	r := newRig(t, "smtpd_timeout = 3s") // enough for what comes before, on a busy machine
	c := r.connect(stranger)
	c.play(untilBdat + `
		C~ BDAT 5\r\nab
		S: 421 4.4.2 mx.example Error: timeout exceeded`)
	c.close()
	wantLog(t, r, []string{"timeout after BDAT (2 bytes) from unknown[192.0.2.1]"})
	r.taken()
}

func TestTextDecoder(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		data, content string
		bare          bool
	}{
		{"", "", false},
		{"a", "a\n", false},
		{"a\r\n", "a\n", false},
		{"a\n", "a\n", true},
		{"\n", "\n", true},
		{"\r\n", "\n", false},
		{"\r", "\n", false},
		{"\r\r", "\r\n", false},
		{"a\rb\r\r\n\nc", "a\rb\r\n\nc\n", true},
		{".\r\n..\r\n\r\n.\r\n", ".\n..\n\n.\n", false},
		{"\xff\x00\r\n\r\n", "\xff\x00\n\n", false},
	} {
		for size := 1; size <= len(tc.data)+1; size++ {
			if got, bare := decodeText(tc.data, size); got != tc.content || bare != tc.bare {
				t.Errorf("%q in pieces of %d: %q, bare %t; want %q, %t", tc.data, size, got, bare, tc.content, tc.bare)
			}
		}
	}
}

func decodeText(data string, size int) (content string, bare bool) {
	var d textDecoder
	var out bytes.Buffer
	emit := func(p []byte) { out.Write(p) }
	for len(data) > 0 {
		n := min(size, len(data))
		d.feed([]byte(data[:n]), emit)
		data = data[n:]
	}
	d.end(emit)
	return out.String(), d.bare
}

// However content is cut into chunks and the dialogue into writes, the session
// does not take content for commands, and the queue has the same content, which
// ends in LF.
func FuzzBdat(f *testing.F) {
	f.Add("a: b\r\n\r\nx\r\n.\r\nQUIT\r\n", 3, 7)
	f.Add("RSET\r\nBDAT 5 LAST\r\n", 1, 1)
	f.Add("\r\r\n\n", 2, 1000)
	shared := newRig(f)
	f.Fuzz(func(t *testing.T, data string, chunk, write int) {
		if chunk < 1 || write < 1 || len(data) > 2000 {
			return
		}
		data = "a:b\r\n\r\n" + data // text, which stays as it is
		rest := "MAIL FROM:<>\r\nRCPT TO:<ann@example.org>\r\n"
		for left := data; ; {
			n := min(chunk, len(left))
			last := ""
			if n == len(left) {
				last = " LAST"
			}
			rest += fmt.Sprintf("BDAT %d%s\r\n%s", n, last, left[:n])
			if left = left[n:]; last != "" {
				break
			}
		}
		r := *shared
		r.t = t
		c := r.connect(stranger)
		defer c.close()
		c.reply()
		c.say("EHLO h")
		rest += "QUIT\r\n"
		go func() { // replies may be due before all is said
			for len(rest) > 0 {
				n := min(write, len(rest))
				if _, err := c.c.Write([]byte(rest[:n])); err != nil {
					return
				}
				rest = rest[n:]
			}
		}()
		got := ""
		for !strings.HasPrefix(got, "221") {
			if got = c.reply(); got[0] != '2' {
				t.Fatalf("%q to %q in chunks of %d", got, data, chunk)
			}
		}
		<-c.done
		messages := r.taken()
		r.depot.mu.Lock()
		r.depot.messages = nil
		r.depot.mu.Unlock()
		want, _ := decodeText(data, len(data)+1)
		if len(messages) != 1 || messages[0].body() != want {
			t.Fatalf("%q in chunks of %d: queued %+v, want %q", data, chunk, messages, want)
		}
	})
}
