package service

import (
	"os"

	"golang.org/x/sys/unix"
)

// NoDumps keeps what this process has in memory out of cores and from other
// processes of its user: for programs that hold secrets.
func NoDumps() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return os.NewSyscallError("setrlimit", err)
	}
	return os.NewSyscallError("prctl", unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0))
}
