package mailbox

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// holder returns the pid in a lock of this host, 0 if there is none.
func (w *lockWaiter) holder(lock string) int {
	f, err := w.dir.open(lock, unix.O_RDONLY)
	if err != nil {
		return 0
	}
	defer f.Close()
	var buf [512]byte
	n, _ := f.Read(buf[:])
	pid, host, ok := strings.Cut(strings.TrimSuffix(string(buf[:n]), "\n"), ":")
	id, err := strconv.Atoi(pid)
	if !ok || err != nil || host != hostname() || id <= 0 {
		return 0
	}
	return id
}

// alive tells whether the holder of a lock still is.
func alive(pid int, id inode) bool {
	if pid == os.Getpid() {
		held.Lock()
		defer held.Unlock()
		return held.locks[id]
	}
	return !errors.Is(unix.Kill(pid, 0), unix.ESRCH)
}

// startSlack is how far the times of files and of processes may lie apart.
const startSlack = 5 * time.Second

// startedAfter tells whether a process began to run after a lock was written: its
// pid was another's, who died then. A lock outlives a power failure more often
// than not, for the flush made under it writes its name too, and a pid of an
// earlier run of the machine is likely to be in use. A clock that was set forward can
// make it seem so of a process that lives, so it is no proof by itself.
func startedAfter(pid int, when time.Time) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	const start = 22 - 3 // proc_pid_stat(5): starttime, counted from what is behind the name
	if len(fields) <= start {
		return false
	}
	ticks, err := strconv.ParseInt(fields[start], 10, 64)
	var up unix.Timespec
	if err != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &up) != nil {
		return false
	}
	since := time.Duration(up.Nano()) - time.Duration(ticks)*(time.Second/100)
	return time.Now().Add(-since).After(when.Add(startSlack))
}
