package smtpd

import (
	"strings"
	"testing"

	"yubin/internal/access"
	"yubin/internal/queue"
)

// What of content_filter and FILTER goes along with a message.
func TestFilter(t *testing.T) {
	t.Parallel()
	const table = " inline:{ {192.0.2.1=FILTER client:x} {client.example=FILTER helo:} {eve@y.example=FILTER sender:} {ann@example.org=FILTER rcpt:1} {bob@example.org=FILTER rcpt:2} }"
	for _, c := range []struct{ name, main, want string }{
		{"none", "", ""},
		{"content_filter", "content_filter = scan:localhost:10025", "scan:localhost:10025"},
		{"default next hop", "content_filter = scan\ndefault_filter_nexthop = here", "scan:here"},
		{"client", "content_filter = scan:\nsmtpd_client_restrictions = check_client_access" + table, "client:x"},
		{"client, at once", "smtpd_delay_reject = no\nsmtpd_client_restrictions = check_client_access" + table, "client:x"},
		{"the last one", "smtpd_sender_restrictions = check_sender_access" + table + "\nsmtpd_recipient_restrictions = check_recipient_access" + table, "rcpt:2"},
		{"sender, at once", "smtpd_delay_reject = no\ndefault_filter_nexthop = there\nsmtpd_helo_restrictions = check_helo_access" + table +
			"\nsmtpd_sender_restrictions = check_sender_access" + table, "sender:there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, strings.Split(c.main, "\n")...)
			cl := r.connect(stranger)
			cl.reply()
			for range 2 {
				for _, line := range []string{"EHLO client.example", "MAIL FROM:<eve@y.example>", "RCPT TO:<ann@example.org>", "RCPT TO:<bob@example.org>", "DATA"} {
					if got := cl.say(line); got[0] > '3' {
						t.Fatalf("%s: %s", line, got)
					}
				}
				cl.send("Subject: x\r\n\r\ny\r\n.\r\n")
				if got := cl.reply(); got[0] != '2' {
					t.Fatal(got)
				}
			}
			cl.say("QUIT")
			cl.close()
			for _, m := range r.taken() {
				if got := m.env.Attrs[queue.AttrFilter]; got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
			}
		})
	}
}

