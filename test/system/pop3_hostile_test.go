package system

import (
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"yubin/test/instance"
)

// What strangers say is bounded, answered in one line, and cannot write into
// the log; the connection is as good as before.
func TestPOP3Hostile(t *testing.T) {
	t.Parallel()
	i, plain, _ := readers(t, instance.Options{Main: []string{"login_failure_limit = 1000", "pop3d_hard_error_limit = 1000"}})
	long := strings.Repeat("x", 1<<20)
	login := base64.StdEncoding.EncodeToString([]byte("\x00ann@users.test\x00wrong"))
	p := pop(i, plain, nil)
	for _, line := range []string{
		long, "USER " + long, "AUTH PLAIN " + strings.Repeat("AAAA", 200_000), "AUTH PLAIN " + strings.Repeat("AAAA", 4000), "AUTH PLAIN " + login[:7],
		"AUTH " + long[:10000], "PASS x", "USER", "USER a\x00b", "\x00", "", " ", "AUTH PLAIN =", "AUTH \r", "LANG \xff", "XYZZY", "STAT", "RETR 1", "DELE 1",
		"USER ann\rPASS x", "CAPA\x00", "AUTH SCRAM-SHA-256 biwsbj1h" + strings.Repeat("LHg9", 3000), "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00a\nb: Login: user=<root>\x00x")),
	} {
		reply := p.cmd("%s", line)
		if strings.HasPrefix(reply, "+ ") { // a challenge
			reply = p.cmd("*")
		}
		if strings.HasPrefix(line, "USER ann") && strings.HasPrefix(reply, "+OK") { // a name like another
			reply = p.cmd("PASS x")
		}
		p.want("-ERR", reply)
		if len(reply) > 510 {
			t.Errorf("%.40q: a reply of %d octets", line, len(reply))
		}
	}
	p.login("ann@users.test")
	for _, line := range []string{
		long, "RETR", "RETR 0", "RETR -1", "RETR 1", "RETR 18446744073709551617", "RETR 1 2", "TOP 1", "TOP 1 x", "LIST " + long[:900], "UIDL \x00", "DELE 99999999999",
		"USER ann", "AUTH PLAIN", "STLS", "\x00", "",
	} {
		if reply := p.want("-ERR", p.cmd("%s", line)); len(reply) > 510 {
			t.Errorf("%.40q: a reply of %d octets", line, len(reply))
		}
	}
	p.want("+OK 0 0", p.cmd("STAT"))
	p.want("+OK", p.cmd("QUIT"))
	for line := range strings.Lines(i.Log()) {
		if strings.Trim(line, "\n") != strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return -1
			}
			return r
		}, line) || strings.HasPrefix(line, "b: Login") {
			t.Errorf("the log has %q", line)
		}
	}
}

// Whoever connects and says nothing, dribbles, or stalls a handshake has no
// more than pop3d_login_timeout, and keeps nobody waiting.
func TestPOP3Slow(t *testing.T) {
	t.Parallel()
	i, plain, wrapped := readers(t, instance.Options{Main: []string{"pop3d_login_timeout = 4s"}})
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
		for _, err := dribbling.Write([]byte("N")); err == nil; _, err = dribbling.Write([]byte("O")) {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	i.Until("somebody else can log in", func() bool {
		p := pop(i, plain, nil)
		p.cmd("USER ann@users.test")
		return strings.HasPrefix(p.cmd("PASS %s", userSecret), "+OK")
	})
	for name, c := range map[string]net.Conn{"silent": silent, "without a handshake": stalled, "half a handshake": half, "dribbling": dribbling} {
		var err error
		for b := make([]byte, 1000); err == nil; {
			_, err = c.Read(b)
		}
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			t.Errorf("%s: it is still connected after %v", name, instance.Wait)
		}
	}
}

// softFiles sets how many files a process may have open, as the user that it runs
// as, and returns how many it might before.
func softFiles(t *testing.T, pid, n int) (was int) {
	t.Helper()
	prlimit := func(args ...string) string {
		c := exec.Command("prlimit", append([]string{"--pid", strconv.Itoa(pid)}, args...)...)
		if st, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err == nil && os.Getuid() == 0 {
			id := st.Sys().(*syscall.Stat_t)
			c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: id.Uid, Gid: id.Gid}}
		}
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("prlimit: %v\n%s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	was, err := strconv.Atoi(prlimit("--nofile", "--raw", "--noheadings", "--output=SOFT"))
	if err != nil {
		t.Fatal(err)
	}
	prlimit(fmt.Sprintf("--nofile=%d:", n))
	return was
}

// A process that has as many files open as it may refuses who comes, keeps who
// is there, and goes on when there is room again.
func TestPOP3NoFiles(t *testing.T) {
	t.Parallel()
	i, plain, _ := readers(t, instance.Options{Main: []string{"session_processes = 1"}})
	p := pop(i, plain, nil).login("ann@users.test")
	session := sessionPID(i)
	login := pop(i, plain, nil)
	for _, pid := range []int{session, loginPIDs(i)[0]} {
		was := softFiles(t, pid, 0) // no number is below it, whatever is closed meanwhile
		if pid == session {
			login.want("+OK", login.cmd("USER ben@users.test"))
			login.want("-ERR [SYS/TEMP]", login.cmd("PASS %s", userSecret))
		} else {
			// Whoever connects waits; who has connected cannot be handed over.
			c, err := net.DialTimeout("tcp", plain, instance.Wait)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			login.want("+OK", login.cmd("USER ben@users.test"))
			login.want("-ERR [SYS/TEMP]", login.cmd("PASS %s", userSecret))
		}
		p.want("+OK 0 0", p.cmd("STAT"))
		softFiles(t, pid, was)
	}
	login.login("ben@users.test")
	if pid := sessionPID(i); pid != session {
		t.Errorf("ben has process %d, want ann's, %d", pid, session)
	}
	pop(i, plain, nil).login("ann@users.test")
	if r := i.Mailctl("kick", "ann@users.test"); r.Code != 0 {
		t.Errorf("kick: %+v", r)
	}
	p.want("-ERR [SYS/TEMP]", p.line())
	i.Until("ann has gone", func() bool { return !strings.Contains(i.Mailctl("who").Stdout, "ann@") })
}
