package master_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"yubin/internal/instance"
	"yubin/internal/ipc"
)

// upgrade asks master to become the program that is installed now.
func (in *testInstance) upgrade() ipc.MasterReply {
	in.t.Helper()
	return in.petition(ipc.MasterRequest{Version: ipc.MasterVersion, Op: ipc.OpUpgrade})
}

func (in *testInstance) petition(r ipc.MasterRequest) (reply ipc.MasterReply) {
	in.t.Helper()
	c, err := instance.Dial(filepath.Join(in.dir, "q"))
	if err != nil {
		in.t.Fatal(err)
	}
	defer c.Close()
	c.Unix().SetDeadline(time.Now().Add(deadline))
	if err := c.Send(r); err != nil {
		in.t.Fatal(err)
	}
	if _, err := c.Recv(&reply); err != nil {
		in.t.Fatalf("no reply: %v; the log:\n%s", err, in.log())
	}
	return reply
}

// logged waits for a line in the log.
func (in *testInstance) logged(text string) {
	in.t.Helper()
	in.until("the log has "+text, func() bool { return strings.Contains(in.log(), text) })
}

// upgradable is an instance with an inet service, whose sessions outlive their
// generation.
func upgradable(t *testing.T) (in *testInstance, m *manager, addr string) {
	t.Helper()
	addr, f := listener(t, "127.0.0.1")
	f.Close()
	in = newInstance(t, withQmgr+"\n"+addr+" inet n - n - 0 smtpd", "smtpd", "qmgr")
	in.main("first", "100s")
	m = supervise(in)
	in.start()
	m.hear("READY=1")
	return in, m, addr
}

// master becomes another program without ending: its sockets, its children and
// their sessions go on, and every service is started anew.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	in, m, addr := upgradable(t)
	qmgr := in.event("qmgr", "started")
	first := in.mustReach(addr)
	socket := in.inode("q/public/smtpd")
	for n := range 2 {
		old := in.mustReach(addr)
		in.main(fmt.Sprintf("upgrade%d", n), "100s")
		if reply := in.upgrade(); reply.Version == "" || reply.Error != "" {
			t.Fatalf("got %+v; the log:\n%s", reply, in.log())
		}
		m.hear("RELOADING=1")
		if names, _ := m.kept("READY=1"); len(names) > 0 {
			t.Errorf("kept again: %q", names)
		}
		next := in.event("qmgr", "started")
		if next == qmgr {
			t.Error("qmgr was not replaced")
		}
		qmgr = next
		in.until("the new generation answers", func() bool {
			c := in.mustReach(addr)
			defer c.Close()
			return c.name == fmt.Sprintf("upgrade%d", n)
		})
		if err := old.ask("complain"); err != nil {
			t.Errorf("a session was cut: %v", err)
		}
		in.logged("lib/smtpd[" + old.pid + "]: something is wrong")
		if pid, err := instance.Find(filepath.Join(in.dir, "q")); err != nil || pid != in.master.Pid {
			t.Errorf("found master %d, %v, want %d", pid, err, in.master.Pid)
		}
	}
	in.master.Signal(syscall.SIGHUP)
	if pid := in.event("qmgr", "reloaded upgrade1"); pid != qmgr {
		t.Errorf("reloaded %s, want %s", pid, qmgr)
	}
	if ignored := in.ignored(qmgr); ignored&(1<<(syscall.SIGHUP-1)) != 0 {
		t.Errorf("a service ignores signals %#x", ignored)
	}
	// A process that was started two programs ago is a child still.
	if err := first.ask("hello"); err != nil {
		t.Errorf("a session was cut: %v", err)
	}
	first.ask("die")
	in.logged("lib/smtpd pid " + first.pid + " killed by signal 9")
	if after := in.inode("q/public/smtpd"); after != socket {
		t.Error("a socket was bound anew")
	}
	if code := in.stop(); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
	if log := in.log(); strings.Count(log, "upgraded from version ") != 2 || strings.Contains(log, "error: ") {
		t.Errorf("want two upgrades and no error:\n%s", log)
	}
}

