package master_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A service starts with its first connection, ends when idle, and starts again.
func TestOnDemand(t *testing.T) {
	t.Parallel()
	in := newInstance(t, oneSmtpd, "smtpd")
	in.start()
	c := in.mustDial("smtpd")
	pid, whole := in.wholeEvent("smtpd", "started")
	if pid != c.pid {
		t.Errorf("started %s, answered by %s", pid, c.pid)
	}
	if !strings.Contains(whole, " slack=1000000 ") {
		t.Errorf("the service says %q, want a timer slack of 1 ms", whole)
	}
	c.Close()
	in.event("smtpd", "stopped")
	if again := in.mustDial("smtpd"); again.pid == c.pid {
		t.Errorf("the process %s was still there", c.pid)
	}
	if code := in.stop(); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
	log := in.log()
	for _, want := range []string{"postfix/master[", "daemon started -- version ", "terminating on signal 15"} {
		if !strings.Contains(log, want) {
			t.Errorf("log lacks %q:\n%s", want, log)
		}
	}
	if strings.Contains(log, "warning: process") {
		t.Errorf("a service died:\n%s", log)
	}
}

// An inet service gets all its addresses.
func TestInet(t *testing.T) {
	t.Parallel()
	in := newInstance(t, inetPort+" inet n - n - 0 smtpd", "smtpd")
	hosts := []string{ownHost(), ownHost()}
	in.write("main.cf", in.read("main.cf")+"inet_interfaces = "+strings.Join(hosts, " ")+"\n")
	in.start()
	for _, host := range hosts {
		c, err := net.Dial("tcp", net.JoinHostPort(host, inetPort))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := greeted(c); err != nil {
			t.Error(err)
		}
	}
}

// The death of a process is logged with what it said, and costs the next
// connection nothing but time.
func TestDeath(t *testing.T) {
	t.Parallel()
	in := newInstance(t, oneSmtpd, "smtpd")
	in.start()
	c := in.mustDial("smtpd")
	if err := c.ask("complain"); err != nil {
		t.Fatal(err)
	}
	c.ask("die")
	if again := in.mustDial("smtpd"); again.pid == c.pid {
		t.Errorf("the process %s was still there", c.pid)
	}
	in.stop()
	for _, want := range []string{
		"warning: process " + in.dir + "/lib/smtpd pid " + c.pid + " killed by signal 9",
		"warning: " + in.dir + "/lib/smtpd[" + c.pid + "]: something is wrong",
	} {
		if !strings.Contains(in.log(), want) {
			t.Errorf("log lacks %q:\n%s", want, in.log())
		}
	}
}

// A panic costs its own session only.
func TestPanic(t *testing.T) {
	t.Parallel()
	in := newInstance(t, oneSmtpd, "smtpd")
	in.start()
	one, two := in.mustDial("smtpd"), in.mustDial("smtpd")
	if err := one.ask("panic"); err == nil {
		t.Error("the session that panicked went on")
	}
	if err := two.ask("hello"); err != nil {
		t.Errorf("the other session: %v", err)
	}
	if two.pid != in.mustDial("smtpd").pid {
		t.Error("the process ended")
	}
	if log := in.log(); !strings.Contains(log, "panic in a session of service smtpd: as asked") || !strings.Contains(log, "helper_test.go") {
		t.Errorf("log lacks the panic and its stack:\n%s", log)
	}
}

// A service that cannot start is tried again after a while, and serves who
// waited once it can.
func TestThrottle(t *testing.T) {
	t.Parallel()
	in := newInstance(t, oneSmtpd, "smtpd")
	in.main("broken", "1s")
	in.start()
	answer := make(chan error, 1)
	began := time.Now()
	go func() {
		_, err := in.dial("smtpd")
		answer <- err
	}()
	in.event("smtpd", "started")
	in.event("smtpd", "started")
	if waited := time.Since(began); waited < time.Second {
		t.Errorf("started again after %v, want %v or more", waited, time.Second)
	}
	in.main("mended", "1s")
	if err := <-answer; err != nil {
		t.Errorf("the connection that waited: %v", err)
	}
	in.stop()
	for _, want := range []string{"exit status 1", "bad command startup -- throttling", "fatal: as asked"} {
		if !strings.Contains(in.log(), want) {
			t.Errorf("log lacks %q:\n%s", want, in.log())
		}
	}
}

