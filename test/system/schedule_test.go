package system

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/test/instance"
)

// A fakeAgent is a delivery agent for other hosts that has no network: it
// answers by destination.
type fakeAgent struct {
	t *testing.T

	mu        sync.Mutex // guards what follows
	dead      map[string]bool
	silent    []func()         // answers that the dead owe
	delivered map[string][]int // recipients a request, by next hop
	most      int              // requests in one packet
}

// listen serves private/NAME of an instance until the test ends.
func (a *fakeAgent) listen(i *instance.Instance, name string) {
	a.t.Helper()
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: i.Path("queue", "private", name), Net: "unixpacket"})
	if err != nil {
		a.t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			u, err := l.AcceptUnix()
			if err != nil {
				return
			}
			conns.Go(func() { a.serve(fdpass.New(u)) })
		}
	})
	a.t.Cleanup(func() {
		i.Stop() // qmgr closes its connections
		l.Close()
		conns.Wait()
	})
}

func (a *fakeAgent) serve(c *fdpass.Conn) {
	defer c.Close()
	var mu sync.Mutex
	for {
		var p ipc.RequestPacket
		files, err := c.Recv(&p)
		if err != nil {
			return
		}
		fdpass.CloseAll(files)
		if p.Version != ipc.DeliverVersion || len(p.Requests) != len(files) {
			a.t.Errorf("packet of version %d, %d requests and %d files", p.Version, len(p.Requests), len(files))
			return
		}
		a.mu.Lock()
		a.most = max(a.most, len(p.Requests))
		for k := range p.Requests {
			q := &p.Requests[k]
			answer := func() {
				mu.Lock()
				defer mu.Unlock()
				c.Send(&ipc.ReplyPacket{Replies: []ipc.Reply{a.answer(q)}})
			}
			if a.dead[q.Nexthop] {
				a.silent = append(a.silent, answer)
			} else {
				go answer()
			}
		}
		a.mu.Unlock()
	}
}

// answer is what a destination says.
func (a *fakeAgent) answer(q *ipc.Request) ipc.Reply {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := ipc.Reply{N: q.N}
	for _, rc := range q.Recipients {
		res := ipc.Result{Index: rc.Index, Status: ipc.Sent, Code: "2.0.0", Text: "250 taken", Relay: q.Nexthop, Host: q.Nexthop}
		if a.dead[q.Nexthop] {
			res.Status, res.Code, res.Site = ipc.Deferred, "4.4.1", true
			res.Text = "connect to " + q.Nexthop + "[192.0.2.1]:25: Connection timed out"
		}
		r.Results = append(r.Results, res)
	}
	if !a.dead[q.Nexthop] {
		a.delivered[q.Nexthop] = append(a.delivered[q.Nexthop], len(q.Recipients))
	}
	return r
}

// with calls f while nothing changes.
func (a *fakeAgent) with(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

// has tells how many messages a destination has.
func (a *fakeAgent) has(hop string) (n int) {
	a.with(func() { n = len(a.delivered[hop]) })
	return n
}

// Dead destinations hold up nobody's mail, are left alone once they are known,
// and tried again when somebody asks.
func TestDeadDestinations(t *testing.T) {
	t.Parallel()
	const each, living, dead = 10, 90, 10
	i := instance.New(t, instance.Options{Main: []string{
		"default_transport = faked", "fast_flush_domains = dead.test", "smtpd_client_connection_count_limit = 0",
	}})
	a := &fakeAgent{t: t, dead: map[string]bool{}, delivered: map[string][]int{}}
	var hops []string
	for n := range living + dead {
		hop := fmt.Sprintf("d%d.living.test", n)
		if n%10 == 0 {
			hop = fmt.Sprintf("d%d.dead.test", n/10)
			a.dead[hop] = true
		}
		hops = append(hops, hop)
	}
	a.listen(i, "faked")
	var senders sync.WaitGroup
	for range each {
		senders.Go(func() {
			s := i.Dial()
			defer s.Close()
			s.Want("250", "EHLO client.test")
			for _, hop := range hops {
				s.Want("250", "MAIL FROM:<alice@example.test>")
				s.Want("250", "RCPT TO:<user@"+hop+">")
				s.Want("354", "DATA")
				s.Want("250", "Subject: x\r\n\r\nx\r\n.")
			}
		})
	}
	senders.Wait()
	for _, hop := range hops {
		if !a.dead[hop] {
			i.Until(hop+" has its mail while others are silent", func() bool { return a.has(hop) == each })
		}
	}
	var owed []func()
	a.with(func() {
		owed = a.silent
		if a.most < 2 {
			t.Errorf("no packet with several requests")
		}
	})
	if want := dead * 5; len(owed) > want {
		t.Errorf("the dead have %d requests, want at most initial_destination_concurrency each, %d", len(owed), want)
	}
	for _, answer := range owed {
		answer()
	}
	reason := "connect to d0.dead.test[192.0.2.1]:25: Connection timed out"
	line := i.WaitLog("to=<user@d0.dead.test>, relay=none", "status=deferred (delivery temporarily suspended: "+reason+")")
	i.Until("all that is left is deferred", func() bool {
		names, err := os.ReadDir(i.Path("queue", "deferred"))
		return err == nil && len(names) == dead*each
	})
	_, id, _ := strings.Cut(strings.SplitN(line, ": to=", 2)[0], "]: ")
	show := i.Mailctl("queue", "show", id)
	for _, want := range []string{"transport: faked\nnexthop: d0.dead.test\nroute_rule: default_transport\n", "next_attempt: ", "last_attempt: "} {
		if !strings.Contains(show.Stdout, want) {
			t.Errorf("queue show %s lacks %q:\n%s%s", id, want, show.Stdout, show.Stderr)
		}
	}
	if r := i.Mailctl("queue", "list", "-j"); strings.Count(r.Stdout, `"route_rule": "default_transport"`) != dead*each {
		t.Errorf("queue list -j: %+v", r)
	}

	a.with(func() { clear(a.dead) })
	if r := i.Mailctl("queue", "flush", "--to", "d0.dead.test"); r.Code != 0 || !strings.Contains(r.Stderr, "10 messages for d0.dead.test tried now") {
		t.Errorf("queue flush --to: %+v", r)
	}
	i.Until("d0 has its mail", func() bool { return a.has("d0.dead.test") == each })
	for n := 1; n < dead; n++ {
		if hop := fmt.Sprintf("d%d.dead.test", n); a.has(hop) > 0 {
			t.Errorf("a flush for d0.dead.test tried mail for %s", hop)
		}
	}
	s := i.Dial()
	s.Want("250", "EHLO client.test")
	s.Want("459 4.7.1", "ETRN d1.living.test")
	s.Want("250 2.0.0 Queuing started", "ETRN d1.dead.test")
	s.Close()
	i.Until("d1 has its mail", func() bool { return a.has("d1.dead.test") == each })
	if r := i.Run("", "sendmail", "-C", i.Etc(), "-qRd2.dead.test"); r.Code != 0 {
		t.Errorf("sendmail -qR: %+v", r)
	}
	i.Until("d2 has its mail", func() bool { return a.has("d2.dead.test") == each })
	if n := a.has("d3.dead.test"); n > 0 {
		t.Errorf("d3.dead.test has %d messages without being asked for", n)
	}
}
