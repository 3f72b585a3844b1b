package system

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"yubin/test/instance"
)

// fill puts messages into a person's Maildir, as mv would, and gives them to
// whose it is.
func fill(i *instance.Instance, box string, names func(n int) string, texts ...string) {
	i.T.Helper()
	dir := i.Path("mail", box, "Maildir")
	var owner syscall.Stat_t
	if err := syscall.Stat(i.Path("mail"), &owner); err != nil {
		i.T.Fatal(err)
	}
	made := []string{filepath.Dir(filepath.Dir(dir)), filepath.Dir(dir), dir}
	for _, sub := range []string{"new", "cur", "tmp"} {
		made = append(made, filepath.Join(dir, sub))
	}
	for n, text := range texts {
		made = append(made, filepath.Join(dir, "cur", names(n)))
		if n == 0 {
			for _, d := range made[:len(made)-1] {
				if err := os.MkdirAll(d, 0o700); err != nil {
					i.T.Fatal(err)
				}
			}
		}
		if err := os.WriteFile(made[len(made)-1], []byte(text), 0o600); err != nil {
			i.T.Fatal(err)
		}
	}
	for _, f := range made {
		if err := os.Lchown(f, int(owner.Uid), int(owner.Gid)); err != nil {
			i.T.Fatal(err)
		}
	}
}

// Without master, sessions that have begun go on to their end; those that begin
// under the next master are served beside them.
func TestPOP3MasterKilled(t *testing.T) {
	t.Parallel()
	i, plain, wrapped := readers(t, instance.Options{})
	fill(i, "users.test/ann", func(n int) string { return fmt.Sprintf("%d.h:2,", n+1) }, "a\n\nb\n", "c\n\nd\n", "e\n\nf\n")
	p := pop(i, plain, nil).login("ann@users.test")
	q := pop(i, wrapped, anyCert("mx.example.test")).login("ann@users.test")
	half := pop(i, plain, nil)
	half.want("+OK", half.cmd("USER ann@users.test"))
	i.KillMaster()
	// No session without master; none is promised either.
	if got := half.cmd("PASS %s", userSecret); !strings.HasPrefix(got, "-ERR [SYS/TEMP]") && !strings.HasPrefix(got, "ended") {
		t.Errorf("a login without master: %q", got)
	}
	p.want("+OK", p.cmd("DELE 1"))
	q.want("+OK", q.cmd("DELE 2"))
	p.want("+OK", p.cmd("QUIT"))
	i.Start()
	r := pop(i, wrapped, anyCert("mx.example.test")).login("ann@users.test")
	if n := r.count(); n != 2 {
		t.Errorf("%d messages after QUIT without master, want 2", n)
	}
	q.want("+OK", q.cmd("NOOP"))
	q.want("+OK", q.cmd("QUIT"))
	if n := pop(i, plain, nil).login("ann@users.test").count(); n != 1 {
		t.Errorf("%d messages are left, want 1", n)
	}
}

// A client who asks for much and reads nothing holds up nobody, takes no memory
// to speak of, and can be sent away.
func TestPOP3NeverReads(t *testing.T) {
	t.Parallel()
	i, plain, wrapped := readers(t, instance.Options{Main: []string{"session_processes = 1"}})
	const size = 8 << 20
	fill(i, "users.test/ann", func(n int) string { return fmt.Sprintf("%d.h:2,", n+1) }, "Subject: big\n\n"+strings.Repeat(strings.Repeat("x", 63)+"\n", size/64))
	for _, p := range []*popper{pop(i, plain, nil), pop(i, wrapped, anyCert("mx.example.test")), pop(i, plain, nil)} {
		p.login("ann@users.test")
		p.c.SetDeadline(time.Now().Add(instance.Wait))
		fmt.Fprint(p.c, strings.Repeat("RETR 1\r\n", 100))
		p.want("+OK", p.line()) // it has begun
	}
	pid := sessionPID(i)
	for _, name := range []string{"ann@users.test", "ben@users.test"} {
		q := pop(i, plain, nil).login(name)
		q.count()
		q.want("+OK", q.cmd("QUIT"))
	}
	if kb := resident(t, pid); kb > 48<<10 {
		t.Errorf("the session process has %d KiB", kb)
	}
	i.Until("who has said QUIT is gone", func() bool { return strings.Count(i.Mailctl("who").Stdout, "ann@users.test") == 3 })
	if r := i.Mailctl("kick", "ann@users.test"); r.Code != 0 || !strings.Contains(r.Stdout, "yubin: 3 sessions ") {
		t.Errorf("kick: %+v", r)
	}
	i.Until("they have gone", func() bool { return !strings.Contains(i.Mailctl("who").Stdout, "ann@") })
}

// resident is a process's memory, KiB.
func resident(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(b), "\nVmRSS:")
	kb, _ := strconv.Atoi(strings.Fields(after)[0])
	return kb
}

// 100,000 messages, as they are after years: all are listed, the last is read,
// a thousand are removed ahead, and those that are left keep their names.
func TestPOP3Large(t *testing.T) {
	t.Parallel()
	i, plain, _ := readers(t, instance.Options{})
	const all, gone = 100_000, 1000
	text := "Subject: x\n\ny\n"
	name := func(n int) string { return fmt.Sprintf("%d.M%dP1.h,S=14,W=17:2,S", 1_000_000_000+n/10, n) }
	fill(i, "users.test/ann", name, text, text)
	dir := i.Path("mail", "users.test/ann", "Maildir", "cur")
	for n := 2; n < all; n++ { // links: it is the names that count
		if err := os.Link(filepath.Join(dir, name(n%2)), filepath.Join(dir, name(n))); err != nil {
			t.Fatal(err)
		}
	}
	p := pop(i, plain, nil).login("ann@users.test")
	p.want(fmt.Sprintf("+OK %d %d", all, 17*all), p.cmd("STAT"))
	p.want("+OK", p.cmd("LIST"))
	if lines := p.rest(); len(lines) != all || lines[all-1] != fmt.Sprintf("%d 17", all) {
		t.Errorf("LIST has %d lines", len(lines))
	}
	p.want("+OK", p.cmd("UIDL"))
	ids := p.rest()
	p.want("+OK 17 octets", p.cmd("RETR %d", all))
	if lines := p.rest(); strings.Join(lines, "\n") != text[:len(text)-1] {
		t.Errorf("got %q", lines)
	}
	var ahead strings.Builder
	for n := range gone {
		fmt.Fprintf(&ahead, "DELE %d\r\n", n+1)
	}
	go fmt.Fprint(p.c, ahead.String())
	for range gone {
		p.want("+OK", p.line())
	}
	p.want("+OK", p.cmd("QUIT"))
	p = pop(i, plain, nil).login("ann@users.test")
	p.want(fmt.Sprintf("+OK %d %d", all-gone, 17*(all-gone)), p.cmd("STAT"))
	p.want("+OK", p.cmd("UIDL"))
	left := p.rest()
	for n, id := range left {
		if _, was, _ := strings.Cut(ids[n+gone], " "); !strings.HasSuffix(id, " "+was) {
			t.Fatalf("message %d: %q, was %q", n+1, id, ids[n+gone])
		}
	}
	p.want("+OK", p.cmd("QUIT"))
}
