package master

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/sock"
)

// A process is one generation of a service: the process that accepts, or an
// earlier one that ends its sessions.
type process struct {
	of      *service // of a session process: where its sessions come from
	host    *host    // nil: no session process
	path    string
	pid     int
	status  *net.UnixConn
	started time.Time
	// complaints is what it writes to standard error; nil: that went to another
	// program's descriptor.
	complaints *os.File

	ready    bool // it has accepted since
	stopped  bool // it has said that it accepts no more
	replaced bool // it was told to make way for a new one
	paused   bool // it is not heard for now
	hangup   bool // SIGHUP is due when it is ready: before, it would die of it

	// It is gone when it was waited for and its last words were heard.
	reaped bool
	silent bool
	wait   syscall.WaitStatus
}

// A report is a line on a status connection; "" is its end, with the reason.
type report struct {
	from *process
	line string
	err  error
}

// self is this very program, also after its file was replaced.
const self = "/proc/self/exe"

// lastWords is how long a dead process's status connection is still read: the
// descriptor may have leaked into a process that lives on.
const lastWords = time.Second

// A parent has what all children get.
type parent struct {
	dir       string   // config_directory
	overrides []string // -o of master's own
	env       []string
	journal   string // socket of systemd's journal; "": children do not log there
	files     uint64 // limit of open files
	logFiles  *logFiles
	log       *maillog.Logger
	reports   chan<- report
}

// start starts a process of s.
func (p *parent) start(s *service) (*process, error) {
	return p.begin(&process{of: s, path: s.path}, s.as, p.arguments(s))
}

// startHost starts a process for sessions of people who came by s.
func (p *parent) startHost(s *service, as *credential, h *host) (*process, error) {
	args := append([]string{filepath.Base(s.path), "--session"}, p.arguments(s)[1:]...)
	child, err := p.begin(&process{of: s, path: s.path, host: h}, as, args)
	if err == nil {
		widen(child.status)
	}
	return child, err
}

// roomForOrders is how much a session process may have before it, octets: many
// people log in at once where it has only just been started.
const roomForOrders = 1 << 20

// widen makes room for orders. What the system does not grant to an ordinary
// user is less.
func widen(c *net.UnixConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) {
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, roomForOrders) != nil {
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, roomForOrders)
		}
	})
}

// begin starts child.
func (p *parent) begin(child *process, as *credential, args []string) (*process, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	defer unix.Close(pair[1])
	end := os.NewFile(uintptr(pair[0]), "status")
	defer end.Close()
	conn, err := net.FileConn(end)
	if err != nil {
		return nil, err
	}
	child.status = conn.(*net.UnixConn)
	if child.complaints, err = p.fork(child, as, args, pair[1]); err != nil {
		conn.Close()
		return nil, err
	}
	go child.hear(p.reports)
	go child.relay(p.log)
	return child, nil
}

// fork starts the process. What it writes to standard error, such as the stack
// of a crash, can be read from the file.
func (p *parent) fork(child *process, as *credential, daemon []string, status int) (*os.File, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	fds := []uintptr{null.Fd(), w.Fd(), w.Fd()}
	var names []string
	if child.host == nil {
		for _, socket := range child.of.sockets {
			fds, names = append(fds, uintptr(socket.fd)), append(names, "socket")
		}
	}
	fds, names = append(fds, uintptr(status)), append(names, ipc.StatusName)
	if child.host == nil {
		files, labels, _ := p.logFiles.named()
		for i, f := range files {
			fds, names = append(fds, f.Fd()), append(names, labels[i])
		}
	}
	launch := launch{Path: child.path, Args: daemon, Files: p.files, Become: as}
	args, err := launch.args()
	if err != nil {
		r.Close()
		return nil, err
	}
	child.started = time.Now()
	child.pid, err = syscall.ForkExec(self, args, &syscall.ProcAttr{
		Dir:   "/",
		Files: fds,
		Env:   append(p.env[:len(p.env):len(p.env)], "LISTEN_FDS="+strconv.Itoa(len(names)), "LISTEN_FDNAMES="+strings.Join(names, ":")),
		// A group of its own: Ctrl-C at a terminal is for master to pass on.
		Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		r.Close()
		return nil, os.NewSyscallError("fork", err)
	}
	return r, nil
}

// arguments is the daemon's command line. It runs under its own name.
func (p *parent) arguments(s *service) []string {
	args := []string{filepath.Base(s.path), "-n", s.def.Name, "-l", strconv.Itoa(s.limit()), "-c", p.dir}
	for _, o := range p.overrides {
		args = append(args, "-o", o)
	}
	return append(args, s.def.Args...)
}

// hear passes on what the process says.
func (p *process) hear(to chan<- report) {
	b := make([]byte, 256)
	if p.host != nil {
		b = make([]byte, 8<<10) // lines of the log
	}
	status := sock.Wrap(p.status)
	for {
		n, err := status.Read(b)
		if errors.Is(err, syscall.ECONNRESET) {
			continue // it ended with a line of ours unread; its own are still there
		}
		if err != nil {
			to <- report{p, "", err}
			return
		}
		line := string(b[:n])
		if p.host != nil && p.host.spoke(line) {
			continue
		}
		to <- report{p, line, nil}
	}
}

// maxComplaints is how many lines of a process's standard error are logged.
const maxComplaints = 500

// relay logs what the process writes to standard error.
func (p *process) relay(log *maillog.Logger) {
	defer p.complaints.Close()
	lines := bufio.NewScanner(p.complaints)
	for n := 0; lines.Scan(); n++ {
		if n < maxComplaints {
			log.Warn("%s[%d]: %s", p.path, p.pid, lines.Text())
		}
	}
	// An endless line ends the scan; closing now would kill the writer.
	io.Copy(io.Discard, p.complaints)
}

// signal sends sig, unless the process has been waited for and its ID may be
// another's.
func (p *process) signal(sig syscall.Signal) {
	if !p.reaped {
		syscall.Kill(p.pid, sig)
	}
}

// say sends a line to the process, with open files beside it or without.
// One that does not read is one that ends.
func (p *process) say(line string, files ...*os.File) {
	var rights []byte
	if len(files) > 0 {
		var fds []int
		for _, f := range files {
			fds = append(fds, int(f.Fd()))
		}
		rights = unix.UnixRights(fds...)
	}
	p.status.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	p.status.WriteMsgUnix([]byte(line), rights, nil)
}

// setEnv makes the environment of children. Where they log is settled at start.
func (p *parent) setEnv(c *config.Config) {
	p.env = environment(c, os.Environ())
	if p.journal != "" {
		p.env = append(p.env, ipc.JournalVariable+"="+p.journal)
	}
}

// environment is what children get of env: import_environment, whose elements
// are NAME or NAME=VALUE, and PATH.
func environment(c *config.Config, env []string) []string {
	have := map[string]string{"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		have[name] = value
	}
	keep := []string{"PATH=" + have["PATH"]}
	for _, e := range config.ImportEnvironment.Of(c) {
		name, _, set := strings.Cut(e, "=")
		value, ok := have[name]
		switch {
		case name == "PATH" || managers(name):
		case set:
			keep = append(keep, e)
		case ok:
			keep = append(keep, name+"="+value)
		}
	}
	return keep
}

// managers tells what a service manager has to say to master alone.
func managers(name string) bool {
	return strings.HasPrefix(name, "LISTEN_") || strings.HasPrefix(name, "WATCHDOG_") || name == "NOTIFY_SOCKET"
}
