//go:build root

package root

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"yubin/test/instance"
)

// A system user fetches her mail from a mailbox that only she can read: the
// login process has the rights of nobody, and the session process hers alone.
func TestSessionOfSystemUser(t *testing.T) {
	const addr = "127.33.7.1:1110"
	i := newSystem(t, instance.Options{
		Main:    []string{"home_mailbox = Maildir/", "auth_backends = passwd-file:$config_directory/users", "login_process_sessions = 1"},
		Master:  []string{addr + " inet n - n - - pop3d"},
		Stopped: true,
	})
	i.WriteFile("etc/users", []string{
		fmt.Sprintf("ann:{PLAIN}secret-of-ann:%d:%[1]d::%s::", annUID, home(t, "ann")),
		fmt.Sprintf("ben:{PLAIN}secret-of-ben:%d:%[1]d::%s::", benUID, home(t, "ben")),
		"root:{PLAIN}secret-of-root:0:0::/root::",
	})
	i.Start()
	i.Submit("carol@client.test", "ann@localhost", "Subject: for ann\n\nx\n")
	i.WaitLog("to=<ann@localhost>", "status=sent")
	annMail := filepath.Join(home(t, "ann"), "Maildir")
	if err := os.Chmod(annMail, 0o700); err != nil {
		t.Fatal(err)
	}

	c, in := pop3(t, addr)
	ask(t, c, in, "+OK", "USER ann")
	for _, pid := range i.Processes("pop3d") {
		checkIDs(t, "pop3d", pid, 61404)
	}
	ask(t, c, in, "+OK", "PASS secret-of-ann")
	ask(t, c, in, "+OK 1 ", "STAT")
	ask(t, c, in, "+OK", "RETR 1")
	text := ""
	for line := ""; line != ".\r\n"; text += line {
		var err error
		if line, err = in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(text, "Subject: for ann\r\n") {
		t.Errorf("got %q", text)
	}
	pid := 0
	i.Until("the login is in the log", func() bool {
		m := regexp.MustCompile(`Login: user=<ann>.* mpid=(\d+)`).FindStringSubmatch(i.Log())
		if m != nil {
			pid, _ = strconv.Atoi(m[1])
		}
		return m != nil
	})
	checkIDs(t, "session of ann", pid, annUID)
	checkDescriptors(t, i, pid)

	c2, in2 := pop3(t, addr)
	ask(t, c2, in2, "+OK", "USER ben")
	ask(t, c2, in2, "+OK", "PASS secret-of-ben")
	ask(t, c2, in2, "+OK", "STAT")

	c3, in3 := pop3(t, addr)
	ask(t, c3, in3, "+OK", "USER root")
	ask(t, c3, in3, "-ERR", "PASS secret-of-root")

	ask(t, c, in, "+OK", "DELE 1")
	ask(t, c, in, "+OK", "QUIT")
	if left := instance.ReadMaildir(t, annMail); len(left) != 0 {
		t.Errorf("%d messages are left", len(left))
	}
}

// checkDescriptors sees that a session process has nothing open of the system
// but its connection to master.
func checkDescriptors(t *testing.T, i *instance.Instance, pid int) {
	t.Helper()
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(fds) == 0 {
		t.Fatalf("descriptors: %v, %v", fds, err)
	}
	for _, fd := range fds {
		to, err := os.Readlink(fd)
		if err == nil && strings.HasPrefix(to, i.Dir) {
			t.Errorf("the session process has %s open", to)
		}
	}
}

func pop3(t *testing.T, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, instance.Wait)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	in := bufio.NewReader(c)
	reply(t, c, in, "+OK")
	return c, in
}

func ask(t *testing.T, c net.Conn, in *bufio.Reader, want, line string) {
	t.Helper()
	fmt.Fprintf(c, "%s\r\n", line)
	reply(t, c, in, want)
}

func reply(t *testing.T, c net.Conn, in *bufio.Reader, want string) {
	t.Helper()
	c.SetDeadline(time.Now().Add(instance.Wait))
	if got, err := in.ReadString('\n'); !strings.HasPrefix(got, want) {
		t.Fatalf("got %q, %v, want %q", got, err, want)
	}
}
