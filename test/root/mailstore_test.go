//go:build root

package root

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"yubin/test/instance"
)

// A full file system of mailboxes: mail that is there is read, by POP3 and by
// IMAP; what would be new is refused with the reason or waits, and leaves nothing behind; with
// room again all goes on by itself.
func TestFullMailStore(t *testing.T) {
	const imapAddr, pop3Addr = "127.33.8.1:1143", "127.33.8.1:1110"
	mail := filepath.Join(home(t, "ann"), "Maildir")
	i := newSystem(t, instance.Options{
		Main:   []string{"auth_backends = passwd-file:$config_directory/users", "disable_plaintext_auth = no", "minimal_backoff_time = 1s"},
		Master: []string{imapAddr + " inet n - n - - imapd", pop3Addr + " inet n - n - - pop3d"}, Stopped: true,
	})
	smallDisk(t, mail, "size=1m,mode=700,uid=%d,gid=%[1]d", annUID)
	i.WriteFile("etc/users", []string{fmt.Sprintf("ann:{PLAIN}secret-of-ann:%d:%[1]d::%s::", annUID, home(t, "ann"))})
	i.Start()
	i.Submit("carol@client.test", "ann@localhost", "Subject: before\n\nx\n")
	i.WaitLog("to=<ann@localhost>", "status=sent")
	c, in := imap(t, imapAddr)
	tagged(t, c, in, "OK", "SELECT INBOX")

	filler := filepath.Join(mail, "filler")
	fillUp(t, filler)
	i.Submit("carol@client.test", "ann@localhost", "Subject: delivered later\n\n"+strings.Repeat("y\n", 5000))
	i.WaitLog("to=<ann@localhost>", "status=deferred", "no space left")
	text := "Subject: appended\r\n\r\n" + strings.Repeat("z", 5000) + "\r\n"
	appending := fmt.Sprintf("APPEND INBOX {%d+}\r\n%s", len(text), text)
	if got := tagged(t, c, in, "NO", appending); !strings.Contains(got, "[OVERQUOTA] Not enough disk space") {
		t.Errorf("APPEND on a full disk: %q", got)
	}
	for _, sub := range []string{"tmp", "new"} {
		if left, err := os.ReadDir(filepath.Join(mail, sub)); err != nil || len(left) != 0 {
			t.Errorf("%s has %v, %v", sub, left, err)
		}
	}
	again, inAgain := imap(t, imapAddr)
	if got := tagged(t, again, inAgain, "OK", "SELECT INBOX"); !strings.Contains(got, "* 1 EXISTS") {
		t.Errorf("SELECT on a full disk: %q", got)
	}
	if got := tagged(t, again, inAgain, "OK", "FETCH 1 BODY[HEADER.FIELDS (SUBJECT)]"); !strings.Contains(got, "Subject: before") {
		t.Errorf("FETCH on a full disk: %q", got)
	}
	p, inP := pop3(t, pop3Addr)
	for _, line := range []string{"USER ann", "PASS secret-of-ann", "STAT", "RETR 1"} {
		ask(t, p, inP, "+OK", line)
	}

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	tagged(t, c, in, "OK", appending)
	i.Until("the letter that waited is there", func() bool {
		i.Mailctl("queue", "flush")
		return strings.Contains(tagged(t, c, in, "OK", "NOOP"), "* 3 EXISTS")
	})
}

// smallDisk mounts a tmpfs for the time of a test.
func smallDisk(t *testing.T, dir, options string, args ...any) {
	t.Helper()
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		err = syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf(options, args...))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Unmount(dir, syscall.MNT_DETACH)
		os.Remove(dir)
	})
}

// fillUp makes a file that takes all the room that is left.
func fillUp(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for b := make([]byte, 4096); err == nil; {
		_, err = f.Write(b)
	}
}

// imap is a session of ann.
func imap(t *testing.T, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, instance.Wait)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	in := bufio.NewReader(c)
	reply(t, c, in, "* OK")
	tagged(t, c, in, "OK", "LOGIN ann secret-of-ann")
	return c, in
}

// tagged gives a command and returns all that is said up to its end.
func tagged(t *testing.T, c net.Conn, in *bufio.Reader, want, line string) (all string) {
	t.Helper()
	if _, err := io.WriteString(c, "t "+line+"\r\n"); err != nil {
		t.Fatal(err)
	}
	for {
		got, err := in.ReadString('\n')
		all += got
		if err != nil {
			t.Fatalf("%s: %q, %v", line, all, err)
		}
		if strings.HasPrefix(got, "t ") {
			if !strings.HasPrefix(got, "t "+want) {
				t.Fatalf("%s: %q, want %s", line, all, want)
			}
			return all
		}
	}
}
