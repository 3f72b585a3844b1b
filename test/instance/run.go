package instance

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Start starts master and waits until it has opened its sockets and smtpd's
// answers. The port alone does not tell: after KillMaster the services of the old
// master answer for a while yet.
func (i *Instance) Start() {
	i.T.Helper()
	ready, said, err := os.Pipe()
	i.check(err)
	defer ready.Close()
	c := exec.Command(filepath.Join(i.Bin, "master"), "-c", i.Etc(), "--ready-fd=3")
	out, err := os.OpenFile(i.Path("master.out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	i.check(err)
	defer out.Close()
	c.Stdout, c.Stderr, c.ExtraFiles = out, out, []*os.File{said}
	c.Env = append(c.Environ(), i.Options.Env...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = c.Start()
	said.Close()
	i.check(err)
	i.master, i.exited = c, make(chan error, 1)
	go func() { i.exited <- c.Wait() }()
	i.check(ready.SetReadDeadline(time.Now().Add(Wait)))
	if _, err := io.ReadFull(ready, make([]byte, len("ready\n"))); err != nil {
		b, _ := os.ReadFile(i.Path("master.out"))
		i.T.Fatalf("master did not say that it is ready: %v\n%s", err, b)
	}
	i.Until("smtpd listens on "+i.Addr, func() bool {
		conn, err := net.Dial("tcp", i.Addr)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
}

// Stop ends the system as an administrator would and waits for it. A stopped
// instance stays stopped.
func (i *Instance) Stop() {
	if i.master == nil {
		return
	}
	i.master.Process.Signal(syscall.SIGTERM)
	select {
	case <-i.exited:
	case <-time.After(Wait):
		i.T.Errorf("master did not end within %v of SIGTERM", Wait)
		i.master.Process.Kill()
		<-i.exited
	}
	i.master = nil
}

// Crash kills every process of the instance at once, as a power failure does
// to processes (what was written but not flushed survives).
func (i *Instance) Crash() {
	i.T.Helper()
	i.master.Process.Kill()
	<-i.exited
	i.master = nil
	i.Until("every process is gone", func() bool {
		pids := i.Processes("")
		for _, pid := range pids {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		return len(pids) == 0
	})
}

// KillMaster kills master alone; the services it started find out themselves.
func (i *Instance) KillMaster() {
	i.master.Process.Kill()
	<-i.exited
	i.master = nil
}

// Reload sends master SIGHUP.
func (i *Instance) Reload() {
	i.T.Helper()
	i.check(i.master.Process.Signal(syscall.SIGHUP))
}

// MasterPID is the process ID of master.
func (i *Instance) MasterPID() int { return i.master.Process.Pid }

// Processes returns the daemons of this instance called name ("" for all),
// found by their command line: program path and -c directory.
func (i *Instance) Processes(name string) []int {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var pids []int
	for _, path := range all {
		b, err := os.ReadFile(path)
		args := strings.Split(string(b), "\x00")
		if err != nil || !bytes.Contains(b, []byte("\x00"+i.Etc()+"\x00")) {
			continue
		}
		if name != "" && filepath.Base(args[0]) != name {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Until polls cond until it holds; what says what is waited for.
func (i *Instance) Until(what string, cond func() bool) {
	i.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Wait)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-ctx.Done():
			i.T.Fatalf("waited %v: %s", Wait, what)
		case <-tick.C:
		}
	}
}
