package master_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// listener is a TCP socket as the service manager makes one.
func listener(t *testing.T, host string) (addr string, f *os.File) {
	t.Helper()
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if f, err = l.(*net.TCPListener).File(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return l.Addr().String(), f
}

func (in *testInstance) mustReach(addr string) *client {
	in.t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() { conn.Close() })
	c, err := greeted(conn)
	if err != nil {
		in.t.Fatalf("%s: %v; the log:\n%s", addr, err, in.log())
	}
	return c
}

// The service manager's sockets are taken by name, else by address; one that
// nobody wants is closed, and the log says what to do. A reload keeps them.
func TestActivation(t *testing.T) {
	t.Parallel()
	one, f1 := listener(t, "127.0.0.1")
	two, f2 := listener(t, "127.0.0.2")
	byAddress, f3 := listener(t, "127.0.0.1")
	unwanted, f4 := listener(t, "127.0.0.1")
	in := newInstance(t, fmt.Sprintf("smtp inet n - n - 0 smtpd -o mail_name=named\n%s inet n - n - 0 smtpd\nqmgr unix n - n 0 1 qmgr", byAddress), "smtpd", "qmgr")
	in.main("first", "100s")
	in.startWith([]string{"smtp", "smtp", "yubin.socket", "imap"}, []*os.File{f1, f2, f3, f4})
	f4.Close()
	pid := in.event("qmgr", "started")
	for range 2 {
		for _, addr := range []string{one, two} {
			if c := in.mustReach(addr); c.name != "named" {
				t.Errorf("%s was taken for another service: mail_name %s", addr, c.name)
			}
		}
		in.mustReach(byAddress)
		in.master.Signal(syscall.SIGHUP)
		if in.event("qmgr", "reloaded") != pid {
			t.Error("qmgr was replaced")
		}
	}
	if reply := in.upgrade(); reply.Error != "" {
		t.Error(reply.Error)
	}
	for _, addr := range []string{one, two, byAddress} {
		in.mustReach(addr)
	}
	if c, err := net.Dial("tcp", unwanted); err == nil {
		c.Close()
		t.Error("the socket that nobody wants is still open")
	}
	want := fmt.Sprintf(`the socket "imap" (%s) that the service manager handed down is closed here`, unwanted)
	if log := in.log(); strings.Count(log, want) != 1 || !strings.Contains(log, "FileDescriptorName=") {
		t.Errorf("log lacks %q, once:\n%s", want, log)
	}
}

// kept collects what master leaves with the manager, until it says state.
func (m *manager) kept(state string) (names []string, files []*os.File) {
	m.in.t.Helper()
	for {
		got := m.hear("")
		if strings.HasPrefix(got.text, "FDSTORE=1\n") && len(got.fds) == 1 {
			name := strings.TrimPrefix(got.text, "FDSTORE=1\nFDNAME=")
			f := os.NewFile(uintptr(got.fds[0]), name)
			m.in.t.Cleanup(func() { f.Close() })
			names, files = append(names, name), append(files, f)
		}
		if strings.HasPrefix(got.text, state) {
			return names, files
		}
	}
}

// A master that is killed, and one that is stopped, leave their sockets with
// the service manager. Who connects before the next one is there waits, and is
// served.
func TestKeptSockets(t *testing.T) {
	t.Parallel()
	addr, f := listener(t, "127.0.0.1")
	f.Close()
	in := newInstance(t, withQmgr+"\n"+addr+" inet n - n - 0 smtpd\nother unix n - n - 0 smtpd", "smtpd", "qmgr")
	in.main("first", "100s")
	m := supervise(in)
	in.start()
	names, files := m.kept("READY=1")
	if got, want := strings.Join(names, " "), "yubin/"+strings.ReplaceAll(addr, ":", "%3A"); len(names) != 4 || !strings.Contains(got, want) {
		t.Fatalf("kept %s, want 4 sockets and %s among them", got, want)
	}
	before := in.inode("q/public/smtpd")
	old := in.mustDial("smtpd")
	for _, end := range []func(){
		func() { in.master.Kill(); in.master.Wait() },
		func() { in.stop() },
	} {
		end()
		in.event("smtpd", "stopped")
		tcp, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatalf("while there is no master: %v", err)
		}
		defer tcp.Close()
		local, err := net.Dial("unixpacket", filepath.Join(in.dir, "q", "public", "smtpd"))
		if err != nil {
			t.Fatalf("while there is no master: %v", err)
		}
		defer local.Close()
		in.startWith(names, files)
		if again, _ := m.kept("READY=1"); len(again) != 0 {
			t.Errorf("kept again: %q", again)
		}
		for _, c := range []net.Conn{tcp, local} {
			next, err := greeted(c)
			if err != nil {
				t.Fatalf("the connection that waited: %v; the log:\n%s", err, in.log())
			}
			if next.pid == old.pid {
				t.Error("served by a process of the earlier master")
			}
			next.Close()
		}
	}
	if after := in.inode("q/public/smtpd"); after != before {
		t.Error("the socket was bound anew")
	}
	in.write("master.cf", withQmgr+"\n")
	in.master.Signal(syscall.SIGHUP)
	m.hear("FDSTOREREMOVE=1")
	m.hear("FDSTOREREMOVE=1")
	m.hear("READY=1")
	if _, err := os.Lstat(filepath.Join(in.dir, "q/public/other")); !os.IsNotExist(err) {
		t.Errorf("the socket of a service that is gone: %v", err)
	}
}

func (in *testInstance) inode(name string) uint64 {
	in.t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(filepath.Join(in.dir, name), &st); err != nil {
		in.t.Fatal(err)
	}
	return st.Ino
}
