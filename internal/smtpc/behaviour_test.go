package smtpc

import (
	"fmt"
	"strings"
	"testing"

	"yubin/test/peer"
)

const letterText = "Subject: hello\n\n.dot\nlast line\n"

// What servers do, and what becomes of bob and eve. "*" stands for anything.
var behaviours = []struct {
	name   string
	script peer.Script
	ehlo   []string // nil: the usual
	main   []string
	bob    string
	eve    string // "": as bob
	log    string // a piece of the log
	taken  int    // messages that the server has, as it knows
}{
	{name: "all well", bob: "sent 2.0.0 250 2.0.0 Ok: queued as 4711", taken: 1},
	{name: "no extensions", ehlo: []string{}, bob: "sent 2.0.0 250 2.0.0 Ok: queued as 4711", taken: 1},
	{name: "HELO alone", script: peer.Script{"EHLO": "502 5.5.1 what?"}, bob: "sent 2.0.0 250 2.0.0 Ok: queued as 4711", taken: 1},
	{name: "reply of many lines", script: peer.Script{"END": "250 2.6.0 thanks\n250 2.6.0 a lot"},
		bob: "sent 2.6.0 250-2.6.0 thanks 250 2.6.0 a lot", taken: 1},
	{name: "reply without text", script: peer.Script{"MAIL": "250", "END": "250"}, bob: "sent 2.0.0 250", taken: 1},

	{name: "greeting 421", script: peer.Script{"CONNECT": "421 4.3.2 too busy"},
		bob: "deferred 4.3.2 host 127.0.0.1[127.0.0.1] refused to talk to me: 421 4.3.2 too busy"},
	{name: "greeting 554", script: peer.Script{"CONNECT": "554 5.7.1 go away"},
		bob: "deferred 4.7.1 host 127.0.0.1[127.0.0.1] refused to talk to me: 554 5.7.1 go away"},
	{name: "greeting 554, believed", script: peer.Script{"CONNECT": "554 5.7.1 go away"}, main: []string{"smtp_skip_5xx_greeting = no"},
		bob: "bounced 5.7.1 host 127.0.0.1[127.0.0.1] refused to talk to me: 554 5.7.1 go away"},
	{name: "greeting dropped", script: peer.Script{"CONNECT": peer.Drop},
		bob: "deferred 4.4.2 lost connection with 127.0.0.1[127.0.0.1] while receiving the initial server greeting"},
	{name: "greeting stalled", script: peer.Script{"CONNECT": peer.Stall},
		bob: "deferred 4.4.2 conversation with 127.0.0.1[127.0.0.1] timed out while receiving the initial server greeting"},
	{name: "greeting garbage", script: peer.Script{"CONNECT": "HTTP/1.1 400 Bad Request"},
		bob: "deferred 4.5.0 host 127.0.0.1[127.0.0.1] sent a garbled reply while receiving the initial server greeting"},
	{name: "greeting without end", script: peer.Script{"CONNECT": "220 " + strings.Repeat("x", 10_000)},
		bob: "deferred 4.5.0 host * sent a garbled reply while receiving the initial server greeting"},
	{name: "greeting of endless lines", script: peer.Script{"CONNECT": strings.Repeat("220 x\n", 5000) + "220 y"},
		bob: "deferred 4.5.0 host * sent a garbled reply while receiving the initial server greeting"},

	{name: "greeting dribbled", script: peer.Script{"CONNECT": peer.Dribble},
		bob: "deferred 4.4.2 conversation with 127.0.0.1[127.0.0.1] timed out while receiving the initial server greeting"},

	{name: "EHLO dropped", script: peer.Script{"EHLO": peer.Drop},
		bob: "deferred 4.4.2 lost connection with 127.0.0.1[127.0.0.1] while performing the EHLO handshake"},
	{name: "EHLO 421", script: peer.Script{"EHLO": "421 4.7.0 no"},
		bob: "deferred 4.7.0 host 127.0.0.1[127.0.0.1] refused to talk to me: 421 4.7.0 no"},
	{name: "HELO refused", script: peer.Script{"EHLO": "500 no", "HELO": "550 5.7.1 not you"},
		bob: "bounced 5.7.1 host 127.0.0.1[127.0.0.1] refused to talk to me: 550 5.7.1 not you"},
	{name: "HELO put off", script: peer.Script{"EHLO": "451 later", "HELO": "451 4.3.0 later"},
		bob: "deferred 4.3.0 host 127.0.0.1[127.0.0.1] refused to talk to me: 451 4.3.0 later"},
	{name: "EHLO with our name", script: peer.Script{"EHLO": "250 MX.own.test\n250 PIPELINING"},
		main: []string{"smtp_tcp_port = PORT"},
		bob:  "bounced 5.4.6 mail for 127.0.0.1 loops back to myself", log: "warning: host 127.0.0.1[127.0.0.1] replied to HELO/EHLO with my own hostname mx.own.test"},

	{name: "MAIL refused", script: peer.Script{"MAIL": "550 5.1.8 who are you"},
		bob: "bounced 5.1.8 host 127.0.0.1[127.0.0.1] said: 550 5.1.8 who are you (in reply to MAIL FROM command)"},
	{name: "MAIL refused, one step at a time", script: peer.Script{"MAIL": "451 4.7.1 greylisted"}, ehlo: []string{},
		bob: "deferred 4.7.1 host 127.0.0.1[127.0.0.1] said: 451 4.7.1 greylisted (in reply to MAIL FROM command)"},
	{name: "MAIL dropped", script: peer.Script{"MAIL": peer.Drop},
		bob: "deferred 4.4.2 lost connection with 127.0.0.1[127.0.0.1] while sending MAIL FROM"},
	{name: "MAIL 421", script: peer.Script{"MAIL": "421 4.3.2 closing"},
		bob: "deferred 4.3.2 host 127.0.0.1[127.0.0.1] said: 421 4.3.2 closing*"},
	{name: "MAIL refused, DATA taken", script: peer.Script{"MAIL": "550 5.1.8 no", "DATA": "354 go on", "END": "554 5.5.1 no recipients"},
		bob: "bounced 5.1.8 host * said: 550 5.1.8 no (in reply to MAIL FROM command)"},
	{name: "code of another class", script: peer.Script{"MAIL": "550 4.1.8 odd"},
		bob: "bounced 5.0.0 host 127.0.0.1[127.0.0.1] said: 550 4.1.8 odd (in reply to MAIL FROM command)"},

	{name: "one refused", script: peer.Script{"RCPT bob@far.test": "550 5.1.1 no such user"},
		bob: "bounced 5.1.1 host 127.0.0.1[127.0.0.1] said: 550 5.1.1 no such user (in reply to RCPT TO command)",
		eve: "sent 2.0.0 250 2.0.0 Ok: queued as 4711", taken: 1},
	{name: "one put off, one step at a time", script: peer.Script{"RCPT bob@far.test": "450 4.2.0 later"}, ehlo: []string{"DSN"},
		bob: "deferred 4.2.0 host 127.0.0.1[127.0.0.1] said: 450 4.2.0 later (in reply to RCPT TO command)",
		eve: "sent 2.0.0 250 2.0.0 Ok: queued as 4711", taken: 1},
	{name: "each its own", script: peer.Script{"RCPT bob@far.test": "550 5.1.1 no", "RCPT eve@far.test": "451 4.3.0 later"},
		bob: "bounced 5.1.1 * 550 5.1.1 no (in reply to RCPT TO command)", eve: "deferred 4.3.0 * 451 4.3.0 later (in reply to RCPT TO command)"},
	{name: "all refused, DATA taken", script: peer.Script{"RCPT": "550 5.1.1 no", "DATA": "354 go on"},
		bob: "bounced 5.1.1 * 550 5.1.1 no (in reply to RCPT TO command)"},
	{name: "RCPT dropped", script: peer.Script{"RCPT eve@far.test": peer.Drop},
		bob: "deferred 4.4.2 lost connection with 127.0.0.1[127.0.0.1] while sending RCPT TO"},
	{name: "RCPT stalled", script: peer.Script{"RCPT eve@far.test": peer.Stall},
		bob: "deferred 4.4.2 conversation with 127.0.0.1[127.0.0.1] timed out while sending RCPT TO"},
	{name: "refused, then dropped", script: peer.Script{"RCPT bob@far.test": "550 5.1.1 no", "RCPT eve@far.test": peer.Drop},
		bob: "bounced 5.1.1 *(in reply to RCPT TO command)", eve: "deferred 4.4.2 lost connection with * while sending RCPT TO"},
	{name: "RCPT 421", script: peer.Script{"RCPT eve@far.test": "421 4.7.0 enough"},
		bob: "deferred 4.7.0 host * said: 421 4.7.0 enough*"},
	{name: "RCPT garbage", script: peer.Script{"RCPT bob@far.test": "ok"},
		bob: "deferred 4.5.0 host * sent a garbled reply while sending RCPT TO"},
	{name: "RCPT of two codes", script: peer.Script{"RCPT bob@far.test": "550-no\n250 yes"},
		bob: "deferred 4.5.0 host * sent a garbled reply while sending RCPT TO"},
	{name: "one at a time", script: peer.Script{"RCPT eve@far.test": "452 4.5.3 too many||"},
		bob: "sent 2.0.0 250 2.0.0 Ok: queued as 4711", taken: 2},
	{name: "mailbox full", script: peer.Script{"RCPT eve@far.test": "452 4.2.2 mailbox full||"},
		bob: "sent 2.0.0 250 2.0.0 Ok: queued as 4711", eve: "deferred 4.2.2 *452 4.2.2 mailbox full (in reply to RCPT TO command)", taken: 1},

	{name: "one at a time, as before RFC 1123", script: peer.Script{"RCPT eve@far.test": "552 too many||"},
		bob: "sent 2.0.0 250 2.0.0 Ok: queued as 4711", taken: 2},
	{name: "552 whoever else there is", script: peer.Script{"RCPT eve@far.test": "552 no room"},
		bob: "sent 2.0.0 250 2.0.0 Ok: queued as 4711", eve: "bounced 5.0.0 *552 no room (in reply to RCPT TO command)", taken: 1},
	{name: "mailbox full, for good", script: peer.Script{"RCPT eve@far.test": "552 5.2.2 mailbox full||"},
		bob: "sent 2.0.0 250 2.0.0 Ok: queued as 4711", eve: "bounced 5.2.2 *552 5.2.2 mailbox full (in reply to RCPT TO command)", taken: 1},
	{name: "two replies to RCPT", script: peer.Script{"RCPT bob@far.test": "250\n550 5.1.1 no such user"}, ehlo: []string{},
		bob: "deferred 4.5.0 host * sent a reply that nothing asks for while sending RCPT TO"},
	{name: "two replies to DATA", script: peer.Script{"DATA": "354\n250 2.0.0 Ok: queued as 4711", "END": peer.Drop},
		bob: "deferred 4.5.0 host * sent a reply that nothing asks for while sending DATA command"},
	{name: "farewell behind the reply to RCPT", script: peer.Script{"RCPT bob@far.test": "250\n421 4.3.2 closing"}, ehlo: []string{},
		bob: "deferred 4.3.2 host * said: 421 4.3.2 closing"},

	{name: "DATA refused", script: peer.Script{"DATA": "554 5.7.1 no"},
		bob: "bounced 5.7.1 host 127.0.0.1[127.0.0.1] said: 554 5.7.1 no (in reply to DATA command)"},
	{name: "DATA put off", script: peer.Script{"DATA": "451 4.3.0 later"},
		bob: "deferred 4.3.0 host * said: 451 4.3.0 later (in reply to DATA command)"},
	{name: "DATA answered 250", script: peer.Script{"DATA": "250 2.0.0 fine"},
		bob: "deferred 4.5.0 host * said: 250 2.0.0 fine (in reply to DATA command)"},
	{name: "DATA dropped", script: peer.Script{"DATA": peer.Drop},
		bob: "deferred 4.4.2 lost connection with * while sending DATA command"},
	{name: "DATA stalled", script: peer.Script{"DATA": peer.Stall},
		bob: "deferred 4.4.2 conversation with * timed out while sending DATA command"},

	{name: "end dribbled", script: peer.Script{"END": peer.Dribble},
		bob: "deferred 4.4.2 conversation with 127.0.0.1[127.0.0.1] timed out while sending end of data -- message may be sent more than once"},
	{name: "end refused", script: peer.Script{"END": "550 5.7.1 spam"},
		bob: "bounced 5.7.1 host 127.0.0.1[127.0.0.1] said: 550 5.7.1 spam (in reply to end of DATA command)"},
	{name: "end put off", script: peer.Script{"END": "451 4.3.0 later"},
		bob: "deferred 4.3.0 host * said: 451 4.3.0 later (in reply to end of DATA command)"},
	{name: "end 421", script: peer.Script{"END": "421 4.3.2 shutting down"},
		bob: "deferred 4.3.2 host * said: 421 4.3.2 shutting down (in reply to end of DATA command)"},
	{name: "end dropped", script: peer.Script{"END": peer.Drop},
		bob: "deferred 4.4.2 lost connection with 127.0.0.1[127.0.0.1] while sending end of data -- message may be sent more than once"},
	{name: "end stalled", script: peer.Script{"END": peer.Stall},
		bob: "deferred 4.4.2 conversation with 127.0.0.1[127.0.0.1] timed out while sending end of data -- message may be sent more than once"},
	{name: "end garbage", script: peer.Script{"END": "25O Ok"},
		bob: "deferred 4.5.0 host * sent a garbled reply while sending end of data -- message may be sent more than once", taken: 1},
	{name: "end answered 354", script: peer.Script{"END": "354 more"},
		bob: "deferred 4.5.0 host * said: 354 more (in reply to end of DATA command)"},
	{name: "QUIT stalled", script: peer.Script{"QUIT": peer.Stall}, bob: "sent 2.0.0 *", taken: 1},

	{name: "message too big", ehlo: []string{"SIZE 20"},
		bob: "bounced 5.3.4 message size 35 exceeds size limit 20 of server 127.0.0.1[127.0.0.1]"},
	{name: "control characters", script: peer.Script{"END": "550 5.7.1 a\x1b[31m\x00b\xff\u0085"},
		bob: "bounced 5.7.1 host * said: 550 5.7.1 a?[31m?b?? (in reply to end of DATA command)"},
}

