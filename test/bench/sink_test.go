package main

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// networks numbers those of the tests: a port that was free stays so for the
// sink, since all else uses 127.0.0.1.
var networks atomic.Int32

// testSink is a sink in a network of its own, which ends with the test.
func testSink(t *testing.T, how ...manner) (*sink, []netip.AddrPort) {
	t.Helper()
	hosts := make([]netip.AddrPort, len(how))
	network := networks.Add(1)
	for i := range hosts {
		l, err := net.Listen("tcp4", fmt.Sprintf("127.200.%d.%d:0", network, i+1))
		if err != nil {
			t.Fatal(err)
		}
		hosts[i] = netip.MustParseAddrPort(l.Addr().String())
		l.Close()
	}
	s, err := openSink(hosts, func(i int) manner { return how[i] })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s, hosts
}

func sinkLoad(at netip.AddrPort, sessions, size, messages int) load {
	return load{
		addr:     &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()},
		sessions: sessions, body: wire(size), time: time.Minute, messages: messages,
		rcpt: rcptAt(func(int) string { return "a.test" }),
	}
}

// What a load sends is counted once, whatever its size.
func TestSinkCounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ sessions, size, messages int }{{1, 1 << 10, 3}, {7, 10 << 10, 50}, {3, 8 << 20, 5}} {
		s, hosts := testSink(t, takes)
		got, err := sinkLoad(hosts[0], c.sessions, c.size, c.messages).run(t.Context())
		if err != nil || got.failed > 0 || got.sent != c.messages {
			t.Fatalf("%d sent, %d failed (%s), %v; want %d", got.sent, got.failed, got.why, err, c.messages)
		}
		if err := s.messages(t.Context(), c.messages); err != nil {
			t.Error(err)
		}
		if err := s.check(c.messages, every); err != nil {
			t.Error(err)
		}
		if last := s.last(0, c.messages, every); last.Before(got.start) || last.After(got.end) {
			t.Errorf("the last message came at %v, the load lasted from %v to %v", last, got.start, got.end)
		}
	}
}

// The talker passes messages on, and says yes when they are there.
func TestTalkOnward(t *testing.T) {
	t.Parallel()
	s, hosts := testSink(t, takes)
	l := listen(t)
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	go smtpDialect.talk(f, hosts[0].String())
	const n = 100
	got, err := sinkLoad(netip.MustParseAddrPort(l.Addr().String()), 5, 10<<10, n).run(t.Context())
	if err != nil || got.sent != n || got.failed > 0 {
		t.Fatalf("%d sent, %d failed (%s), %v", got.sent, got.failed, got.why, err)
	}
	if err := s.check(n, every); err != nil {
		t.Error(err)
	}
}

