package master_test

import (
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A manager is a service manager: it hears what master says, and keeps what it
// is given.
type manager struct {
	in       *testInstance
	messages chan message
}

type message struct {
	text string
	fds  []int
}

// supervise has in's master started by a manager.
func supervise(in *testInstance, env ...string) *manager {
	in.t.Helper()
	path := filepath.Join(in.dir, "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		in.t.Fatal(err)
	}
	in.t.Cleanup(func() { c.Close() })
	in.env = append(env, "NOTIFY_SOCKET="+path)
	m := &manager{in: in, messages: make(chan message, 1000)}
	go func() {
		b, oob := make([]byte, 4096), make([]byte, 1024)
		for {
			n, oobn, _, _, err := c.ReadMsgUnix(b, oob)
			if err != nil {
				return
			}
			got := message{text: string(b[:n])}
			controls, _ := unix.ParseSocketControlMessage(oob[:oobn])
			for i := range controls {
				fds, _ := unix.ParseUnixRights(&controls[i])
				got.fds = append(got.fds, fds...)
			}
			m.messages <- got
		}
	}()
	return m
}

// hear waits for a message with this state in it; others before it are
// dropped.
func (m *manager) hear(state string) message {
	m.in.t.Helper()
	timer := time.NewTimer(deadline)
	defer timer.Stop()
	for {
		select {
		case got := <-m.messages:
			if strings.Contains("\n"+got.text, "\n"+state) {
				return got
			}
		case <-timer.C:
			m.in.t.Fatalf("the manager was not told %q; the log:\n%s", state, m.in.log())
		}
	}
}

const withQmgr = oneSmtpd + "\nqmgr unix n - n 0 1 qmgr"

// The service manager is told of start, reload and stop, and what it says to
// master reaches no service.
func TestNotify(t *testing.T) {
	t.Parallel()
	in := newInstance(t, withQmgr, "smtpd", "qmgr")
	in.main("first", "100s")
	in.write("main.cf", in.read("main.cf")+"import_environment = NOTIFY_SOCKET WATCHDOG_USEC LISTEN_FDS MAIL_CONFIG\n")
	m := supervise(in, "WATCHDOG_USEC=100000000")
	in.start()
	m.hear("STATUS=waiting for qmgr")
	if _, env := in.wholeEvent("qmgr", "started"); strings.Contains(env, "NOTIFY_SOCKET") || strings.Contains(env, "WATCHDOG_USEC") {
		t.Errorf("qmgr's environment: %s", env)
	}
	if got := m.hear("READY=1").text; !strings.Contains(got, "\nSTATUS=version ") || !strings.HasSuffix(got, " 2 services") {
		t.Errorf("got %q", got)
	}
	in.master.Signal(syscall.SIGHUP)
	if got := m.hear("RELOADING=1").text; !strings.Contains(got, "\nMONOTONIC_USEC=") {
		t.Errorf("got %q", got)
	}
	m.hear("READY=1")
	in.write("main.cf", in.read("main.cf")+"default_process_limit = many\n")
	in.master.Signal(syscall.SIGHUP)
	m.hear("RELOADING=1")
	if got := m.hear("READY=1").text; !strings.Contains(got, "STATUS=reload failed: ") || !strings.Contains(got, "default_process_limit") {
		t.Errorf("got %q", got)
	}
	in.stop()
	m.hear("STOPPING=1")
}

// Ready is said when qmgr is; until then the manager is asked for time.
func TestReadyWaitsForQmgr(t *testing.T) {
	t.Parallel()
	in := newInstance(t, withQmgr, "smtpd", "qmgr")
	in.main("broken", "100s")
	m := supervise(in)
	in.start()
	in.event("qmgr", "started")
	in.event("qmgr", "started")
	for drained := false; !drained; {
		select {
		case got := <-m.messages:
			if strings.Contains(got.text, "READY=1") {
				t.Errorf("ready without qmgr: %q", got.text)
			}
		default:
			drained = true
		}
	}
	in.main("mended", "100s")
	m.hear("READY=1")
}

// Where there is no qmgr, the start fails and says why.
func TestNoQmgr(t *testing.T) {
	t.Parallel()
	in := newInstance(t, oneSmtpd, "smtpd")
	m := supervise(in)
	in.start() // sockets are open
	m.hear("STOPPING=1")
	if state, err := in.master.Wait(); err != nil || state.ExitCode() != 71 {
		t.Errorf("got %v, %v, want exit status 71", state, err)
	}
	in.master = nil
	if log := in.log(); !strings.Contains(log, "there is no program "+in.dir+"/lib/qmgr") || !strings.Contains(log, "without qmgr no mail is taken") {
		t.Errorf("the log:\n%s", log)
	}
}

// Signs of life go on coming (twice in the watchdog's time: package systemd).
func TestWatchdog(t *testing.T) {
	t.Parallel()
	in := newInstance(t, withQmgr, "smtpd", "qmgr")
	in.main("first", "100s")
	m := supervise(in, "WATCHDOG_USEC=200000")
	in.start()
	m.hear("READY=1")
	for range 5 {
		m.hear("WATCHDOG=1")
	}
}
