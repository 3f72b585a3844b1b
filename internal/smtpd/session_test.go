package smtpd

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/bits"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Every verb in every state: an illegal one answers 503 and changes nothing, a
// legal one leaves the session in exactly one state.
func TestCommandStates(t *testing.T) {
	t.Parallel()
	r, _ := authRig(t)
	args := map[string]string{
		"AUTH": "PLAIN =",
		"HELO": "h", "EHLO": "h", "MAIL": "FROM:<a@b.example>", "RCPT": "TO:<ann@example.org>", "VRFY": "ann",
	}
	for i, c := range commands {
		for st := connected; st&always != 0; st <<= 1 {
			near, far := net.Pipe()
			near.Close()
			s := newSession(r.srv, far, stranger)
			if s.st = st; st != connected {
				s.helo, s.esmtp = "h", true
			}
			reply := s.dispatch(t.Context(), i, args[verbs[i]])
			// DATA without a recipient is refused by the command itself.
			legal := c.in&st != 0 && !(verbs[i] == "DATA" && st == inMail) &&
				!(verbs[i] == "AUTH" && st == connected)
			switch {
			case verbs[i] == "DATA" && st == inRcpt: // the dialogues have it
			case legal == (reply.Code == 503):
				t.Errorf("%s in state %04b: got %v, legal is %t", verbs[i], st, reply, legal)
			case !legal && s.st != st:
				t.Errorf("%s in state %04b: refused, yet state became %04b", verbs[i], st, s.st)
			case bits.OnesCount8(uint8(s.st)) != 1:
				t.Errorf("%s in state %04b: state became %04b", verbs[i], st, s.st)
			}
		}
	}
	r.taken()
}

// A client that says nothing, or dribbles, has smtpd_timeout for a command.
func TestCommandTimeout(t *testing.T) {
	t.Parallel()
	for name, dribble := range map[string]bool{"silence": false, "dribble": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "smtpd_timeout = 300s")
				c := r.connect(stranger)
				c.reply()
				start := time.Now()
				var wg sync.WaitGroup
				defer wg.Wait()
				if dribble {
					wg.Go(func() {
						for {
							if _, err := c.c.Write([]byte("N")); err != nil {
								return
							}
							time.Sleep(20 * time.Second)
						}
					})
				}
				if got := c.reply(); got != "421 4.4.2 mx.example Error: timeout exceeded" {
					t.Errorf("got %q", got)
				}
				if waited := time.Since(start); waited != 300*time.Second {
					t.Errorf("after %v", waited)
				}
				c.close()
				wantLog(t, r, []string{"timeout after CONNECT from unknown[192.0.2.1]"})
			})
		})
	}
}

// A message that trickles in below smtpd_min_data_rate is cut off; one above
// it may take as long as it needs.
func TestDataRate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		every time.Duration // a line of 100 octets
		cut   bool
	}{
		{"slow", 10 * time.Second, true},
		{"fast enough", 100 * time.Millisecond, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, "smtpd_timeout = 60s", "smtpd_min_data_rate = 500")
				c := r.connect(stranger)
				c.play(toData)
				line := strings.Repeat("x", 98) + "\r\n"
				cut := false
				for range 2000 {
					if _, err := io.WriteString(c.c, line); err != nil {
						cut = true
						break
					}
					time.Sleep(tc.every)
				}
				if cut != tc.cut {
					t.Errorf("cut is %t, want %t", cut, tc.cut)
				}
				c.close()
				r.taken()
			})
		})
	}
}

const toData = `
	S: 220 ...
	C: MAIL FROM:<a@b.example>
	S: 250 2.1.0 Ok
	C: RCPT TO:<ann@example.org>
	S: 250 2.1.5 Ok
	C: DATA
	S: 354 ...`

// A client that never reads its replies is given up.
func TestNeverReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "smtpd_timeout = 60s")
		c := r.connect(stranger)
		start := time.Now()
		<-c.done
		if waited := time.Since(start); waited > 3*time.Minute {
			t.Errorf("given up after %v", waited)
		}
	})
}

func TestLostConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.connect(stranger)
	c.play(toData)
	c.send("12345\r\n")
	c.close()
	c = r.connect(stranger)
	c.play("S: 220 ...\nC: HELO h\nS: 250 mx.example")
	c.close()
	r.taken()
	wantLog(t, r, []string{
		"lost connection after DATA (7 bytes) from unknown[192.0.2.1]",
		"disconnect from unknown[192.0.2.1] mail=1 rcpt=1 data=0/1 commands=2/3",
		"lost connection after HELO from unknown[192.0.2.1]",
	})
}

// A session that panics keeps no blank, and its client hears 421.
func TestPanic(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	near, far := net.Pipe()
	c := &client{t: t, c: near, in: bufio.NewReader(near), done: make(chan struct{})}
	go func() {
		defer close(c.done)
		defer far.Close()
		// As package service does.
		defer func() {
			recover()
			r.srv.lastWord(far)
		}()
		r.srv.session(context.Background(), panicConn{far}, stranger)
	}()
	c.play(toData)
	c.send("panic\r\n")
	if got := c.reply(); got != "421 4.3.0 mx.example Error: internal error, closing connection" {
		t.Errorf("got %q", got)
	}
	c.c.Close()
	<-c.done
	r.taken()
	if len(r.srv.clients) != 0 {
		t.Errorf("still counted: %v", r.srv.clients)
	}
}

