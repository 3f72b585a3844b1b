//go:build root

package packaging

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"yubin/test/instance"
)

// A ledger has the letters that the server has taken by SMTP. Each is in its
// recipient's mailbox exactly once, or mail was lost or doubled.
type ledger struct {
	c  *container
	mu sync.Mutex

	taken []string
}

const recipient = "ben@mail.example.test"

// open opens a session.
func (l *ledger) open() (*instance.Session, error) {
	conn, err := l.c.dial("127.0.0.1:25")
	if err != nil {
		return nil, err
	}
	s, err := instance.Greeted(l.c.t, conn)
	if err != nil {
		return nil, err
	}
	return s, expect(s, "250", "EHLO client.example.test")
}

// expect sends a command, or the end of a letter, that must be answered by a
// code.
func expect(s *instance.Session, code, line string) error {
	reply, err := s.Cmd(line)
	if err == nil && !strings.HasPrefix(reply, code) {
		err = fmt.Errorf("%s: %s", line, reply)
	}
	return err
}

func message(name string) string { return "Subject: letter\n\n[" + name + "]\n" }

func (l *ledger) enter(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = append(l.taken, name)
}

// letter sends one in a session of its own.
func (l *ledger) letter(name string) error {
	s, err := l.open()
	if err != nil {
		return err
	}
	return (&caller{s, 0}).finish(l, name)
}

// settle waits for all that was taken, and counts.
func (l *ledger) settle() {
	l.c.t.Helper()
	missing := func(have map[string]int) (names []string) {
		for _, name := range l.taken {
			if have[name] == 0 {
				names = append(names, name)
			}
		}
		return names
	}
	l.c.await("all letters are delivered", func() bool { return len(missing(l.c.names("ben"))) == 0 })
	have := l.c.names("ben")
	for _, name := range l.taken {
		if have[name] != 1 {
			l.c.t.Errorf("the letter %s is there %d times", name, have[name])
		}
	}
}

// names counts the letters of a ledger in a user's Maildir.
func (c *container) names(user string) map[string]int {
	c.t.Helper()
	have := map[string]int{}
	for _, file := range c.letters(user, "[") {
		b, err := os.ReadFile(file)
		if err != nil {
			c.t.Fatal(err)
		}
		_, body, _ := strings.Cut(string(b), "\n\n")
		have[strings.Trim(body, "[]\n")]++
	}
	return have
}

// A stream does one thing again and again until it is stopped. The first
// failure ends it, and is a fault.
type stream struct {
	quit, done chan struct{}
	count      int
	err        error
}

func repeat(do func(n int) error) *stream {
	s := &stream{quit: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for {
			select {
			case <-s.quit:
				return
			default:
			}
			if s.err = do(s.count); s.err != nil {
				return
			}
			s.count++
		}
	}()
	return s
}

func (s *stream) stop(t *testing.T) {
	t.Helper()
	close(s.quit)
	<-s.done
	if s.err != nil || s.count == 0 {
		t.Errorf("after %d times: %v", s.count, s.err)
	}
}

// clients send letters by SMTP, scripts by sendmail, each when the one before
// it was taken.
func (l *ledger) clients(name string) *stream {
	return repeat(func(n int) error { return l.letter(fmt.Sprintf("%s %d", name, n)) })
}

func (l *ledger) scripts(name string) *stream {
	return repeat(func(n int) error {
		name := fmt.Sprintf("%s %d", name, n)
		out, err := l.c.feed(message(name), "runuser", "-u", "ann", "--", "/usr/sbin/sendmail", recipient)
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		l.enter(name)
		return nil
	})
}

