package system

import (
	"bufio"
	"crypto/tls"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"yubin/test/instance"
)

// readers is an instance with POP3: in the clear at the first address, with TLS
// from the start at the second, and accounts for two people.
func readers(t *testing.T, o instance.Options) (i *instance.Instance, plain, wrapped string) {
	t.Helper()
	return readersBy(t, o, "pop3d")
}

// readersBy is readers with another program.
func readersBy(t *testing.T, o instance.Options, program string) (i *instance.Instance, plain, wrapped string) {
	t.Helper()
	host := fmt.Sprintf("127.%d.%d.%d", 1+mathrand.IntN(254), mathrand.IntN(255), 1+mathrand.IntN(254))
	o.Addr, plain, wrapped = host+":2525", host+":1110", host+":1995"
	o.Master = append(o.Master, plain+" inet n - n - - "+program, wrapped+" inet n - n - - "+program+" -o "+program+"_tls_wrappermode=yes")
	o.Stopped = true
	i = accounts(t, o)
	if os.Getuid() == 0 { // root's mail is not served
		nobody, err := user.Lookup("nobody")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.Atoi(nobody.Uid)
		gid, _ := strconv.Atoi(nobody.Gid)
		if err := os.Chown(i.Path("mail"), uid, gid); err != nil {
			t.Fatal(err)
		}
		i.AppendMain("virtual_mailbox_user = nobody")
	}
	newPair(t, "mx.example.test").write(t, i, "cert")
	i.AppendMain(program+"_tls_cert_file = "+i.Path("etc/cert.pem"), program+"_tls_key_file = "+i.Path("etc/cert.key"), "auth_failure_delay = 0s")
	add(i, "ann@users.test")
	add(i, "ben@users.test")
	i.Start()
	return i, plain, wrapped
}

// letter delivers a letter to ann and waits until it is there.
func (p *popper) deliver(n int) {
	for k := range n {
		p.i.Submit("carol@client.test", "ann@users.test", fmt.Sprintf("Subject: letter %d\r\n\r\n..dots\r\nand text\r\n", k))
	}
}

// A popper is a POP3 client.
type popper struct {
	t  testing.TB
	i  *instance.Instance
	c  net.Conn
	in *bufio.Reader
}

func pop(i *instance.Instance, addr string, over *tls.Config) *popper {
	i.T.Helper()
	c, err := net.DialTimeout("tcp", addr, instance.Wait)
	if err != nil {
		i.T.Fatal(err)
	}
	if over != nil {
		c = tls.Client(c, over)
	}
	p := &popper{i.T, i, c, bufio.NewReader(c)}
	i.T.Cleanup(func() { p.c.Close() })
	p.want("+OK", p.line())
	return p
}

func (p *popper) line() string {
	p.c.SetDeadline(time.Now().Add(instance.Wait))
	s, err := p.in.ReadString('\n')
	if err != nil {
		return "ended: " + err.Error()
	}
	return strings.TrimSuffix(s, "\r\n")
}

func (p *popper) cmd(format string, args ...any) string {
	fmt.Fprintf(p.c, format+"\r\n", args...)
	return p.line()
}

// want checks a reply.
func (p *popper) want(prefix, reply string) string {
	p.t.Helper()
	if !strings.HasPrefix(reply, prefix) {
		p.t.Fatalf("got %q, want %s; the log:\n%s", reply, prefix, p.i.Log())
	}
	return reply
}

// rest reads lines up to the dot.
func (p *popper) rest() (lines []string) {
	p.t.Helper()
	for {
		l := p.line()
		if strings.HasPrefix(l, "ended: ") {
			p.t.Fatalf("%s after %d lines", l, len(lines))
		}
		if l == "." {
			return lines
		}
		lines = append(lines, strings.TrimPrefix(l, "."))
	}
}

func (p *popper) login(name string) *popper {
	p.t.Helper()
	before := logins(p.i)
	p.want("+OK", p.cmd("USER %s", name))
	p.want("+OK", p.cmd("PASS %s", userSecret))
	p.i.Until("the login is in the log", func() bool { return logins(p.i) > before })
	return p
}

// logins are the lines of the log that tell of one: such a line may come after the
// client has its reply.
func logins(i *instance.Instance) int { return strings.Count(i.Log(), ", mpid=") }