// What access tables make of a message.
func TestOrders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, main string
		rcpt       string // addresses, "!" before those without notices
		filter     string
		head       string // what the content begins with
		none       bool   // it is not taken
		hold       bool
		log        []string
	}{
		{name: "none", rcpt: "ann@example.org bob@example.org", head: "Received:"},
		{name: "redirect", main: "content_filter = scan:\nsmtpd_recipient_restrictions = check_recipient_access inline:{ {ann@example.org=REDIRECT x@far.example} {bob@example.org=BCC y@far.example} }",
			rcpt: "x@far.example", head: "Received:",
			log: []string{"redirect: RCPT from unknown[192.0.2.1]: <ann@example.org>: Recipient address triggers REDIRECT x@far.example; from=<eve@y.example> to=<ann@example.org>"}},
		{name: "copies", main: "smtpd_client_restrictions = check_client_access static:{BCC x@far.example}\nsmtpd_recipient_restrictions = check_recipient_access inline:{ {bob@example.org=BCC y@far.example} }",
			rcpt: "ann@example.org bob@example.org !x@far.example !y@far.example", head: "Received:",
			log: []string{"bcc: RCPT from unknown[192.0.2.1]: <unknown[192.0.2.1]>: Client host triggers BCC x@far.example;"}},
		{name: "of all messages", main: "smtpd_delay_reject = no\nsmtpd_client_restrictions = check_client_access static:{BCC x@far.example}",
			rcpt: "ann@example.org bob@example.org !x@far.example", head: "Received:"},
		{name: "fields", main: "smtpd_sender_restrictions = check_sender_access static:{PREPEND X-One: 1}\nsmtpd_data_restrictions = check_client_access static:{PREPEND X-Two: 2}",
			rcpt: "ann@example.org bob@example.org", head: "X-One: 1\nX-One: 1\nX-Two: 2\nReceived:"},
		{name: "discard", main: "smtpd_recipient_restrictions = check_recipient_access inline:{bob@example.org=DISCARD}", none: true,
			log: []string{"discard: RCPT from unknown[192.0.2.1]: <bob@example.org>: Recipient address triggers DISCARD action;"}},
		{name: "discard at the end", main: "smtpd_end_of_data_restrictions = check_client_access static:{DISCARD old news}", none: true,
			log: []string{"discard: END-OF-MESSAGE from unknown[192.0.2.1]: <unknown[192.0.2.1]>: Client host old news;"}},
		{name: "hold", main: "smtpd_recipient_restrictions = check_recipient_access inline:{ {bob@example.org=HOLD look at it} }",
			rcpt: "ann@example.org bob@example.org", head: "Received:", hold: true,
			log: []string{"hold: RCPT from unknown[192.0.2.1]: <bob@example.org>: Recipient address look at it; from=<eve@y.example> to=<bob@example.org>"}},
		{name: "only said", main: "smtpd_helo_restrictions = check_helo_access static:{INFO one}, check_helo_access static:{WARN two}",
			rcpt: "ann@example.org bob@example.org", head: "Received:",
			log: []string{"info: RCPT from unknown[192.0.2.1]: one;", "warn: RCPT from unknown[192.0.2.1]: two;"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, strings.Split(c.main, "\n")...)
			cl := r.connect(stranger)
			cl.reply()
			cl.say("EHLO client.example")
			for range 2 {
				for _, line := range []string{"MAIL FROM:<eve@y.example>", "RCPT TO:<ann@example.org>", "RCPT TO:<bob@example.org>", "DATA"} {
					if got := cl.say(line); got[0] > '3' {
						t.Fatalf("%s: %s", line, got)
					}
				}
				cl.send("Subject: x\r\n\r\ny\r\n.\r\n")
				if got := cl.reply(); !strings.HasPrefix(got, "250 2.0.0 Ok: queued as ") {
					t.Fatal(got)
				}
			}
			cl.say("QUIT")
			cl.close()
			taken := r.taken()
			if c.none != (len(taken) == 0) {
				t.Fatalf("%d messages", len(taken))
			}
			for _, m := range taken {
				if got := strings.Join(marked(m.env.Recipients), " "); got != c.rcpt {
					t.Errorf("recipients %s, want %s", got, c.rcpt)
				}
				if got := m.env.Attrs[queue.AttrHold] != ""; got != c.hold {
					t.Errorf("on hold: %t, want %t", got, c.hold)
				}
				if m.env.Attrs[queue.AttrFilter] != c.filter {
					t.Errorf("filter %q, want %q", m.env.Attrs[queue.AttrFilter], c.filter)
				}
				if !strings.HasPrefix(m.content, c.head) {
					t.Errorf("it begins with %.200q, want %q", m.content, c.head)
				}
			}
			for _, text := range c.log {
				if !strings.Contains(strings.Join(r.logged(), "\n"), text) {
					t.Errorf("the log lacks %q", text)
				}
			}
			if t.Failed() {
				t.Log(strings.Join(r.logged(), "\n"))
			}
		})
	}
}

// marked are addresses, with "!" before those of whom nobody gets a notice.
func marked(list []queue.Recipient) (out []string) {
	for _, r := range list {
		mark := ""
		if r.Attrs[queue.AttrNotify] == "NEVER" {
			mark = "!"
		}
		out = append(out, mark+r.Address)
	}
	return out
}

// A client that says EHLO for ever fills no memory with what a table adds each time.
func TestOrdersAreBounded(t *testing.T) {
	t.Parallel()
	q := &query{s: &session{}, stage: stageHelo}
	act := access.Action{Kind: access.Prepend, Text: "X: " + strings.Repeat("y", 1900)}
	n := 0
	for n < 100_000 && q.order(act, "") {
		n++
	}
	if n < 2000 || n > maxOrders/1900 {
		t.Errorf("%d fields were taken", n)
	}
}

// A field has one line, whatever a pattern has put into it.
func TestCleanField(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"X-A: b": "X-A: b", "X-A:": "X-A:", "X: a\r\nY: b": "X: a  Y: b", "X: \tä\x00": "X: \tä ",
		"": "", "x": "", ": x": "", "X A: b": "", "Ä: b": "", "X: " + strings.Repeat("y", 2000): "",
	} {
		if got, ok := cleanField(text); ok != (want != "") || ok && got != want {
			t.Errorf("%q: got %q, %t, want %q", text, got, ok, want)
		}
	}
}

// The list of restrictions that actions may name is that of those without tables.
func TestAlone(t *testing.T) {
	t.Parallel()
	for _, k := range keywords {
		if access.Alone(k.name) == (k.operand != "") {
			t.Errorf("%s: access.Alone says %t", k.name, k.operand != "")
		}
	}
}