// Under a storm of connections, reload after reload, every connection is
// answered.
func TestReloadLosesNothing(t *testing.T) {
	t.Parallel()
	in := newInstance(t, oneSmtpd, "smtpd")
	in.start()
	stop := make(chan struct{})
	var loops sync.WaitGroup
	for range 4 {
		loops.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				c, err := in.dial("smtpd")
				if err != nil {
					t.Errorf("connection %d: %v", n, err)
					return
				}
				c.Close()
			}
		})
	}
	pid := in.event("smtpd", "started")
	for i := range 5 {
		in.main(fmt.Sprintf("reload%d", i), "1s")
		in.master.Signal(syscall.SIGHUP)
		next := in.event("smtpd", "started")
		if next == pid {
			t.Fatal("no new process after a reload")
		}
		pid = next
	}
	close(stop)
	loops.Wait()
	if c := in.mustDial("smtpd"); c.name != "reload4" {
		t.Errorf("mail_name is %s after the reload, want reload4", c.name)
	}
	if log := in.log(); strings.Contains(log, "warning: process") || strings.Count(log, "reload -- version") != 5 {
		t.Errorf("want 5 reloads and no death:\n%s", log)
	}
}

// An open session outlives a reload; a daemon that can reload stays.
func TestReloadKeepsSessions(t *testing.T) {
	t.Parallel()
	in := newInstance(t, oneSmtpd+"\nqmgr unix n - n 0 1 qmgr", "smtpd", "qmgr")
	port := net.JoinHostPort(ownHost(), inetPort)
	in.write("master.cf", port+" inet n - n - 0 smtpd\nqmgr unix n - n 0 1 qmgr\n")
	in.main("first", "100s")
	in.start()
	pid := in.event("qmgr", "started")
	conn, err := net.Dial("tcp", port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	old, err := greeted(conn)
	if err != nil {
		t.Fatal(err)
	}
	in.main("second", "100s")
	in.master.Signal(syscall.SIGHUP)
	if got := in.event("qmgr", "reloaded second"); got != pid {
		t.Errorf("reloaded %s, want the process that ran, %s", got, pid)
	}
	if err := old.ask("hello"); err != nil {
		t.Errorf("the session was cut: %v", err)
	}
	in.until("the new configuration answers", func() bool {
		next, err := net.Dial("tcp", port)
		if err != nil {
			t.Fatal(err)
		}
		defer next.Close()
		c, err := greeted(next)
		if err != nil {
			t.Fatal(err)
		}
		return c.name == "second"
	})
}

// A service whose line in master.cf changed gets a new process, even one that
// can reload; one that is new is there, one that is gone is not.
func TestReloadMaster(t *testing.T) {
	t.Parallel()
	in := newInstance(t, oneSmtpd+"\nqmgr unix n - n 0 1 qmgr", "smtpd", "qmgr")
	in.main("first", "100s")
	in.start()
	pid := in.event("qmgr", "started")
	in.mustDial("smtpd").Close()
	in.write("master.cf", "other unix n - n - 0 smtpd\nqmgr unix n - n 0 1 qmgr -o mail_name=changed\n")
	in.master.Signal(syscall.SIGHUP)
	if next := in.event("qmgr", "started"); next == pid {
		t.Error("qmgr was not replaced")
	}
	if c := in.mustDial("qmgr"); c.name != "changed" {
		t.Errorf("qmgr has mail_name %s, want changed", c.name)
	}
	in.mustDial("other")
	if _, err := os.Lstat(filepath.Join(in.dir, "q", "public", "smtpd")); !os.IsNotExist(err) {
		t.Errorf("the socket of a service that is gone: %v", err)
	}
}

// A service that is replaced is watched for its next connection, also when the
// process before has stopped to accept after the reload.
func TestReloadWatches(t *testing.T) {
	t.Parallel()
	in := newInstance(t, oneSmtpd, "smtpd")
	in.main("first", "100s")
	in.start()
	in.mustDial("smtpd").Close()
	in.write("master.cf", oneSmtpd+" -o mail_name=changed\n")
	in.master.Signal(syscall.SIGHUP)
	in.event("smtpd", "stopped")
	if c := in.mustDial("smtpd"); c.name != "changed" {
		t.Errorf("mail_name is %s, want changed", c.name)
	}
}

// A configuration that is wrong changes nothing.
func TestReloadBroken(t *testing.T) {
	t.Parallel()
	in := newInstance(t, oneSmtpd+"\nqmgr unix n - n 0 1 qmgr", "smtpd", "qmgr")
	in.main("first", "100s")
	in.start()
	in.event("qmgr", "started")
	in.write("main.cf", in.read("main.cf")+"default_process_limit = many\n")
	in.master.Signal(syscall.SIGHUP)
	in.main("second", "100s")
	in.master.Signal(syscall.SIGHUP)
	in.event("qmgr", "reloaded second") // so the first signal was dealt with, or was one with the second
	in.mustDial("smtpd")
}

// maxproc is the number of connections at once; the next one waits.
func TestMaxproc(t *testing.T) {
	t.Parallel()
	in := newInstance(t, "smtpd unix n - n - 2 smtpd", "smtpd")
	in.start()
	one, two := in.mustDial("smtpd"), in.mustDial("smtpd")
	third := make(chan *client, 1)
	go func() {
		c, err := in.dial("smtpd")
		if err != nil {
			t.Error(err)
		}
		third <- c
	}()
	if err := one.ask("hello"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-third:
		t.Error("a third connection was served")
	default:
	}
	two.Close()
	if c := <-third; c != nil && c.open != "2" {
		t.Errorf("%s connections at once, want 2", c.open)
	}
}

// qmgr is started when master is, is woken at its time with a Hello, and is
// started again when it said so.
func TestWakeups(t *testing.T) {
	t.Parallel()
	in := newInstance(t, "qmgr unix n - n 1 1 qmgr", "qmgr")
	in.main("first", "100s")
	in.start()
	in.event("qmgr", "started")
	in.event("qmgr", `heard {"v":1,"role":"wake","program":"master"}`)
	in.stop()

	in.write("master.cf", "qmgr unix n - n 0 1 qmgr\n")
	in.main("first", "1s")
	in.start()
	first := in.event("qmgr", "started")
	in.event("qmgr", "stopped")
	if next := in.event("qmgr", "started"); next == first {
		t.Error("NEXT-WAKE did not start a new process")
	}
}

// A queue directory has one master.
func TestOneInstance(t *testing.T) {
	t.Parallel()
	in := newInstance(t, oneSmtpd, "smtpd")
	in.start()
	second := exec.Command(filepath.Join(in.dir, "lib", "master"), "-c", in.dir)
	second.Args[0] = "master"
	out, err := second.CombinedOutput()
	if want := fmt.Sprintf("already running: PID: %d", in.master.Pid); err == nil || !strings.Contains(string(out), want) {
		t.Errorf("got %v, %q, want it to fail with %q", err, out, want)
	}
}

// When master is killed its services end their work, and a new master starts
// at once on the same sockets.
func TestMasterKilled(t *testing.T) {
	t.Parallel()
	in := newInstance(t, oneSmtpd, "smtpd")
	in.main("first", "100s")
	in.start()
	c := in.mustDial("smtpd")
	c.Close()
	in.master.Kill()
	in.master.Wait()
	in.event("smtpd", "stopped")
	in.start()
	if again := in.mustDial("smtpd"); again.pid == c.pid {
		t.Error("the old process still accepts")
	}
}

// A program that is not installed is reported, and the rest works.
func TestMissingProgram(t *testing.T) {
	t.Parallel()
	in := newInstance(t, oneSmtpd+"\nlocal unix - n n - - local", "smtpd")
	in.start()
	in.mustDial("smtpd")
	want := "warning: service local is left out and nothing listens for it: there is no program " + in.dir + "/lib/local"
	if !strings.Contains(in.log(), want) {
		t.Errorf("log lacks %q:\n%s", want, in.log())
	}
}

// The log file can be rotated: after a reload all write to the new one.
func TestLogRotation(t *testing.T) {
	t.Parallel()
	in := newInstance(t, oneSmtpd+"\nqmgr unix n - n 0 1 qmgr", "smtpd", "qmgr")
	in.main("first", "100s")
	in.start()
	in.event("qmgr", "started")
	if err := os.Rename(filepath.Join(in.dir, "log"), filepath.Join(in.dir, "log.1")); err != nil {
		t.Fatal(err)
	}
	in.master.Signal(syscall.SIGHUP)
	in.event("qmgr", "reloaded")
	in.until("the new log has lines of master and qmgr", func() bool {
		in.mustDial("qmgr").ask("panic") // which is logged
		log := in.log()
		return strings.Contains(log, "reload -- version") && strings.Contains(log, "postfix/qmgr[")
	})
}