func (p *popper) stls() {
	p.t.Helper()
	p.want("+OK", p.cmd("STLS"))
	p.c = tls.Client(p.c, anyCert("mx.example.test"))
	p.in = bufio.NewReader(p.c)
}

// count is STAT's number of messages.
func (p *popper) count() int {
	p.t.Helper()
	f := strings.Fields(p.want("+OK", p.cmd("STAT")))
	n, _ := strconv.Atoi(f[1])
	return n
}

// sessionPID is the session process of the popper who logged in last.
func sessionPID(i *instance.Instance) int {
	i.T.Helper()
	all := regexp.MustCompile(`mpid=(\d+)`).FindAllStringSubmatch(i.Log(), -1)
	if len(all) == 0 {
		i.T.Fatalf("nobody has logged in; the log:\n%s", i.Log())
	}
	pid, _ := strconv.Atoi(all[len(all)-1][1])
	return pid
}

// Over plain connections on loopback, STLS and TLS, the same mailbox; the log
// has Dovecot's lines, and no password.
func TestPOP3(t *testing.T) {
	t.Parallel()
	i, plain, wrapped := readers(t, instance.Options{})
	ways := map[string]func() *popper{
		"plain":   func() *popper { return pop(i, plain, nil) },
		"STLS":    func() *popper { p := pop(i, plain, nil); p.stls(); return p },
		"wrapped": func() *popper { return pop(i, wrapped, anyCert("mx.example.test")) },
	}
	for name, dial := range ways {
		p := dial()
		p.want("+OK", p.cmd("CAPA"))
		capa := strings.Join(p.rest(), "\n")
		if strings.Contains(capa, "STLS") != (name == "plain") || !strings.Contains(capa, "\nSASL ") || !strings.Contains(capa, "UIDL") {
			t.Errorf("%s: CAPA says\n%s", name, capa)
		}
		before := p.login("ann@users.test").count()
		p.want("+OK", p.cmd("QUIT"))
		p.deliver(2)
		i.Until("the letters are there", func() bool {
			p := dial().login("ann@users.test")
			defer p.cmd("QUIT")
			return p.count() == before+2
		})
		p = dial().login("ann@users.test")
		p.want("+OK", p.cmd("UIDL"))
		if ids := p.rest(); len(ids) != before+2 || !regexp.MustCompile(`^1 [0-9a-f]{16}$`).MatchString(ids[0]) {
			t.Errorf("%s: UIDL says %q", name, ids)
		}
		size, _ := strconv.Atoi(strings.Fields(p.want("+OK", p.cmd("LIST 1")))[2])
		p.want("+OK", p.cmd("RETR 1"))
		text := strings.Join(p.rest(), "\r\n") + "\r\n"
		if len(text) != size || !strings.HasSuffix(text, "\r\n\r\n.dots\r\nand text\r\n") {
			t.Errorf("%s: LIST says %d octets, RETR has %d: %q", name, size, len(text), text)
		}
		p.want("+OK", p.cmd("DELE 1"))
		p.want("+OK", p.cmd("QUIT"))
		p = dial().login("ann@users.test")
		if n := p.count(); n != before+1 {
			t.Errorf("%s: %d messages after QUIT, want %d", name, n, before+1)
		}
		p.c.Close()
	}
	for _, want := range []string{
		`dovecot: pop3-login: Login: user=<ann@users\.test>, method=PLAIN, rip=127[\d.]+, lip=127[\d.]+, mpid=\d+, TLS, session=<\S+>\n`,
		`dovecot: pop3-login: Login: user=<ann@users\.test>, method=PLAIN, rip=127[\d.]+, lip=127[\d.]+, mpid=\d+, secured, session=<\S+>\n`,
		`dovecot: pop3\(ann@users\.test\)<\d+><\S+>: Disconnected: Logged out top=0/0, retr=1/\d+, del=1/\d+, size=\d+\n`,
	} {
		i.Until("the log has "+want, func() bool { return regexp.MustCompile(want).MatchString(i.Log()) })
	}
	i.KeepsSecret("ann@users.test", userSecret)
}

