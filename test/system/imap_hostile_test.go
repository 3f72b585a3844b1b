package system

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"yubin/test/instance"
)

// What strangers say before they log in is bounded, answered, and cannot write
// into the log; the connection is as good as before.
func TestIMAPHostile(t *testing.T) {
	t.Parallel()
	i, plain, _ := readersBy(t, instance.Options{Main: []string{"login_failure_limit = 1000", "imapd_hard_error_limit = 1000"}}, "imapd")
	long, deep := strings.Repeat("x", 1<<20), strings.Repeat("(", 5000)
	p := imap(i, plain, nil)
	for _, c := range []struct{ say, want string }{
		{long, "BAD"}, {"LOGIN ann " + long, "BAD"}, {"LOGIN \"a\x00b\" c", "BAD"}, {"LOGIN a\x00b c", "BAD"}, {"LOGIN \"a\r\nt x\" c", "BAD"},
		{"LOGIN {99999999999}", "BAD"}, {"LOGIN {99999999999999999999999}", "BAD"}, {"LOGIN {-1}", "BAD"}, {"LOGIN a {5000}", "BAD"},
		{"LOGIN {5000+}\r\n" + long[:5000] + " x", "BAD"}, {"LOGIN {3+}\r\na\x00b x", "BAD"},
		{"ID " + deep, "BAD"}, {"ID (" + strings.Repeat(`"a" "b" `, 9000) + ")", "BAD"},
		{"AUTHENTICATE " + long[:20000], "BAD"}, {"AUTHENTICATE PLAIN " + strings.Repeat("AAAA", 20000), "BAD"}, {"AUTHENTICATE PLAIN =", "BAD"},
		{"SELECT INBOX", "BAD"}, {"COMPRESS DEFLATE", "BAD"}, {"NOTIFY NONE", "BAD"}, {"APPEND INBOX {10000000+}", "BAD"},
		{"LOGIN {40+}\r\nann\r\nb: imap-login: Login: user=<root>, met x", "NO"},
	} {
		say := c.say
		if strings.HasSuffix(say, "{10000000+}") {
			say += "\r\n" + strings.Repeat(long, 10)[:10000000]
		}
		answer := p.cmd("%s", say)
		if strings.Contains(c.say, "\r\nt x") { // its second half is another command
			answer = p.line()
		}
		if c.want != "NO" {
			p.want("t "+c.want, answer)
		}
		if len(answer) > 600 {
			t.Errorf("%.40q: an answer of %d octets", c.say, len(answer))
		}
	}
	p.login("ann@users.test")
	p.want("* 0 EXISTS", p.cmd("SELECT INBOX"))
	p.want("* BYE", p.cmd("LOGOUT"))
	for line := range strings.Lines(i.Log()) {
		if strings.HasPrefix(line, "b: imap-login") || strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("the log has %q", line)
		}
	}
}

// Whoever connects and says nothing, dribbles, or stalls a handshake has no
// more than imapd_login_timeout; who has logged in and takes nothing of what he
// asked for has no more than imapd_timeout. Others are served meanwhile.
func TestIMAPSlow(t *testing.T) {
	t.Parallel()
	i, plain, wrapped := readersBy(t, instance.Options{Main: []string{"imapd_login_timeout = 10s", "imapd_timeout = 10s"}}, "imapd")
	greedy := imap(i, plain, nil).login("ann@users.test")
	greedy.cmd("SELECT INBOX")
	text := strings.Repeat(strings.Repeat("x", 70)+"\r\n", 60000)
	fmt.Fprintf(greedy.c, "t APPEND INBOX {%d+}\r\n%s\r\n", len(text), text)
	greedy.until("t OK")
	fmt.Fprint(greedy.c, strings.Repeat("t FETCH 1 BODY.PEEK[]\r\n", 20))
	dial := func(addr string) net.Conn {
		c, err := net.DialTimeout("tcp", addr, instance.Wait)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(instance.Wait))
		return c
	}
	silent, stalled, half, dribbling := dial(plain), dial(wrapped), dial(wrapped), dial(plain)
	fmt.Fprint(half, "\x16\x03\x01\x02\x00\x01") // the beginning of a ClientHello
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for _, err := dribbling.Write([]byte("a")); err == nil; _, err = dribbling.Write([]byte("a")) {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	p := imap(i, plain, nil).login("ann@users.test")
	p.want("* 1 EXISTS", p.cmd("SELECT INBOX"))
	p.cmd("LOGOUT")
	for name, c := range map[string]net.Conn{"silent": silent, "without a handshake": stalled, "half a handshake": half, "dribbling": dribbling} {
		var err error
		for b := make([]byte, 1000); err == nil; {
			_, err = c.Read(b)
		}
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			t.Errorf("%s: it is still connected after %v", name, instance.Wait)
		}
	}
	i.Until("the one who takes nothing is given up", func() bool { return strings.Contains(i.Log(), ": Disconnected: Inactivity in=") })
}
