package main

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestWhole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		want bool
	}{
		{"", false},
		{"220", false},
		{"220 mx.test\r\n", true},
		{"220 mx.test", false},
		{"250-mx.test\r\n", false},
		{"250-mx.test\r\n250 SIZE\r\n", true},
		{"250-mx.test\r\n250 SI", false},
		{"250 \n", true},
		{"x\r\n", false},
		{"250-a\r\n\r\n", false},
	} {
		if got := whole([]byte(c.in)); got != c.want {
			t.Errorf("whole(%q) = %t, want %t", c.in, got, c.want)
		}
	}
}

// testLoad is a short load on a listener of the test.
func testLoad(t *testing.T, l net.Listener, sessions, size int) load {
	t.Helper()
	ap := netip.MustParseAddrPort(l.Addr().String())
	return load{
		addr:     &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()},
		sessions: sessions, rcpts: rcptCommands(3), body: wire(size),
		time: 50 * time.Millisecond,
	}
}

// runs is d.run for as long as it takes each session to have tried something.
func runs(t *testing.T, d load) (got tally) {
	t.Helper()
	longer(func(time time.Duration) bool {
		d.time = time
		var err error
		if got, err = d.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		return got.sent+got.failed >= d.sessions
	})
	return got
}

// few is the most failures of sessions that rest after each, as they should.
func few(got tally, sessions int) int {
	return sessions * (2 + int(got.end.Sub(got.start)/retryAfter))
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// The load and the talker understand each other, also when a message is larger
// than what sockets buffer.
func TestLoad(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ sessions, size int }{{1, 1 << 10}, {7, 10 << 10}, {3, 8 << 20}} {
		l := listen(t)
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		go smtpDialect.talk(f, "")
		got := runs(t, testLoad(t, l, c.sessions, c.size))
		if got.sent < c.sessions || got.counted != got.sent || got.failed != 0 {
			t.Errorf("%d sessions, %d octets: %d sent, %d counted, %d failed (%s)",
				c.sessions, c.size, got.sent, got.counted, got.failed, got.why)
		}
	}
}

// A server that refuses is counted and not hammered; the load still ends.
func TestLoadRefused(t *testing.T) {
	t.Parallel()
	l := listen(t)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Write([]byte("421 4.3.2 Not now\r\n"))
			c.Close()
		}
	}()
	got := runs(t, testLoad(t, l, 2, 1<<10))
	if got.sent != 0 || got.failed == 0 || got.failed > few(got, 2) || !strings.Contains(got.why, "421") {
		t.Errorf("%d sent, %d failed (%s); want none sent and a few failures with 421", got.sent, got.failed, got.why)
	}
}

func TestLoadCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := testLoad(t, listen(t), 1, 1<<10).run(ctx); err == nil {
		t.Error("a cancelled load ended without an error")
	}
}

func TestMessage(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1 << 10, 10 << 10, 1 << 20, 1000, 1001} {
		m := message(size)
		if len(m) > size || len(m) < size-1 || !bytes.HasSuffix(m, []byte("\r\n")) {
			t.Errorf("message(%d) has %d octets and ends in %q", size, len(m), m[len(m)-4:])
		}
		if bytes.Contains(m, []byte("\n.")) {
			t.Errorf("message(%d) needs dot-stuffing", size)
		}
		if s := script(size); bytes.Contains(s, []byte("\r")) {
			t.Errorf("script(%d) holds CR", size)
		}
	}
}

func TestArrivals(t *testing.T) {
	t.Parallel()
	base := t.TempDir() + "/mail"
	if err := makeBoxes(base, 3, func(int) int { return os.Getuid() }); err != nil {
		t.Fatal(err)
	}
	a, err := watchBoxes(base, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	for i := range 3 {
		tmp, path := base+"/"+mailbox(i)+"/tmp/x", base+"/"+mailbox(i)+"/new/x"
		if err := os.WriteFile(tmp, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(tmp, path); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.wait(t.Context(), 3); err != nil {
		t.Error(err)
	}
	if err := a.check(3); err != nil {
		t.Error(err)
	}
	if a.check(2) == nil {
		t.Error("three files pass for two")
	}
	a.mu.Lock()
	a.n, a.lost = 0, true // as after an overflow of events
	a.mu.Unlock()
	if n, _, err := a.state(); n != 3 || err != nil {
		t.Errorf("after an overflow: %d arrived, %v; want 3", n, err)
	}
}