// Who is not who he says is told so, in the same way whoever he says he is; the
// log has what fail2ban looks for.
func TestPOP3WrongPassword(t *testing.T) {
	t.Parallel()
	i, plain, _ := readers(t, instance.Options{Main: []string{"login_failure_limit = 3"}})
	p := pop(i, plain, nil)
	p.want("+OK", p.cmd("USER ann@users.test"))
	first := p.want("-ERR [AUTH]", p.cmd("PASS wrong"))
	p.want("+OK", p.cmd("USER nobody@users.test"))
	if again := p.want("-ERR [AUTH]", p.cmd("PASS wrong")); again != first {
		t.Errorf("a user that is not there: %q, want %q", again, first)
	}
	p.want("-ERR", p.cmd("AUTH PLAIN ====x"))
	p.want("+ ", p.cmd("AUTH PLAIN"))
	p.want("-ERR", p.cmd("*"))
	p.want("ended", p.line())
	line := regexp.MustCompile(`dovecot: pop3-login: Disconnected: Too many authentication failures \(auth failed, 3 attempts in \d+ secs\): user=<nobody@users\.test>, method=PLAIN, rip=127`)
	i.Until("the log has the failures", func() bool { return line.MatchString(i.Log()) })
}

// What a client says in the clear behind STLS counts no more.
func TestPOP3Injection(t *testing.T) {
	t.Parallel()
	i, plain, _ := readers(t, instance.Options{})
	p := pop(i, plain, nil)
	fmt.Fprintf(p.c, "STLS\r\nUSER ann@users.test\r\nPASS %s\r\nSTAT\r\n", userSecret)
	p.want("+OK", p.line())
	p.c = tls.Client(p.c, anyCert("mx.example.test"))
	p.in = bufio.NewReader(p.c)
	p.want("-ERR Unknown command", p.cmd("STAT"))
}

// The death of a session or login process in the middle of anything deletes
// nothing, and the next login works.
func TestPOP3Killed(t *testing.T) {
	t.Parallel()
	i, plain, wrapped := readers(t, instance.Options{})
	p := pop(i, plain, nil).login("ann@users.test")
	p.cmd("QUIT")
	p.deliver(3)
	i.Until("the letters are there", func() bool {
		p := pop(i, plain, nil).login("ann@users.test")
		defer p.cmd("QUIT")
		return p.count() == 3
	})
	for _, step := range []string{"RETR 1", "DELE 1", "QUIT"} {
		p := pop(i, wrapped, anyCert("mx.example.test")).login("ann@users.test")
		pid := sessionPID(i)
		if step == "QUIT" { // killed before it is done: the process stands still meanwhile
			p.want("+OK", p.cmd("DELE 1"))
			syscall.Kill(pid, syscall.SIGSTOP)
			i.Until("the process stands still", func() bool { return standsStill(t, pid) })
			fmt.Fprint(p.c, "QUIT\r\n")
		} else {
			p.want("+OK", p.cmd("%s", step))
		}
		syscall.Kill(pid, syscall.SIGKILL)
		for !strings.HasPrefix(p.line(), "ended") {
		}
		// Its sockets close one after the other: until master knows of the death, it may
		// give a session to it, whose client hears of a temporary failure.
		i.WaitLog(fmt.Sprintf("pid %d killed by signal 9", pid))
		if n := pop(i, plain, nil).login("ann@users.test").count(); n != 3 {
			t.Errorf("killed at %s: %d messages are left, want 3", step, n)
		}
	}
	p = pop(i, wrapped, anyCert("mx.example.test")).login("ann@users.test")
	q := pop(i, plain, nil).login("ann@users.test")
	for _, pid := range loginPIDs(i) {
		syscall.Kill(pid, syscall.SIGKILL)
		i.WaitLog(fmt.Sprintf("pid %d killed by signal 9", pid)) // its threads end one after the other
	}
	p.want("ended", p.cmd("STAT"))
	if n := q.count(); n != 3 {
		t.Errorf("the plain session went with the login process: %d", n)
	}
	if n := pop(i, wrapped, anyCert("mx.example.test")).login("ann@users.test").count(); n != 3 {
		t.Errorf("%d messages are left, want 3", n)
	}
}

