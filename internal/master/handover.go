package master

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/ipc"
)

// handOver is what the program that we become has to know.
func (m *master) handOver() *ipc.HandOver {
	h := &ipc.HandOver{
		Version: ipc.HandOverVersion, Program: config.Version(), Queue: config.QueueDirectory.Of(m.plan.config),
		Claim: m.claim.FD(), Control: descriptor(m.control), Announced: m.announced,
		Sessions: descriptor(m.sessions), Visit: m.hall.last,
	}
	if m.upgrade != nil {
		h.Answer = descriptor(m.upgrade.by.from.Unix())
	}
	for _, s := range m.plan.services {
		h.Services = append(h.Services, ipc.HandedService{
			Key: s.key(), Used: s.used, Delay: s.delay.Microseconds(), NotBefore: micros(s.notBefore), WakeAt: micros(s.wakeAt),
		})
		for _, socket := range s.sockets {
			h.Sockets = append(h.Sockets, ipc.HandedSocket{FD: socket.fd, Service: s.key(), Name: socket.name, Kept: socket.kept})
		}
	}
	for p := range m.procs {
		if p.reaped {
			continue
		}
		e := ipc.HandedProcess{
			PID: p.pid, Service: p.of.key(), Path: p.path, Status: descriptor(p.status), Stderr: descriptor(p.complaints),
			Started: micros(p.started), Accepting: p.of.current == p, Ready: p.ready, Stopped: p.stopped,
		}
		if p.host != nil {
			e.Host, e.Visits = true, p.host.all()
		}
		h.Processes = append(h.Processes, e)
	}
	return h
}

// descriptor is the number of an open file or connection; 0: it is closed. The
// file stays as it is: Fd would have it block.
func descriptor(c syscall.Conn) (fd int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	raw.Control(func(n uintptr) { fd = int(n) })
	return fd
}

// descriptors are all that h names.
func descriptors(h *ipc.HandOver) (fds []int) {
	add := func(fd int) {
		if fd > 0 {
			fds = append(fds, fd)
		}
	}
	add(h.Claim)
	add(h.Control)
	add(h.Answer)
	add(h.Sessions)
	for _, s := range h.Sockets {
		add(s.FD)
	}
	for _, p := range h.Processes {
		add(p.Status)
		add(p.Stderr)
	}
	return fds
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us)
}

// stateFile is a file in memory that holds h.
func stateFile(h *ipc.HandOver) (*os.File, error) {
	b, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	fd, err := unix.MemfdCreate("yubin-hand-over", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "hand-over")
	if _, err := f.Write(b); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// maxState bounds what a hand-over may be long.
const maxState = 64 << 20

// readState reads a hand-over.
func readState(fd int) (*ipc.HandOver, error) {
	f := os.NewFile(uintptr(fd), "hand-over")
	if f == nil {
		return nil, fmt.Errorf("hand-over: descriptor %d is none", fd)
	}
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, maxState))
	if err != nil {
		return nil, err
	}
	return parseState(b)
}

// inheritState reads what the program that we were has left to us, and keeps
// its descriptors from our children.
func inheritState(fd int) (*ipc.HandOver, error) {
	h, err := readState(fd)
	if err != nil {
		return nil, err
	}
	for _, fd := range descriptors(h) {
		unix.CloseOnExec(fd)
	}
	return h, nil
}

func parseState(b []byte) (*ipc.HandOver, error) {
	var h ipc.HandOver
	if err := json.Unmarshal(b, &h); err != nil {
		return nil, fmt.Errorf("hand-over: %w", err)
	}
	if h.Version != ipc.HandOverVersion && h.Version != ipc.HandOverVersion-1 {
		return nil, fmt.Errorf("the running master (version %s) hands over in format %d, version %s knows %d and the one before: restart the mail system instead",
			h.Program, h.Version, config.Version(), ipc.HandOverVersion)
	}
	return &h, nil
}

// checkState tells whether a master with the plan p could go on from h. A
// service that runs must not be lost because its program is not there, as in an
// installation that is not complete.
func checkState(h *ipc.HandOver, p *plan) error {
	if now := config.QueueDirectory.Of(p.config); now != h.Queue {
		return fmt.Errorf("queue_directory is %s for the running system and %s in main.cf: restart the mail system instead", h.Queue, now)
	}
	for _, s := range h.Services {
		if why := p.leftOut[s.Key]; why != nil {
			return fmt.Errorf("service %s runs and would be lost: %w", s.Key, why)
		}
	}
	return nil
}

