package smtpc

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"yubin/test/dns"
	"yubin/test/peer"
)

// When the process must end, what is under way ends soon, and nobody is told
// more than is known.
func TestStop(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		script peer.Script
		said   string // the client has come as far as this
		want   string
	}{
		{"before the message", peer.Script{"RCPT": peer.Stall}, "RCPT TO:<bob@far.test>",
			"deferred 4.4.2 the conversation with 127.0.0.1[127.0.0.1] was broken off while sending RCPT TO: this system is stopping"},
		{"behind the message", peer.Script{"END": peer.Stall}, "DATA",
			"deferred 4.4.2 the conversation with 127.0.0.1[127.0.0.1] was broken off while sending end of data -- message may be sent more than once: this system is stopping"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := peer.Start(t, peer.Options{Script: c.script, Ehlo: []string{}})
			ctx, stop := context.WithCancel(t.Context())
			r := newRig(t, rigOptions{ctx: ctx})
			r.request(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), letterText, "bob@far.test")
			waitFor(t, c.said, func() bool { return slices.Contains(p.Said(), c.said) })
			stop()
			if got := say(r.replies(1)[0]); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// A request that comes too late is put off, name server or not.
func TestStopped(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	server := dns.Start(t)
	server.Zone("far.test", "@ A 127.0.1.9")
	r := newRig(t, rigOptions{ctx: ctx, dns: server})
	stop()
	for _, nexthop := range []string{"far.test", "[127.0.0.1]:1"} {
		if got := say(r.deliver(nexthop, letterText, "bob@far.test")[0]); !strings.HasPrefix(got, "deferred 4.3.2 delivery was put off: this system is stopping") {
			t.Errorf("%s: %s", nexthop, got)
		}
	}
}

// A panic ends one request, with an answer.
func TestPanic(t *testing.T) {
	t.Parallel()
	p := peer.Start(t, peer.Options{})
	r := newRig(t, rigOptions{setup: func(d *deliverer) { d.finder = &finder{o: d.o} }})
	if got := say(r.deliver("far.test", letterText, "bob@far.test")[0]); got != "deferred 4.3.0 local error in processing" {
		t.Error(got)
	}
	if !strings.Contains(r.log(), "error: A1: panic: ") {
		t.Error("the log has no word of it")
	}
	if got := say(r.deliver(fmt.Sprintf("[127.0.0.1]:%d", p.Port()), letterText, "bob@far.test")[0]); !strings.HasPrefix(got, "sent") {
		t.Error(got)
	}
}