// knock makes connections, a few hundred a second; what comes of them later is
// not their business.
func (c *container) knock() *stream {
	pace := time.Tick(5 * time.Millisecond)
	return repeat(func(int) error {
		<-pace
		conn, err := c.dial("127.0.0.1:25")
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// sessions is how many clients are in the middle of something.
const sessions = 50

// dialogue is how a letter is sent: what is said and what is answered.
var dialogue = [...]struct{ code, line string }{
	{"250", "MAIL FROM:<ann@mail.example.test>"}, {"250", "RCPT TO:<" + recipient + ">"}, {"354", "DATA"},
}

// say goes on in the dialogue, from one step to another.
func say(s *instance.Session, from, to int) error {
	for _, step := range dialogue[from:to] {
		if err := expect(s, step.code, step.line); err != nil {
			return err
		}
	}
	return nil
}

// A caller is a client in the middle of a session, after so many steps.
type caller struct {
	session *instance.Session
	step    int
}

// inData says whether the client is in the middle of its letter.
func (c *caller) inData() bool { return c.step == len(dialogue) }

// finish sends what is left of the letter.
func (c *caller) finish(l *ledger, name string) error {
	defer c.session.Close()
	if err := say(c.session, c.step, len(dialogue)); err != nil {
		return err
	}
	if err := expect(c.session, "250 2.0.0", strings.ReplaceAll(message(name), "\n", "\r\n")+"."); err != nil {
		return err
	}
	l.enter(name)
	return expect(c.session, "221", "QUIT")
}

// call opens the sessions of clients who stop at different places.
func (l *ledger) call() []caller {
	l.c.t.Helper()
	var callers []caller
	for i := range sessions {
		s, err := l.open()
		if err != nil {
			l.c.t.Fatal(err)
		}
		step := i % (len(dialogue) + 1)
		if err := say(s, 0, step); err != nil {
			l.c.t.Fatal(err)
		}
		callers = append(callers, caller{s, step})
	}
	return callers
}

// goOn has those callers who are in their letter, or those who are not, come
// to the end.
func (l *ledger) goOn(callers []caller, inData bool) {
	l.c.t.Helper()
	for i, caller := range callers {
		if caller.inData() != inData {
			continue
		}
		if err := caller.finish(l, fmt.Sprintf("session %d", i)); err != nil {
			l.c.t.Errorf("session %d, which was open during the upgrade: %v", i, err)
		}
	}
}

// upgrades replaces the package while clients are in the middle of a session
// and mail flows.
func upgrades(t *testing.T, c *container) {
	c.publish(build(t, nextRelease))
	edited := c.read("/etc/yubin/main.cf") + "# by the administrator\n"
	c.write("/etc/yubin/main.cf", edited)
	l := &ledger{c: c}
	callers := l.call()
	streams := []*stream{l.clients("client a"), l.clients("client b"), l.scripts("script"), c.knock()}
	master := c.mainPID()
	program := c.inode(master)

	var out string
	upgraded := make(chan error, 1)
	go func() {
		var err error
		out, err = c.try(dnf("upgrade", "yubin")...)
		upgraded <- err
	}()
	// The queue manager that lent a file for a letter waits seconds for the
	// letter's end, not minutes: these clients go on when master is another.
	c.await("master is another program", func() bool { now := c.inode(master); return now != 0 && now != program })
	l.goOn(callers, true)
	if err := <-upgraded; err != nil || strings.Contains(out, "the old version goes on") {
		t.Fatalf("dnf upgrade: %v\n%s", err, out)
	}
	if got := c.run("rpm", "--query", "--queryformat=%{release}", "yubin"); !strings.HasPrefix(got, nextRelease+".") {
		t.Fatalf("release %s is installed:\n%s", got, out)
	}
	if c.read("/etc/yubin/main.cf") != edited {
		t.Error("the upgrade changed main.cf")
	}
	if after := c.mainPID(); after != master {
		t.Errorf("the upgrade made process %s of %s", after, master)
	}
	// New clients meet the new version, while the old sessions go on.
	if err := l.letter("after the upgrade"); err != nil {
		t.Error(err)
	}
	l.goOn(callers, false)
	for _, s := range streams {
		s.stop(t)
	}
	l.settle()
	t.Logf("%d letters, %d connections beside them", len(l.taken), streams[len(streams)-1].count)
	c.await("no process runs a program of the old version", func() bool { return len(c.replaced()) == 0 })
	c.run("mailctl", "check")
}

// inode is the file that a process, by its number in the container, runs; 0
// while it becomes another.
func (c *container) inode(pid string) uint64 {
	info, err := os.Stat(fmt.Sprintf("/proc/%d/root/proc/%s/exe", c.pid, pid))
	if err != nil {
		return 0
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

// replaced returns the programs of running processes whose files are gone.
func (c *container) replaced() []string {
	var gone []string
	processes, err := os.ReadDir(fmt.Sprintf("/proc/%d/root/proc", c.pid))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, p := range processes {
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/root/proc/%s/exe", c.pid, p.Name()))
		if err == nil && strings.Contains(exe, "yubin") && strings.HasSuffix(exe, "(deleted)") {
			gone = append(gone, exe)
		}
	}
	return gone
}
