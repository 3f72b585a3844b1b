package systemd

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A Notifier sends states to the service manager. Where nobody wants to hear,
// and when it is nil, it sends nothing.
type Notifier struct {
	addr     unix.Sockaddr // nil: nobody listens
	fd       int           // unconnected, so that a manager that was restarted is found again
	env      []string
	watchdog time.Duration
}

// States. A state with a value has a function.
const (
	Ready    = "READY=1"
	Stopping = "STOPPING=1"
	Watchdog = "WATCHDOG=1"
)

// Status is a line for people.
func Status(text string) string { return "STATUS=" + strings.ReplaceAll(text, "\n", "; ") }

// Reloading says that the configuration is read again; Ready ends it.
func Reloading() []string {
	var now unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	return []string{"RELOADING=1", "MONOTONIC_USEC=" + strconv.FormatInt(now.Nano()/1000, 10)}
}

// Extend asks for d more to become ready in.
func Extend(d time.Duration) string {
	return "EXTEND_TIMEOUT_USEC=" + strconv.FormatInt(d.Microseconds(), 10)
}

// maxName is the longest name of a kept descriptor (sd_pid_notify_with_fds(3)).
const maxName = 255

// NewNotifier reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and removes
// them from the environment.
func NewNotifier() (*Notifier, error) {
	socket := take("NOTIFY_SOCKET")
	usec, pid := take("WATCHDOG_USEC"), take("WATCHDOG_PID")
	if socket == "" {
		return nil, nil
	}
	n := &Notifier{env: []string{"NOTIFY_SOCKET=" + socket}}
	switch socket[0] {
	case '/':
	case '@': // an abstract name; x/sys/unix writes the NUL for it
	default:
		return nil, fmt.Errorf("NOTIFY_SOCKET is %q, want a path, or @ and an abstract name", socket)
	}
	n.addr = &unix.SockaddrUnix{Name: socket}
	var err error
	if n.fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	// A manager that reads nothing must not stop us.
	if err := unix.SetsockoptTimeval(n.fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		return nil, os.NewSyscallError("setsockopt", err)
	}
	if us, err := strconv.ParseInt(usec, 10, 64); err == nil && us > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		n.watchdog = time.Duration(us) * time.Microsecond
		n.env = append(n.env, "WATCHDOG_USEC="+usec)
		if pid != "" {
			n.env = append(n.env, "WATCHDOG_PID="+pid)
		}
	}
	return n, nil
}

func take(name string) string {
	v := os.Getenv(name)
	os.Unsetenv(name)
	return v
}

// Wanted tells whether anybody listens.
func (n *Notifier) Wanted() bool { return n != nil }

// Environment is what NewNotifier found, for a program that this process
// becomes.
func (n *Notifier) Environment() []string {
	if n == nil {
		return nil
	}
	return n.env
}

// WatchdogEvery is how often to send Watchdog: half of the time after which the
// manager acts. 0: never.
func (n *Notifier) WatchdogEvery() time.Duration {
	if n == nil {
		return 0
	}
	return n.watchdog / 2
}

// Send sends states in one message.
func (n *Notifier) Send(states ...string) error { return n.send(nil, states...) }

// Keep leaves the descriptor fd in the manager's keeping, under a name
// (KeptName) by which it comes back in LISTEN_FDNAMES after a restart.
func (n *Notifier) Keep(name string, fd int) error {
	return n.send(unix.UnixRights(fd), "FDSTORE=1", "FDNAME="+name)
}

// Forget has the manager close what it keeps under name.
func (n *Notifier) Forget(name string) error {
	return n.send(nil, "FDSTOREREMOVE=1", "FDNAME="+name)
}

// send does not wait long for room in the manager's queue.
func (n *Notifier) send(rights []byte, states ...string) error {
	if n == nil {
		return nil
	}
	// Not net.UnixConn: WriteMsgUnix to an address fails on a connected socket
	// without a system call, and on a connected one we would miss a restart.
	for {
		err := unix.Sendmsg(n.fd, []byte(strings.Join(states, "\n")), rights, n.addr, unix.MSG_NOSIGNAL)
		if err != unix.EINTR {
			return os.NewSyscallError("notify the service manager: sendmsg", err)
		}
	}
}

// KeptName turns text into the name of a kept descriptor: printable, without
// colons, which part names. ok is false when it is too long.
func KeptName(text string) (name string, ok bool) {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c <= ' ' || c >= 0x7f || c == ':' || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String(), b.Len() <= maxName
}