// A panicConn panics when it reads the word.
type panicConn struct{ net.Conn }

func (c panicConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if strings.Contains(string(b[:n]), "panic") {
		panic("as told")
	}
	return n, err
}

// When the service ends, an idle session hears of it, and a message under way
// may be finished.
func TestShutdown(t *testing.T) {
	t.Parallel()
	const goodbye = "421 4.3.2 mx.example Error: server is shutting down"
	r := newRig(t)
	c := r.connect(stranger)
	c.reply()
	c.stop()
	if got := c.reply(); got != goodbye {
		t.Errorf("idle: got %q", got)
	}
	c.close()

	c = r.connect(stranger)
	c.play(toData)
	c.send("text\r\n")
	c.stop()
	c.send(".\r\n")
	if got := c.reply(); !strings.HasPrefix(got, "250 2.0.0 Ok: queued as ") {
		t.Errorf("in DATA: got %q", got)
	}
	if got := c.reply(); got != goodbye {
		t.Errorf("after DATA: got %q", got)
	}
	c.close()
	if len(r.taken()) != 1 {
		t.Error("the message was not taken")
	}
}

func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	r := newRig(t, "smtpd_client_connection_count_limit = 2")
	addr := func(s string) peer { return peer{name: "unknown", ip: netip.MustParseAddr(s), port: 1} }
	for _, tc := range []struct {
		first, second, third peer
		free                 bool
	}{
		{addr("192.0.2.1"), addr("192.0.2.1"), addr("192.0.2.1"), false},
		{addr("192.0.2.1"), addr("192.0.2.1"), addr("192.0.2.2"), true},
		{addr("2001:db8::1"), addr("2001:db8::2"), addr("2001:db8::3"), false},
		{insider, insider, insider, true},
	} {
		var open []*client
		for i, who := range []peer{tc.first, tc.second, tc.third} {
			c := r.connect(who)
			open = append(open, c)
			want := "220 mx.example ESMTP Yubin"
			if i == 2 && !tc.free {
				want = "421 4.7.0 mx.example Error: too many connections from " + who.address()
			}
			if got := c.reply(); got != want {
				t.Errorf("connection %d of %v: got %q", i, who, got)
			}
		}
		for _, c := range open {
			c.close()
		}
	}
	if len(r.srv.clients) != 0 {
		t.Errorf("left behind: %v", r.srv.clients)
	}
	wantLog(t, r, []string{"warning: Connection concurrency limit exceeded: 3 from unknown[192.0.2.1] for service smtp"})
}

// Replies to errors come slowly once there have been many.
func TestSoftErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "smtpd_error_sleep_time = 3s", "smtpd_soft_error_limit = 1")
		c := r.connect(stranger)
		c.reply()
		start := time.Now()
		c.say("X")
		if d := time.Since(start); d != 0 {
			t.Errorf("first error: %v", d)
		}
		c.say("X")
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("second error: %v", d)
		}
		c.close()
	})
}

// Whatever a client sends, the session ends, says only what replies are made
// of, loses no blank, and its log lines have no control characters.
func FuzzSession(f *testing.F) {
	f.Add("EHLO h\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n")
	f.Add("HELO \x00<\x1b>\r\nMAIL FROM:<\"\\\r\n\"@x> SIZE=1\nRCPT TO:postmaster\r\nVRFY <a\xff>\n")
	f.Add("MAIL FROM:<\u00e4@x> SMTPUTF8\r\nRCPT TO:<ann@example.org>\r\nBDAT 3\r\nabcBDAT 9 LAST\r\n")
	f.Add("RSET\nNOOP a b\rHELP\r\n\r\r\nMAIL FROM:<> BODY=8BITMIME\r\n")
	r := newRig(f, "smtpd_forbid_unauth_pipelining = no", "smtpd_timeout = 1s") // BDAT may take the end for content
	f.Fuzz(func(t *testing.T, data string) {
		near, far := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer far.Close()
			r.srv.session(context.Background(), far, stranger)
		}()
		// The session may end first: then the rest is not read.
		go func() {
			near.Write([]byte(data + "\r\n.\r\nRSET\r\nQUIT\r\n"))
		}()
		out, err := io.ReadAll(near)
		if err != nil && err != io.ErrClosedPipe {
			t.Fatal(err)
		}
		near.Close()
		<-done
		for line := range strings.SplitSeq(strings.TrimSuffix(string(out), "\r\n"), "\r\n") {
			var code int
			if n, err := fmt.Sscanf(line, "%3d", &code); n != 1 || err != nil || code < 200 || code > 599 || len(line) > 510 ||
				strings.ContainsFunc(line, func(c rune) bool { return c < ' ' || c > '~' }) {
				t.Fatalf("reply line %q to %q", line, data)
			}
		}
		r.depot.mu.Lock()
		defer r.depot.mu.Unlock()
		if len(r.depot.lent) != 0 {
			t.Fatalf("%d blanks lost after %q", len(r.depot.lent), data)
		}
		r.depot.messages = nil
	})
}