func TestLedgerCheck(t *testing.T) {
	t.Parallel()
	even := func(id int) bool { return id%2 == 0 }
	for _, c := range []struct {
		what  string
		times []int
		ok    bool
	}{
		{"each once", []int{1, 0, 1, 0}, true},
		{"the last did not come", []int{1, 0}, false},
		{"one did not come", []int{0, 0, 1, 0}, false},
		{"one came twice", []int{1, 0, 2, 0}, false},
		{"one came that is dead", []int{1, 1, 1, 0}, false},
		{"one came that nobody sent", []int{1, 0, 1, 0, 1}, false},
	} {
		s := &ledger{}
		for _, n := range c.times {
			s.got = append(s.got, receipt{times: n})
		}
		if err := s.check(4, even); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

// The same dialogue has the same replies and messages in pieces of any length.
func TestPeerFeed(t *testing.T) {
	t.Parallel()
	const (
		mail = "MAIL FROM:<>\r\n"
		body = "Subject: x\r\n\r\n..\r\n.x\r\n\n.\n\r\n.\r\n"
		ok   = "250 2.0.0 Ok\r\n"
		end  = "354 End data with <CR><LF>.<CR><LF>\r\n"
	)
	for _, c := range []struct {
		what, in, want string
		taken          []int
		stalls         manner
	}{
		{"a message", "EHLO a\r\n" + mail + "RCPT TO:<m7@a.test>\r\nDATA\r\n" + body + "QUIT\r\n",
			string(sinkEhlo) + ok + ok + end + ok + string(talkBye), []int{7}, takes},
		{"two, and an empty one", mail + "RCPT TO:<m1@a>\r\nDATA\r\n" + body + mail + "rcpt to:<m0@a> X=Y\r\nDATA\r\n.\r\nNOOP\r\n",
			ok + ok + end + ok + ok + ok + end + ok + ok, []int{1, 0}, takes},
		{"two recipients", mail + "RCPT TO:<m1@a>\r\nRCPT TO:<m2@a>\r\nDATA\r\n" + body,
			ok + ok + ok + end + ok, []int{1, 2}, takes},
		{"reset", mail + "RCPT TO:<m1@a>\r\nRSET\r\nDATA\r\n", ok + ok + ok + string(sinkNoRcpt), nil, takes},
		{"no number", "RCPT TO:<ann@a>\r\nRCPT TO:<m-1@a>\r\nRCPT TO:<m99999999999@a>\r\nRCPT TO:<m1>\r\n",
			strings.Repeat(string(sinkNobody), 4), nil, takes},
		{"unknown", "\r\nVRFY x\r\nX\n", strings.Repeat(string(sinkUnknown), 3), nil, takes},
		{"not whole", mail + "RCPT TO:<m1@a>\r\nDATA\r\nSubject: x\r\n.\r", ok + ok + end, nil, takes},
		{"no CR", mail + "RCPT TO:<m1@a>\r\nDATA\n", ok + ok + string(sinkUnknown), nil, takes},
		{"stalls", "EHLO a\r\n" + mail + "RCPT TO:<m1@a>\r\nDATA\r\n", string(sinkEhlo) + ok, nil, stalls},
	} {
		for size := 1; size <= len(c.in); size++ {
			p := &peer{manner: c.stalls}
			var in []byte
			for piece := range slices.Chunk([]byte(c.in), size) {
				in = slices.Clone(p.feed(append(in, piece...)))
			}
			if string(p.out) != c.want || !slices.Equal(p.taken, c.taken) {
				t.Errorf("%s in pieces of %d: replies %q, messages %v; want %q, %v", c.what, size, p.out, p.taken, c.want, c.taken)
				break
			}
		}
	}
}

// A mute server lets connect and says nothing, a stalling one answers up to
// MAIL, an absent one refuses; none of them holds up those who take mail.
func TestSinkManners(t *testing.T) {
	t.Parallel()
	s, hosts := testSink(t, mute, stalls, absent, takes)
	silent, err := net.Dial("tcp", hosts[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	stalled, err := dial(hosts[1].String())
	if err != nil {
		t.Fatal(err)
	}
	defer stalled.Close()
	if err := stalled.ask([]byte("MAIL FROM:<>\r\nRCPT TO:<m1@a>\r\n"), 1, "250"); err != nil {
		t.Fatal(err)
	}
	if err := s.waiting(t.Context(), 1); err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", hosts[2].String()); err == nil {
		c.Close()
		t.Error("an absent server accepts")
	}
	if got, err := sinkLoad(hosts[3], 1, 1<<10, 1).run(t.Context()); err != nil || got.sent != 1 {
		t.Errorf("%d sent, %s, %v", got.sent, got.why, err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	for what, c := range map[string]net.Conn{"mute": silent, "stalling": stalled} {
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if b, _ := io.ReadAll(c); len(b) > 0 {
			t.Errorf("the %s server said %q", what, b)
		}
	}
	if err := s.check(1, every); err != nil {
		t.Error(err)
	}
}

// The second set of destinations is as the first, but for its dead.
func TestDestinations(t *testing.T) {
	t.Parallel()
	dead := map[manner]int{}
	for id := range 2*destMessages + destinations {
		d, like := destinationOf(id), destinationOf(id%destMessages)
		if d != like+id/destMessages*destinations {
			t.Fatalf("message %d goes to %d, its like to %d", id, d, like)
		}
		m := ofDestination(d)
		if m == takes {
			continue
		}
		dead[m]++
		if set := id / destMessages; set != 1 || compared(id) || compared(id-destMessages) {
			t.Fatalf("message %d of set %d goes to a dead destination or counts for the figure", id, set)
		}
	}
	if dead[mute] != destMessages/deadEach/2 || dead[absent] != dead[mute] {
		t.Errorf("%v messages to dead destinations", dead)
	}
}

// An address in use is an error: the mail would go to somebody else.
func TestSinkBusy(t *testing.T) {
	t.Parallel()
	l := listen(t)
	at := netip.MustParseAddrPort(l.Addr().String())
	if s, err := openSink([]netip.AddrPort{at}, func(int) manner { return takes }); err == nil {
		s.close()
		t.Error("a sink opened an address that is in use")
	}
}
