package smtpd

import (
	"fmt"
	"strings"
	"testing"

	"yubin/internal/queue"
)

// binaryMail is a transaction for content that is no text.
const binaryMail = "EHLO h\r\nMAIL FROM:<a@b.example> BODY=BINARYMIME\r\nRCPT TO:<ann@example.org>\r\n"

func TestBinaryDialogues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, who string
		main      []string
		send      string // BDAT and more
		want      string // last reply
		body      string // in the queue, behind our Received field; "": nothing is
	}{
		{name: "as it came", send: "BDAT 30 LAST\r\na: b\r\n\r\n\x00\n\r\r\n\n.\r\n..\xff\r\nx\n\ny\r\n \r", want: "250 2.0.0 Ok: 30 bytes queued as ...",
			body: "a: b\r\n\r\n\x00\n\r\r\n\n.\r\n..\xff\r\nx\n\ny\r\n \r"},
		{name: "in chunks", send: "BDAT 5\r\na: b\rBDAT 3\r\n\n\r\nBDAT 0\r\nBDAT 3 LAST\r\n\r\n\n", want: "250 2.0.0 Ok: 11 bytes queued as ...",
			body: "a: b\r\n\r\n\r\n\n"},
		{name: "LF alone in the header", send: "BDAT 9 LAST\r\na: b\n\r\n\x00\n", want: "250 2.0.0 Ok: 9 bytes queued as ...", body: "a: b\r\n\r\n\x00\n"},
		{name: "LF alone in the header is refused", main: []string{"smtpd_forbid_bare_newline = reject"}, send: "BDAT 9 LAST\r\na: b\n\r\n\x00\n",
			want: "550 5.5.2 mx.example Error: bare <LF> received"},
		{name: "LF alone in the body is content", main: []string{"smtpd_forbid_bare_newline = reject"}, send: "BDAT 10 LAST\r\na: b\r\n\r\n\x00\n",
			want: "250 2.0.0 Ok: 10 bytes queued as ...", body: "a: b\r\n\r\n\x00\n"},
		{name: "no header", send: "BDAT 4 LAST\r\n\x00\r\n\n", want: "250 2.0.0 Ok: 4 bytes queued as ...", body: "\r\n\x00\r\n\n"},
		{name: "nothing", send: "BDAT 0 LAST\r\n", want: "250 2.0.0 Ok: 0 bytes queued as ...", body: ""},
		{name: "no body", send: "BDAT 4 LAST\r\na: b", want: "250 2.0.0 Ok: 4 bytes queued as ...", body: "a: b\r\n"},
		{name: "what is missing is added", main: []string{"always_add_missing_headers = yes", "enable_long_queue_ids = no"}, send: "BDAT 13 LAST\r\nTo: x@y\r\n\r\n\x00\n",
			want: "250 2.0.0 Ok: 13 bytes queued as ...", body: "To: x@y\r\n*\r\n\r\n\x00\n"},
		{name: "too big", main: []string{"message_size_limit = 5"}, send: "BDAT 3\r\na: BDAT 3 LAST\r\n\r\n\x00", want: "552 5.3.4 Chunk exceeds message size limit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			// Whatever pieces it comes in.
			for _, size := range []int{1, 7, 10000} {
				r := newRig(t, c.main...)
				conn := r.connect(stranger)
				conn.reply()
				for line := range strings.Lines(binaryMail) {
					if got := conn.say(strings.TrimSpace(line)); got[0] != '2' {
						t.Fatalf("%q: %s", line, got)
					}
				}
				go func() {
					for left := c.send + "QUIT\r\n"; left != ""; {
						n := min(size, len(left))
						if _, err := conn.c.Write([]byte(left[:n])); err != nil {
							return
						}
						left = left[n:]
					}
				}()
				var last string
				for got := conn.reply(); !strings.HasPrefix(got, "221"); got = conn.reply() {
					last = got
				}
				conn.close()
				if want, open := strings.CutSuffix(c.want, "..."); last != want && !(open && strings.HasPrefix(last, want)) {
					t.Fatalf("in pieces of %d: got %s, want %s", size, last, c.want)
				}
				r.checkBinary(c.want[0] == '2', c.body)
			}
		})
	}
}

