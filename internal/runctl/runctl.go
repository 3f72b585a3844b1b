// Package runctl starts and stops the mail system for `mailctl` and postfix(1):
// it finds master by its lock and signals it by a descriptor of its process.
package runctl

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/instance"
)

// Params are the parameters that this package reads.
var Params = []*config.Def{config.QueueDirectory.Def, config.DaemonDirectory.Def}

const (
	// startTime is how long master has to open its sockets.
	startTime = 30 * time.Second
	// stopTime is how long master has to end its services; master itself
	// kills them earlier.
	stopTime = 60 * time.Second
)

// FindMaster is instance.Find with the texts that people and scripts expect.
func FindMaster(env *cli.Env) (pid int, err error) {
	pid, err = instance.Find(config.QueueDirectory.Of(env.Config))
	switch {
	case errors.Is(err, fs.ErrPermission):
		return 0, &cli.Status{Code: cli.ExNoPerm, Err: err}
	case err != nil:
		return 0, &cli.Status{Code: 1, Err: err}
	}
	return pid, nil
}

// Start starts master in the background and waits until it has all its
// sockets. It returns master's process ID. What keeps it from starting it says on
// standard error itself.
func Start(env *cli.Env) (pid int, err error) {
	if pid, err := instance.Find(config.QueueDirectory.Of(env.Config)); err == nil {
		return 0, cli.Fail(1, "the mail system is already running: PID: %d", pid)
	}
	ready, tell, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer ready.Close()
	defer tell.Close()
	master := exec.Command(filepath.Join(config.DaemonDirectory.Of(env.Config), "master"), masterArgs(env)...)
	master.Dir = "/"
	master.ExtraFiles = []*os.File{tell}
	// A file, not a pipe of ours: master keeps it until it is ready.
	master.Stderr = os.Stderr
	master.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := master.Start(); err != nil {
		return 0, &cli.Status{Code: cli.ExUnavailable, Err: err}
	}
	tell.Close()
	ready.SetReadDeadline(time.Now().Add(startTime))
	line, err := bufio.NewReader(ready).ReadString('\n')
	switch {
	case err == nil && strings.TrimSpace(line) == "ready":
		return master.Process.Pid, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, cli.Fail(cli.ExUnavailable, "master (PID %d) is not ready after %v: see the mail log", master.Process.Pid, startTime)
	}
	var exit *exec.ExitError
	if err := master.Wait(); errors.As(err, &exit) && exit.ExitCode() > 0 {
		return 0, &cli.Status{Code: exit.ExitCode()}
	}
	return 0, cli.Fail(cli.ExUnavailable, "master ended before it was ready: %v", master.ProcessState)
}

// masterArgs is master's command line; its descriptor 3 is the pipe.
func masterArgs(env *cli.Env) []string {
	return append(options(env.Config, env.Overrides), "--ready-fd", "3")
}

// options are the options by which a program reads the same configuration as we.
func options(c *config.Config, overrides []string) []string {
	args := []string{"-c", c.Dir}
	for _, o := range overrides {
		args = append(args, "-o", o)
	}
	return args
}

// Stop ends the system and returns when it has ended.
func Stop(env *cli.Env) error {
	return WithMaster(env, func(fd int) error {
		if err := unix.PidfdSendSignal(fd, unix.SIGTERM, nil, 0); err != nil {
			return err
		}
		return awaitEnd(fd, stopTime)
	})
}

// Reload has the system read its configuration again. Whether it can use it is in
// the mail log; Faults finds that out before.
func Reload(env *cli.Env) error {
	return WithMaster(env, func(fd int) error { return unix.PidfdSendSignal(fd, unix.SIGHUP, nil, 0) })
}

// WithMaster runs f with a descriptor of the master process. Its ID is asked
// for again once the descriptor is there, so that a process which was given
// the ID of a master that ended is never hit.
func WithMaster(env *cli.Env, f func(pidfd int) error) error {
	pid, err := FindMaster(env)
	if err != nil {
		return err
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("master (PID %d): %w", pid, err)
	}
	defer unix.Close(fd)
	if again, err := FindMaster(env); err != nil || again != pid {
		return cli.Fail(1, "%v", instance.ErrNotRunning)
	}
	err = f(fd)
	switch {
	case errors.Is(err, unix.EPERM):
		return cli.Fail(cli.ExNoPerm, "master (PID %d): %v: only root or the user who started it may do this", pid, err)
	case err != nil:
		return fmt.Errorf("master (PID %d): %w", pid, err)
	}
	return nil
}

// awaitEnd waits until the process has ended.
func awaitEnd(pidfd int, d time.Duration) error {
	deadline := time.Now().Add(d)
	for {
		fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, int(max(time.Until(deadline), 0).Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return os.NewSyscallError("poll", err)
		case n == 0:
			return fmt.Errorf("has not ended after %v", d)
		default:
			return nil
		}
	}
}