func TestBehaviours(t *testing.T) {
	t.Parallel()
	for _, b := range behaviours {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			p := peer.Start(t, peer.Options{Script: b.script, Ehlo: b.ehlo})
			port := fmt.Sprint(p.Port())
			main := make([]string, len(b.main))
			for i, l := range b.main {
				main[i] = strings.ReplaceAll(l, "PORT", port)
			}
			for _, does := range b.script {
				if does == peer.Stall || does == peer.Dribble {
					main = append(main, hasty...)
				}
			}
			r := newRig(t, rigOptions{main: main})
			got := r.deliver("[127.0.0.1]:"+port, letterText, "bob@far.test", "eve@far.test")
			want := []string{b.bob, b.eve}
			if b.eve == "" {
				want[1] = b.bob
			}
			for i, g := range got {
				if !matches(want[i], say(g)) {
					t.Errorf("recipient %d: got\n%s\nwant\n%s", i, say(g), want[i])
				}
				// Only what any recipient would have met counts against the site.
				early := strings.HasPrefix(b.name, "greeting") || strings.HasPrefix(b.name, "EHLO") || strings.HasPrefix(b.name, "HELO")
				if want := g.Status == "deferred" && early; g.Site != want {
					t.Errorf("recipient %d: a failure of the site: %t, want %t", i, g.Site, want)
				}
				if g.Status == "sent" && g.Relay != "127.0.0.1[127.0.0.1]:"+port {
					t.Errorf("relay %q", g.Relay)
				}
			}
			if b.log != "" && !strings.Contains(r.log(), b.log) {
				t.Errorf("log lacks %q", b.log)
			}
			messages := p.Messages()
			if len(messages) != b.taken {
				t.Errorf("the server has %d messages, want %d: %+v", len(messages), b.taken, messages)
			}
			for _, m := range messages {
				if want := strings.ReplaceAll(letterText, "\n", "\r\n"); m.Data != want {
					t.Errorf("it has\n%q\nwant\n%q", m.Data, want)
				}
			}
		})
	}
}
