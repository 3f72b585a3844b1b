package smtpc

import (
	"path/filepath"
	"strings"
	"testing"

	"yubin/test/dns"
	"yubin/test/peer"
)

// Each recipient has a reply of her own behind the message (RFC 2033, 4.2).
func TestLMTP(t *testing.T) {
	t.Parallel()
	const (
		saved = "sent 2.1.5 250 2.1.5 Saved"
		lost  = "deferred 4.4.2 lost connection with mx.own.test[*] while sending end of data -- message may be sent more than once"
	)
	tests := []struct {
		name   string
		script peer.Script
		want   [3]string // ann, bob, eve
		taken  int
	}{
		{"all well", nil, [3]string{saved, saved, saved}, 3},
		{"one refused behind the message", peer.Script{"END bob@far.test": "552 5.2.2 full"},
			[3]string{saved, "bounced 5.2.2 host mx.own.test[*] said: 552 5.2.2 full (in reply to end of DATA command)", saved}, 2},
		{"one put off behind the message", peer.Script{"END eve@far.test": "452 4.2.2 full"},
			[3]string{saved, saved, "deferred 4.2.2 *452 4.2.2 full (in reply to end of DATA command)"}, 2},
		{"one refused at RCPT", peer.Script{"RCPT bob@far.test": "550 5.1.1 no"},
			[3]string{saved, "bounced 5.1.1 *(in reply to RCPT TO command)", saved}, 2},
		{"lost after the first", peer.Script{"END bob@far.test": peer.Drop}, [3]string{saved, lost, lost}, 1},
		{"421 after the first", peer.Script{"END bob@far.test": "421 4.3.2 closing"},
			[3]string{saved, "deferred 4.3.2 host * said: 421 4.3.2 closing (in reply to end of DATA command)", "deferred 4.3.2 host * said: 421 4.3.2 closing"}, 1},
		{"LHLO refused", peer.Script{"LHLO": "500 5.5.1 what?"}, [3]string{"bounced 5.5.1 host * refused to talk to me: 500 5.5.1 what?", "bounced*", "bounced*"}, 0},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rigOptions{lmtp: true})
			path := filepath.Join(r.d.o.queueDir, "lmtp")
			p := peer.Start(t, peer.Options{LMTP: true, Script: c.script, Addr: path})
			for i, got := range r.deliver("unix:lmtp", letterText, "ann@far.test", "bob@far.test", "eve@far.test") {
				if !matches(c.want[i], say(got)) {
					t.Errorf("recipient %d: got\n%s\nwant\n%s", i, say(got), c.want[i])
				}
				if got.Relay != "mx.own.test[lmtp]" {
					t.Errorf("relay %q", got.Relay)
				}
			}
			if n := len(p.Messages()); n != c.taken {
				t.Errorf("%d recipients have it, want %d", n, c.taken)
			}
		})
	}
}

// Where LMTP goes: never to mail exchangers.
func TestLMTPHops(t *testing.T) {
	t.Parallel()
	server := dns.Start(t)
	server.Zone("far.test", "@ MX 10 mx\nmx A 127.0.1.9\n@ A 127.0.0.1")
	port, _ := samePort(t, map[string]peer.Options{"127.0.0.1": {LMTP: true}})
	for nexthop, want := range map[string]string{
		"far.test:" + port:              "sent *",
		"inet:far.test:" + port:         "sent *",
		"inet:[127.0.0.1]:" + port:      "sent *",
		"far.test":                      "sent *", // lmtp_tcp_port
		"unix:nowhere":                  "deferred 4.4.1 connect to mx.own.test[nowhere]: No such file or directory",
		"inet:127.0.0.1:" + port:        "sent *",
		"unix:nowhere, inet:127.0.0.1":  "sent *",
		"unix:nowhere, inet:[127.0.0.1": "deferred 4.3.5 *",
		"unix:nowhere inet:[127.0.0.1]": "sent *",
	} {
		r := newRig(t, rigOptions{lmtp: true, dns: server, main: []string{"lmtp_tcp_port = " + port}})
		if got := say(r.deliver(nexthop, letterText, "bob@far.test")[0]); !matches(want, got) {
			t.Errorf("%s: got %s, want %s", nexthop, got, want)
		}
	}
}

// The client introduces itself as main.cf says.
func TestHello(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		main  []string
		lmtp  bool
		greet string
		want  string // the first command
	}{
		{nil, false, "", "EHLO mx.own.test"},
		{[]string{"smtp_helo_name = [192.0.2.1]"}, false, "", "EHLO [192.0.2.1]"},
		{[]string{"smtp_never_send_ehlo = yes"}, false, "", "HELO mx.own.test"},
		{[]string{"smtp_always_send_ehlo = no"}, false, "220 old SMTP", "HELO mx.own.test"},
		{[]string{"smtp_always_send_ehlo = no"}, false, "220 new ESMTP", "EHLO mx.own.test"},
		{[]string{"lmtp_lhlo_name = lmtp.own.test"}, true, "", "LHLO lmtp.own.test"},
	} {
		port, peers := samePort(t, map[string]peer.Options{"127.0.0.1": {LMTP: c.lmtp, Script: peer.Script{"CONNECT": c.greet}}})
		r := newRig(t, rigOptions{lmtp: c.lmtp, main: c.main})
		r.deliver("[127.0.0.1]:"+port, letterText, "bob@far.test")
		if said := peers["127.0.0.1"].Said(); len(said) == 0 || said[0] != c.want {
			t.Errorf("%q: said %q, want %q first", c.main, strings.Join(said, " | "), c.want)
		}
	}
}

// Extensions that main.cf does not want are not used, and connections come
// from where it says.
func TestDiscardAndBind(t *testing.T) {
	t.Parallel()
	port, peers := samePort(t, map[string]peer.Options{"127.0.0.1": {}})
	r := newRig(t, rigOptions{main: []string{"smtp_discard_ehlo_keywords = size, DSN", "smtp_bind_address = 127.0.3.4"}})
	r.deliver("[127.0.0.1]:"+port, letterText, "bob@far.test")
	m := peers["127.0.0.1"].Messages()
	if len(m) != 1 || m[0].Mail != "<ann@own.test>" || m[0].From != "127.0.3.4" {
		t.Errorf("got %+v", m)
	}
}

// Who accepts DATA for nobody owes no reply behind the message: it is not waited
// for (RFC 2033, 4.2).
func TestLMTPForNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{lmtp: true, main: []string{"lmtp_data_done_timeout = 1h"}})
	peer.Start(t, peer.Options{LMTP: true, Script: peer.Script{"RCPT": "550 5.1.1 no", "DATA": "354 go on"}, Addr: filepath.Join(r.d.o.queueDir, "lmtp")})
	if got := say(r.deliver("unix:lmtp", letterText, "ann@far.test")[0]); !strings.HasPrefix(got, "bounced 5.1.1 ") {
		t.Error(got)
	}
}
