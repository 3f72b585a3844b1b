package smtpc

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
	"time"

	"yubin/internal/ipc"
	"yubin/test/dns"
	"yubin/test/peer"
)

// A connection carries message after message, within its bounds, and none is
// handed to one that the server has left.
func TestReuse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		main   []string
		script peer.Script
		ehlo   []string
		pause  func(p *peer.Peer) // between messages
		conns  int                // connections for five messages
		log    string
		text   string // of the messages; "": a short one
	}{
		{name: "while there is much mail", conns: 1},
		{name: "switched off", main: []string{"smtp_connection_cache_on_demand = no"}, conns: 5},
		{name: "listed", main: []string{"smtp_connection_cache_on_demand = no", "smtp_connection_cache_destinations = far.test"}, conns: 1},
		{name: "two messages each", main: []string{"smtp_connection_reuse_count_limit = 2"}, conns: 3},
		{name: "the server's limit", ehlo: []string{"LIMITS MAILMAX=2"}, conns: 3},
		{name: "hung up meanwhile", pause: (*peer.Peer).HangUp, conns: 5},
		{name: "421 at MAIL", script: peer.Script{"MAIL": "||421 4.4.2 idle too long||||"}, conns: 2},
		{name: "dropped at MAIL", script: peer.Script{"MAIL": "||" + peer.Drop + "||||"}, conns: 2,
			log: "A2: lost connection with a.far.test[127.0.0.1] while sending MAIL FROM; the connection was used before, another is tried"},
		{name: "dropped at RCPT", script: peer.Script{"RCPT": "||" + peer.Drop + "||||"}, conns: 2},
		{name: "dropped in DATA", script: peer.Script{"DATA": "||" + peer.Drop + "||||"}, conns: 2,
			log: "A2: lost connection with a.far.test[127.0.0.1] while sending DATA command; the connection was used before, another is tried"},
		{name: "dropped in the message", script: peer.Script{"BODY": "||" + peer.Drop + "||||"}, conns: 2,
			text: strings.Repeat(strings.Repeat("x", 70)+"\n", 1<<17), // more than the sockets hold
			log:  "A2: lost connection with a.far.test[127.0.0.1] while sending message body; the connection was used before, another is tried"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := peer.Start(t, peer.Options{Script: c.script, Ehlo: c.ehlo})
			server := dns.Start(t)
			server.Zone("far.test", "@ MX 10 a\na A 127.0.0.1")
			r := newRig(t, rigOptions{dns: server, main: append([]string{
				fmt.Sprintf("smtp_tcp_port = %d", p.Port()), "smtp_connection_cache_time_limit = 60s",
			}, c.main...)})
			// The first message finds no other beside it, and closes its connection.
			r.d.pool.enter("far.test " + r.d.o.tls.defaultPolicy().key("far.test"))
			for n := range 5 {
				got := r.deliver("far.test", cmp.Or(c.text, letterText), "bob@far.test")[0]
				if got.Status != ipc.Sent {
					t.Fatalf("message %d: %s", n, say(got))
				}
				if used := strings.Contains(got.Relay, ", conn_use="); used != (c.conns == 1 && n > 0) && c.conns != 2 && c.conns != 3 {
					t.Errorf("message %d: relay %q", n, got.Relay)
				}
				if c.pause != nil {
					c.pause(p)
					waitFor(t, "the connection's end", func() bool { return p.Open() == 0 })
				}
			}
			if p.Conns() != c.conns || len(p.Messages()) != 5 {
				t.Errorf("%d connections for %d messages, want %d for 5", p.Conns(), len(p.Messages()), c.conns)
			}
			if !strings.Contains(r.log(), c.log) {
				t.Errorf("the log lacks %q", c.log)
			}
		})
	}
}