// standsStill tells whether all threads of a process are stopped: they notice a
// signal one after the other.
func standsStill(t *testing.T, pid int) bool {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(files) == 0 {
		t.Fatalf("the threads of process %d: %v", pid, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if _, state, _ := strings.Cut(string(b), ") "); err == nil && !strings.HasPrefix(state, "T") {
			return false
		}
	}
	return true
}

// loginPIDs are the login processes of an instance.
func loginPIDs(i *instance.Instance) (pids []int) {
	i.T.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		i.T.Fatal(err)
	}
	for _, f := range files {
		b, _ := os.ReadFile(f)
		line := string(b)
		if strings.HasPrefix(line, "pop3d\x00-n") && strings.Contains(line, i.Etc()) {
			pid, _ := strconv.Atoi(strings.Split(f, "/")[2])
			pids = append(pids, pid)
		}
	}
	return pids
}

// Sessions go on over reload and upgrade; mailctl lists and ends them; what
// happens to the mailbox meanwhile does not confuse them.
func TestPOP3Life(t *testing.T) {
	t.Parallel()
	i, plain, wrapped := readers(t, instance.Options{OwnPrograms: true})
	pop(i, plain, nil).login("ann@users.test").deliver(3)
	i.Until("the letters are there", func() bool {
		p := pop(i, plain, nil).login("ann@users.test")
		defer p.cmd("QUIT")
		return p.count() == 3
	})
	p := pop(i, plain, nil).login("ann@users.test")
	q := pop(i, wrapped, anyCert("mx.example.test")).login("ann@users.test")
	for _, step := range []string{"reload", "upgrade"} {
		if r := i.Mailctl(step); r.Code != 0 {
			t.Fatalf("%s: %+v", step, r)
		}
		i.Until(step+" is done", func() bool {
			return strings.Contains(i.Log(), map[string]string{"reload": ": reload -- ", "upgrade": ", upgraded from version"}[step])
		})
		if p.count() != 3 || q.count() != 3 || pop(i, plain, nil).login("ann@users.test").count() != 3 {
			t.Errorf("after %s the sessions are not as before", step)
		}
	}
	q.want("+OK", q.cmd("DELE 2"))
	q.want("+OK", q.cmd("QUIT"))
	p.want("-ERR", p.cmd("RETR 2"))
	p.want("+OK", p.cmd("RETR 3"))
	p.rest()
	pop(i, wrapped, anyCert("mx.example.test")).login("ben@users.test")
	who := i.Mailctl("who")
	if who.Code != 0 || !regexp.MustCompile(`(?m)^ann@users\.test +pop3 +127`).MatchString(who.Stdout) ||
		!regexp.MustCompile(`(?m)^ben@users\.test +pop3/TLS +127`).MatchString(who.Stdout) {
		t.Errorf("who: %+v", who)
	}
	if r := i.Mailctl("kick", "ann@users.test"); r.Code != 0 {
		t.Errorf("kick: %+v", r)
	}
	p.want("-ERR", p.line())
	p.want("ended", p.line())
	i.Until("ann has gone", func() bool { return !strings.Contains(i.Mailctl("who").Stdout, "ann") })
	if r := i.Mailctl("kick", "ann@users.test"); r.Code == 0 {
		t.Errorf("kick nobody: %+v", r)
	}
}

// Commands that are sent ahead of the login's end reach the session; a login
// process for each connection works as well.
func TestPOP3Ahead(t *testing.T) {
	t.Parallel()
	i, plain, wrapped := readers(t, instance.Options{Main: []string{"login_process_sessions = 1", "pop3d_lock_session = yes"}})
	for turn := range 3 {
		for _, p := range []*popper{pop(i, plain, nil), pop(i, wrapped, anyCert("mx.example.test"))} {
			fmt.Fprintf(p.c, "USER ben@users.test\r\nPASS %s\r\nSTAT\r\nNOOP\r\n", userSecret)
			for _, want := range []string{"+OK", "+OK", "+OK 0 0", "+OK"} {
				p.want(want, p.line())
			}
			if turn == 0 {
				other := pop(i, plain, nil)
				other.want("+OK", other.cmd("USER ben@users.test"))
				other.want("-ERR [IN-USE]", other.cmd("PASS %s", userSecret))
			}
			p.want("+OK", p.cmd("QUIT"))
		}
	}
}
