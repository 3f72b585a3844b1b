package master

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// roleArg as the first argument makes this binary a starter: the small role
// between fork and the daemon. Only the process itself can put its process ID
// into LISTEN_PID, and os/exec cannot raise limits.
const roleArg = "start-service"

// A launch is what a starter does before it becomes the daemon. Environment
// and descriptors are in place already, LISTEN_PID apart.
type launch struct {
	Path   string      `json:"path"` // of the daemon
	Args   []string    `json:"args"` // args[0] included
	Files  uint64      `json:"files"`
	Become *credential `json:"become,omitempty"` // nil: stay who we are
}

// A credential is who a process is.
type credential struct {
	UID    int   `json:"uid"`
	GID    int   `json:"gid"`
	Groups []int `json:"groups"`
}

// args returns the command line of a starter for l.
func (l *launch) args() ([]string, error) {
	b, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	return []string{"master", roleArg, string(b)}, nil
}

// runRole becomes the daemon that spec describes; it returns only on failure.
func runRole(spec string) error {
	var l launch
	if err := json.Unmarshal([]byte(spec), &l); err != nil {
		return fmt.Errorf("start a service: %w", err)
	}
	raiseFiles(l.Files)
	runtime.LockOSThread() // the thread that becomes the daemon is the one whose timers are set
	coarsenTimers()
	if l.Become != nil {
		if err := l.Become.take(); err != nil {
			return fmt.Errorf("start %s: %w", l.Path, err)
		}
	}
	env := append(os.Environ(), "LISTEN_PID="+strconv.Itoa(os.Getpid()))
	return fmt.Errorf("start %s: %w", l.Path, syscall.Exec(l.Path, l.Args, env))
}

// timerSlack is how late the kernel may wake a service's sleeping threads,
// nanoseconds. Go's monitor thread asks to be woken every 20 µs while a process is
// neither idle nor busy, which is what a mail server's processes are; it took a fifth of
// the processor time of a letter (docs/decisions/0017).
const timerSlack = 1_000_000

// coarsenTimers sets the timer slack of this thread, which its program and all
// threads of that inherit. A kernel that refuses leaves them finer and dearer.
func coarsenTimers() { unix.Prctl(unix.PR_SET_TIMERSLACK, timerSlack, 0, 0, 0) }

// raiseFiles raises the limit of open files as far as it may: a daemon with a
// low limit still works, for fewer connections.
func raiseFiles(n uint64) {
	var now syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &now) != nil {
		return
	}
	want := syscall.Rlimit{Cur: max(n, now.Cur), Max: max(n, now.Max)}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &want) != nil {
		now.Cur = now.Max
		syscall.Setrlimit(syscall.RLIMIT_NOFILE, &now)
	}
}

// take becomes c for good. Groups go first: afterwards the right to change
// them is gone.
func (c *credential) take() error {
	if err := syscall.Setgroups(c.Groups); err != nil {
		return os.NewSyscallError("setgroups", err)
	}
	if err := syscall.Setresgid(c.GID, c.GID, c.GID); err != nil {
		return os.NewSyscallError("setresgid", err)
	}
	if err := syscall.Setresuid(c.UID, c.UID, c.UID); err != nil {
		return os.NewSyscallError("setresuid", err)
	}
	return nil
}