// takeOver goes on from where the program that we were stopped: as at a reload,
// with another program for every service.
func (m *master) takeOver(h *ipc.HandOver, p *plan) {
	for _, w := range p.warnings {
		m.log.Warn("%s", w)
	}
	m.announced, m.hall.last = h.Announced, h.Visit
	m.plan = m.restore(h, p)
	now := time.Now()
	m.replace(p, now)
	m.adopt(p, now)
	m.reap() // who has ended meanwhile
}

// restore makes the plan that h describes. Its services have no program, so
// that none of p's is the same.
func (m *master) restore(h *ipc.HandOver, p *plan) *plan {
	old := &plan{config: p.config, accounts: p.accounts}
	byKey := map[string]*service{}
	find := func(key string) *service {
		s := byKey[key]
		if s == nil {
			s = new(service)
			s.def.Type, s.def.Name, _ = strings.Cut(key, " ")
			byKey[key] = s
			old.services = append(old.services, s)
		}
		return s
	}
	for _, e := range h.Services {
		s := find(e.Key)
		s.used, s.delay = e.Used, time.Duration(e.Delay)*time.Microsecond
		s.notBefore, s.wakeAt = fromMicros(e.NotBefore), fromMicros(e.WakeAt)
	}
	for _, e := range h.Sockets {
		socket, err := socketOf(e.FD)
		if err != nil {
			m.log.Error("upgrade: a socket of service %s is lost: %v", e.Service, err)
			continue
		}
		socket.name, socket.kept = e.Name, e.Kept
		s := find(e.Service)
		s.sockets = append(s.sockets, socket)
	}
	for _, e := range h.Processes {
		s := find(e.Service)
		child := &process{
			of: s, path: e.Path, pid: e.PID, started: fromMicros(e.Started), ready: e.Ready, stopped: e.Stopped,
		}
		if e.Host {
			m.restoreHost(child, e)
		}
		if err := m.raise(child, e); err != nil {
			m.log.Error("upgrade: process %s pid %d is left alone: %v", e.Path, e.PID, err)
			continue
		}
		if e.Accepting {
			s.current = child
		}
	}
	return old
}

// restoreHost makes child a session process, which takes no session any more: it
// runs the program of before.
func (m *master) restoreHost(child *process, e ipc.HandedProcess) {
	child.host = newHost(hostKey{}, m.logins)
	m.hall.number++
	for _, v := range e.Visits {
		child.host.enter(&v)
		m.hall.guests[guest{v.Service, v.User, v.Client}]++
	}
}

// raise makes a process that another program has started a child of ours.
func (m *master) raise(child *process, e ipc.HandedProcess) error {
	c, err := unixConn(e.Status)
	if err != nil {
		return err
	}
	child.status = c
	m.procs[child] = struct{}{}
	go child.hear(m.parent.reports)
	// The number may be another file's, if the process closed its standard error
	// while we were becoming who we are.
	var st unix.Stat_t
	if unix.Fstat(e.Stderr, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFIFO {
		child.complaints = os.NewFile(uintptr(e.Stderr), "stderr")
		go child.relay(m.log)
	}
	return nil
}

// handed is a descriptor that a hand-over names.
func handed(fd int) (*os.File, error) {
	if fd <= 0 {
		return nil, errors.New("a descriptor was not handed over")
	}
	return os.NewFile(uintptr(fd), "handed over"), nil
}

// unixConn is the connection fd, which is used up.
func unixConn(fd int) (*net.UnixConn, error) {
	f, err := handed(fd)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, fmt.Errorf("descriptor %d is no Unix socket", fd)
	}
	return u, nil
}

// answerAsker tells who asked for the upgrade how it went, once.
func answerAsker(h *ipc.HandOver, r ipc.MasterReply) {
	c, err := unixConn(h.Answer)
	h.Answer = 0
	if err == nil {
		(&petition{from: fdpass.New(c)}).answer(r)
	}
}
