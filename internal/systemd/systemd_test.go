package systemd

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// manager is a service manager's socket, bound at a path or an abstract name.
func manager(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// receive returns the next message and the descriptors beside it.
func receive(t *testing.T, c *net.UnixConn) (text string, fds []int) {
	t.Helper()
	b, oob := make([]byte, 4096), make([]byte, 1024)
	n, oobn, _, _, err := c.ReadMsgUnix(b, oob)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		t.Fatal(err)
	}
	for i := range messages {
		got, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, got...)
	}
	return string(b[:n]), fds
}

func TestNotify(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), fmt.Sprintf("@yubin-test-%d", os.Getpid())} {
		c := manager(t, name)
		t.Setenv("NOTIFY_SOCKET", name)
		t.Setenv("WATCHDOG_USEC", "3000000")
		t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
		n, err := NewNotifier()
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
			if _, ok := os.LookupEnv(v); ok {
				t.Errorf("%s is still in the environment", v)
			}
		}
		if !n.Wanted() || n.WatchdogEvery() != 1500*time.Millisecond || len(n.Environment()) != 3 {
			t.Errorf("wanted %t, watchdog every %v, environment %q", n.Wanted(), n.WatchdogEvery(), n.Environment())
		}
		if err := n.Send(Ready, Status("a\nb")); err != nil {
			t.Fatal(err)
		}
		if text, _ := receive(t, c); text != "READY=1\nSTATUS=a; b" {
			t.Errorf("got %q", text)
		}
		if err := n.Send(Reloading()...); err != nil {
			t.Fatal(err)
		}
		if text, _ := receive(t, c); !strings.HasPrefix(text, "RELOADING=1\nMONOTONIC_USEC=") {
			t.Errorf("got %q", text)
		}
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if err := n.Keep("pipe", int(w.Fd())); err != nil {
			t.Fatal(err)
		}
		w.Close()
		text, fds := receive(t, c)
		if text != "FDSTORE=1\nFDNAME=pipe" || len(fds) != 1 {
			t.Fatalf("got %q and %d descriptors", text, len(fds))
		}
		unix.Write(fds[0], []byte("x"))
		unix.Close(fds[0])
		if b := make([]byte, 2); func() int { k, _ := r.Read(b); return k }() != 1 {
			t.Error("what came is not the pipe that was sent")
		}
		if err := n.Forget("pipe"); err != nil {
			t.Fatal(err)
		}
		if text, _ := receive(t, c); text != "FDSTOREREMOVE=1\nFDNAME=pipe" {
			t.Errorf("got %q", text)
		}
	}
}

// Without a manager nothing is sent and nothing fails; one that cannot be
// reached is an error.
func TestNotifyNobody(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	n, err := NewNotifier()
	if err != nil || n.Wanted() || n.WatchdogEvery() != 0 || n.Send(Ready) != nil || n.Environment() != nil {
		t.Errorf("got %v, %v", n, err)
	}
	t.Setenv("NOTIFY_SOCKET", "vsock:2:1234")
	if _, err := NewNotifier(); err == nil {
		t.Error("a kind of socket that we cannot reach was taken")
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nothing"))
	if n, err = NewNotifier(); err != nil {
		t.Fatal(err)
	}
	if err := n.Send(Ready); err == nil {
		t.Error("sent to nobody")
	}
}

// The watchdog of another process is not ours.
func TestWatchdogOfAnother(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "@x")
	t.Setenv("WATCHDOG_USEC", "3000000")
	t.Setenv("WATCHDOG_PID", "1")
	if n, err := NewNotifier(); err != nil || n.WatchdogEvery() != 0 {
		t.Errorf("got %v, %v", n, err)
	}
}

func TestKeptName(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"private/qmgr": "private/qmgr", "[::1]:25": "[%3A%3A1]%3A25", "a b%\n": "a%20b%25%0A", "é": "%C3%A9",
	} {
		if got, ok := KeptName(text); got != want || !ok {
			t.Errorf("%q: got %q, %t, want %q", text, got, ok, want)
		}
	}
	if _, ok := KeptName(strings.Repeat("x", 256)); ok {
		t.Error("a name of 256 octets was taken")
	}
}

func TestListen(t *testing.T) {
	own := fmt.Sprint(os.Getpid())
	for _, c := range []struct{ pid, fds, names, want string }{
		{own, "2", "smtp:imap", "[{3 smtp} {4 imap}]"},
		{own, "2", "smtp", "[{3 smtp} {4 }]"},
		{own, "0", "", "[]"},
		{"1", "2", "", "[]"},
		{"", "2", "", "[]"},
		{own, "-1", "", "error"},
		{own, "1025", "", "error"},
		{own, "", "", "error"},
	} {
		t.Setenv("LISTEN_PID", c.pid)
		t.Setenv("LISTEN_FDS", c.fds)
		t.Setenv("LISTEN_FDNAMES", c.names)
		given, err := listen(func(int) {})
		got := fmt.Sprint(given)
		if err != nil {
			got = "error"
		}
		if got != c.want {
			t.Errorf("%+v: got %s", c, got)
		}
		if _, ok := os.LookupEnv("LISTEN_FDS"); ok {
			t.Error("LISTEN_FDS is still in the environment")
		}
	}
}
