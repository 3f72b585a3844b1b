//go:build root

package root

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"yubin/test/instance"
)

// Who has a login process, or is a user, can hand over no session and reach no
// password: master's sockets and the keeper's files are root's. A login process
// has nothing open but sockets.
func TestLoginProcessOpensNothing(t *testing.T) {
	const addr = "127.33.7.2:1110"
	i := newSystem(t, instance.Options{
		Main:    []string{"auth_backends = passwd-file:$config_directory/users"},
		Master:  []string{addr + " inet n - n - - pop3d"},
		Stopped: true,
	})
	i.WriteFile("etc/users", []string{fmt.Sprintf("ann:{PLAIN}secret-of-ann:%d:%[1]d::%s::", annUID, home(t, "ann"))})
	if err := os.Chmod(i.Path("etc/users"), 0o600); err != nil {
		t.Fatal(err)
	}
	i.Start()
	t.Cleanup(func() { os.RemoveAll(filepath.Join(home(t, "ann"), "Maildir")) })
	c, in := pop3(t, addr)
	ask(t, c, in, "+OK", "USER ann")
	pids := i.Processes("pop3d")
	if len(pids) == 0 {
		t.Fatal("no pop3d runs")
	}
	for _, pid := range pids {
		checkIDs(t, "pop3d", pid, 61404)
		fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		if err != nil || len(fds) == 0 {
			t.Fatalf("descriptors: %v, %v", fds, err)
		}
		for _, fd := range fds {
			to, err := os.Readlink(fd)
			if err == nil && strings.HasPrefix(to, "/") && to != "/dev/null" && !strings.HasPrefix(to, "/sys/fs/cgroup/") && to != i.Path("log") {
				t.Errorf("the login process has %s open", to)
			}
		}
	}
	ask(t, c, in, "+OK", "PASS secret-of-ann")
	paths := []string{
		i.Path("etc/users"), i.Path("queue/pid/sessions"), i.Path("queue/pid/control"), i.Path("queue/private"),
		filepath.Join(home(t, "ann"), "Maildir"), filepath.Join(home(t, "ann"), "Maildir/cur"),
	}
	for _, p := range paths {
		if _, err := os.Stat(p); err != nil {
			t.Error(err)
		}
	}
	list := i.Path("paths")
	if err := os.WriteFile(list, []byte(strings.Join(paths, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	tryAsServices(t, i, list, len(paths))
}

// On a full disk people read and remove what they have, which makes room; what
// came meanwhile is seen then, and nothing changes its name.
func TestFullMailbox(t *testing.T) {
	const addr = "127.33.7.3:1110"
	i := newSystem(t, instance.Options{
		Main:    []string{"auth_backends = passwd-file:$config_directory/users"},
		Master:  []string{addr + " inet n - n - - pop3d"},
		Stopped: true,
	})
	i.WriteFile("etc/users", []string{fmt.Sprintf("ann:{PLAIN}secret-of-ann:%d:%[1]d::%s::", annUID, home(t, "ann"))})
	i.Start()
	dir := filepath.Join(home(t, "ann"), "Maildir")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=512k,mode=700,uid=%d,gid=%[1]d", annUID)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Unmount(dir, syscall.MNT_DETACH)
		os.Remove(dir)
	})
	deliver := func(n int) {
		t.Helper()
		for range n {
			i.Submit("carol@client.test", "ann@localhost", "Subject: x\n\n"+strings.Repeat("0123456789\n", 1000))
		}
	}
	there := func() int { return len(instance.ReadMaildir(t, dir)) }
	login := func() (say func(want, line string), ids func() []string) {
		c, in := pop3(t, addr)
		ask(t, c, in, "+OK", "USER ann")
		ask(t, c, in, "+OK", "PASS secret-of-ann")
		return func(want, line string) { t.Helper(); ask(t, c, in, want, line) }, func() []string {
			t.Helper()
			ask(t, c, in, "+OK", "UIDL")
			return untilDot(t, in)
		}
	}
	deliver(3)
	i.Until("three letters are there", func() bool { return there() == 3 })
	say, ids := login()
	before := ids()
	say("+OK", "QUIT")
	deliver(1)
	i.Until("the fourth is there", func() bool { return there() == 4 })

	filler, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	for b := make([]byte, 4096); err == nil; {
		_, err = filler.Write(b)
	}
	filler.Close()
	say, ids = login()
	if during := ids(); len(during) < 3 || strings.Join(during[:3], "\n") != strings.Join(before, "\n") {
		t.Errorf("on a full disk UIDL says %q, before %q", during, before)
	}
	say("+OK", "DELE 1")
	say("+OK Logging out, messages deleted", "QUIT")

	say, ids = login()
	after := ids()
	if len(after) != 3 || after[0][2:] != before[1][2:] || after[1][2:] != before[2][2:] {
		t.Errorf("with room UIDL says %q, before %q", after, before)
	}
	say("+OK", "QUIT")
}

// untilDot reads lines up to the dot.
func untilDot(t *testing.T, in *bufio.Reader) (lines []string) {
	t.Helper()
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == ".\r\n" {
			return lines
		}
		lines = append(lines, strings.TrimSpace(line))
	}
}