// What cannot take over changes nothing, and why is said to who asked.
func TestUpgradeRefused(t *testing.T) {
	t.Parallel()
	in, m, addr := upgradable(t)
	qmgr := in.event("qmgr", "started")
	old := in.mustReach(addr)
	master, main, cf := filepath.Join(in.dir, "lib", "master"), in.read("main.cf"), in.read("master.cf")
	install := func(text string) func() {
		return func() {
			in.write("lib/new", text)
			if err := os.Chmod(filepath.Join(in.dir, "lib", "new"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(filepath.Join(in.dir, "lib", "new"), master); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name  string
		spoil func()
		want  string
	}{
		{"it fails", install("#!/bin/sh\necho 'master: as asked' >&2\nexit 3\n"), "the new program refuses (exit status 3): as asked"},
		{"it dies", install("#!/bin/sh\nkill -9 $$\n"), "the new program refuses (signal: killed): it says nothing"},
		{"another program", install("#!/bin/sh\n"), "is another program, or too old"},
		{"chatty", install("#!/bin/sh\nhead -c 1000000 /dev/zero >&2\nexit 1\n"), "the new program refuses"},
		{"no program", install("nonsense"), "the new program cannot be run: "},
		{"missing", func() { os.Remove(master) }, "the new program cannot be run: "},
		{"gone after the check", install("#!/bin/sh\nrm \"$0\"\necho can take over\n"), "become " + master + ": no such file or directory"},
		{"wrong parameter", func() { in.write("main.cf", main+"default_process_limit = many\n") }, "main.cf:15: default_process_limit"},
		{"wrong service", func() { in.write("master.cf", cf+"nonsense inet n - n - 0 smtpd\n") }, "service nonsense: port"},
		{"another queue", func() { in.write("main.cf", main+"queue_directory = "+in.dir+"/q2\n") }, "queue_directory is "},
		{"a program is missing", func() { os.Remove(filepath.Join(in.dir, "lib", "qmgr")) }, "service unix qmgr runs and would be lost: there is no program "},
	} {
		os.Remove(master)
		in.link("master")
		in.write("main.cf", main)
		in.write("master.cf", cf)
		c.spoil()
		if reply := in.upgrade(); !strings.Contains(reply.Error, c.want) || reply.Version != "" {
			t.Errorf("%s: got %+v, want %q", c.name, reply, c.want)
		}
		in.logged("error: upgrade: ")
		if next := in.mustReach(addr); next.pid != old.pid {
			t.Fatalf("%s: a new process answers", c.name)
		}
	}
	m.hear("RELOADING=1") // gone after the check
	if got := m.hear("READY=1").text; !strings.Contains(got, "STATUS=upgrade failed: become ") {
		t.Errorf("got %q", got)
	}
	in.write("main.cf", main)
	in.write("master.cf", cf)
	in.link("qmgr")
	in.master.Signal(syscall.SIGHUP)
	if pid := in.event("qmgr", "reloaded"); pid != qmgr {
		t.Errorf("reloaded %s, want %s", pid, qmgr)
	}
	// master hears its children as before.
	old.ask("die")
	in.logged("pid " + old.pid + " killed by signal 9")
	if c := in.mustReach(addr); c.pid == old.pid {
		t.Error("the dead answer")
	}
	if c := in.mustDial("qmgr"); c.pid != qmgr {
		t.Error("qmgr was replaced")
	}
}

// ignored is the signals that a process ignores.
func (in *testInstance) ignored(pid string) (mask uint64) {
	in.t.Helper()
	b, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		in.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "SigIgn:")
	if _, err := fmt.Sscanf(rest, "%x", &mask); err != nil {
		in.t.Fatal(err)
	}
	return mask
}

// What is not understood on the control socket is refused.
func TestPetitions(t *testing.T) {
	t.Parallel()
	in := newInstance(t, oneSmtpd, "smtpd")
	in.start()
	for _, r := range []ipc.MasterRequest{{}, {Version: ipc.MasterVersion}, {Version: ipc.MasterVersion, Op: "dance"}, {Version: ipc.MasterVersion + 1, Op: ipc.OpUpgrade}} {
		if reply := in.petition(r); reply.Error == "" {
			t.Errorf("%+v: got %+v, want an error", r, reply)
		}
	}
	if st := in.mode("q/pid/control"); st != os.ModeSocket|0o600 {
		t.Errorf("the control socket has mode %v", st)
	}
}

func (in *testInstance) mode(name string) os.FileMode {
	in.t.Helper()
	info, err := os.Lstat(filepath.Join(in.dir, name))
	if err != nil {
		in.t.Fatal(err)
	}
	return info.Mode()
}