// After the end of the message nothing is tried again at once, however the
// connection came to be.
func TestReuseLostBehindTheEnd(t *testing.T) {
	t.Parallel()
	p := peer.Start(t, peer.Options{Script: peer.Script{"END": "||" + peer.Drop + "||"}})
	r := newRig(t, rigOptions{main: []string{"smtp_connection_cache_destinations = 127.0.0.1"}})
	nexthop := fmt.Sprintf("[127.0.0.1]:%d", p.Port())
	if got := say(r.deliver(nexthop, letterText, "bob@far.test")[0]); !strings.HasPrefix(got, "sent") {
		t.Fatal(got)
	}
	got := say(r.deliver(nexthop, letterText, "bob@far.test")[0])
	if want := "deferred 4.4.2 lost connection with 127.0.0.1[127.0.0.1] while sending end of data -- message may be sent more than once"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if p.Conns() != 1 {
		t.Errorf("%d connections, want 1", p.Conns())
	}
}

// In doubt the server is asked first.
func TestReuseProbes(t *testing.T) {
	t.Parallel()
	p := peer.Start(t, peer.Options{Script: peer.Script{"RCPT": "550 5.1.1 no||"}})
	r := newRig(t, rigOptions{main: []string{"smtp_connection_cache_destinations = 127.0.0.1"}})
	nexthop := fmt.Sprintf("[127.0.0.1]:%d", p.Port())
	for _, want := range []string{ipc.Bounced, ipc.Sent} {
		if got := r.deliver(nexthop, letterText, "bob@far.test")[0]; got.Status != want {
			t.Errorf("got %s, want %s", say(got), want)
		}
	}
	if said := strings.Join(p.Said(), " "); p.Conns() != 1 || !strings.Contains(said, "DATA RSET MAIL") {
		t.Errorf("%d connections, in which was said %s", p.Conns(), said)
	}
}

// Different domains with the same server share connections, where the policy
// does not look at names.
func TestReuseAcrossDomains(t *testing.T) {
	t.Parallel()
	for level, conns := range map[string]int{"may": 1, "none": 1} {
		p := peer.Start(t, peer.Options{})
		server := dns.Start(t)
		server.Zone("far.test", "a MX 10 mx\nb MX 10 mx\nmx A 127.0.0.1")
		r := newRig(t, rigOptions{dns: server, main: []string{
			fmt.Sprintf("smtp_tcp_port = %d", p.Port()), "smtp_connection_cache_destinations = a.far.test b.far.test", "smtp_tls_security_level = " + level,
		}})
		for _, domain := range []string{"a.far.test", "b.far.test"} {
			if got := r.deliver(domain, letterText, "bob@"+domain)[0]; got.Status != ipc.Sent {
				t.Error(say(got))
			}
		}
		if p.Conns() != conns {
			t.Errorf("%s: %d connections, want %d", level, p.Conns(), conns)
		}
	}
}

// A connection without work ends, politely.
func TestReuseIdle(t *testing.T) {
	t.Parallel()
	p := peer.Start(t, peer.Options{})
	r := newRig(t, rigOptions{main: []string{"smtp_connection_cache_destinations = 127.0.0.1", "smtp_connection_cache_time_limit = 1s"}})
	r.deliver(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), letterText, "bob@far.test")
	waitFor(t, "QUIT", func() bool { return strings.HasSuffix(strings.Join(p.Said(), " "), "QUIT") })
	waitFor(t, "the connection's end", func() bool { return p.Open() == 0 })
}

// Many requests at once over few connections, with results in any order.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	p := peer.Start(t, peer.Options{})
	r := newRig(t, rigOptions{})
	for range 200 {
		r.request(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), letterText, "bob@far.test")
	}
	for _, got := range r.replies(200) {
		if got.Status != ipc.Sent {
			t.Error(say(got))
		}
	}
	if n := len(p.Messages()); n != 200 {
		t.Errorf("%d messages arrived", n)
	}
	if p.Conns() > 100 {
		t.Errorf("%d connections for 200 messages", p.Conns())
	}
}

// waitFor polls until cond holds.
func waitFor(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for %s", what)
		}
	}
}