// checkBinary looks at what is in the queue; a line "*" stands for any fields.
func (r *rig) checkBinary(taken bool, body string) {
	r.t.Helper()
	messages := r.taken()
	if len(messages) == 0 != !taken {
		r.t.Fatalf("%d messages are in the queue", len(messages))
	}
	if !taken {
		return
	}
	m := messages[0]
	if m.flags != queue.FlagBinary || m.env.Attrs[queue.AttrBody] != "BINARYMIME" {
		r.t.Errorf("flags %d, attributes %v", m.flags, m.env.Attrs)
	}
	trace, rest := m.content[:len(m.content)-len(m.body())], m.body()
	if !strings.HasPrefix(trace, "Received: ") || strings.Count(trace, "\r\n") != strings.Count(trace, "\n") {
		r.t.Errorf("trace %q", trace)
	}
	before, after, some := strings.Cut(body, "*\r\n")
	if some && strings.HasPrefix(rest, before) && strings.HasSuffix(rest, after) && strings.Contains(rest, "\r\nMessage-Id: <") {
		if head := strings.TrimSuffix(rest, after); strings.Count(head, "\r\n") != strings.Count(head, "\n") {
			r.t.Errorf("header %q", head)
		}
		return
	}
	if rest != body {
		r.t.Errorf("content %q, want %q", rest, body)
	}
}

// It is offered only whole, and refused where it is kept back.
func TestBinaryOffered(t *testing.T) {
	t.Parallel()
	const taken = "250 2.1.0 Ok"
	for _, c := range []struct{ main, want string }{
		{"", taken},
		{"smtpd_discard_ehlo_keywords = binarymime", "501 5.5.4 Bad parameter syntax: BODY=BINARYMIME"},
		{"smtpd_discard_ehlo_keywords = chunking", "501 5.5.4 Bad parameter syntax: BODY=BINARYMIME"},
	} {
		r := newRig(t, c.main)
		conn := r.connect(stranger)
		conn.reply()
		ehlo := conn.say("EHLO h")
		if strings.Contains(ehlo, "-BINARYMIME") != (c.want == taken) || strings.Contains(ehlo, "-CHUNKING") != !strings.HasSuffix(c.main, "chunking") {
			t.Errorf("%q: %s", c.main, ehlo)
		}
		if got := conn.say("MAIL FROM:<a@b.example> BODY=binarymime"); got != c.want {
			t.Errorf("%q: got %s, want %s", c.main, got, c.want)
		}
		if c.want == taken {
			// DATA is refused, and nothing is lost by it.
			for _, step := range [][2]string{{"RCPT TO:<ann@example.org>", "250 2.1.5 Ok"}, {"DATA", "503 5.5.1 Error: BODY=BINARYMIME needs BDAT"}} {
				if got := conn.say(step[0]); got != step[1] {
					t.Errorf("%s: %s", step[0], got)
				}
			}
			if got := conn.say("BDAT 0 LAST"); got[:3] != "250" {
				t.Error(got)
			}
		}
		conn.close()
	}
}

// FuzzBinary: whatever comes as content behind a header, and in whatever
// chunks, is what is in the queue.
func FuzzBinary(f *testing.F) {
	f.Add([]byte("\x00\r\n.\r\n\n\r"), 3)
	f.Add([]byte("--b\r\nBDAT 1 LAST\r\n"), 1)
	f.Fuzz(func(t *testing.T, body []byte, chunk int) {
		if chunk < 1 || len(body) > 2000 || len(body)/chunk > 200 {
			return
		}
		r := newRig(t)
		conn := r.connect(stranger)
		conn.reply()
		for line := range strings.Lines(binaryMail) {
			conn.say(strings.TrimSpace(line))
		}
		content := "a: b\r\n\r\n" + string(body)
		for left := content; ; {
			n := min(chunk, len(left))
			last := ""
			if n == len(left) {
				last = " LAST"
			}
			conn.send(fmt.Sprintf("BDAT %d%s\r\n%s", n, last, left[:n]))
			if got := conn.reply(); got[:3] != "250" {
				t.Fatal(got)
			}
			if left = left[n:]; last != "" {
				break
			}
		}
		conn.close()
		if got := r.taken()[0]; got.body() != content || got.flags != queue.FlagBinary {
			t.Errorf("got %q, want %q", got.body(), content)
		}
	})
}
