package master

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/systemd"
)

// checkTime is how long the new program has to say that it can take over.
const checkTime = 20 * time.Second

// An upgrade is one attempt to become the program that is installed now. First
// that program, run beside us, reads the configuration and what we would leave
// it, and says whether it could go on from there; only then we become it.
type upgrade struct {
	by   *petition
	path string // of the new program
}

// beginUpgrade has the new program look before anything changes.
func (m *master) beginUpgrade(ctx context.Context, by *petition) {
	c, err := m.reload()
	if err != nil {
		c = m.plan.config // perhaps only the new program understands what is new
	}
	m.upgrade = &upgrade{by: by, path: filepath.Join(config.DaemonDirectory.Of(c), "master")}
	m.log.Info("trying an upgrade to %s", m.upgrade.path)
	state, err := stateFile(m.handOver())
	if err != nil {
		m.refuseUpgrade(err)
		return
	}
	args, path := m.successorArgs(), m.upgrade.path
	go func() {
		defer state.Close()
		m.verdicts <- check(ctx, path, args, state)
	}()
}

// refuseUpgrade leaves all as it was, and says why.
func (m *master) refuseUpgrade(err error) {
	m.log.Error("upgrade: %v; version %s goes on", err, config.Version())
	m.upgrade.by.answer(ipc.MasterReply{Error: err.Error()})
	m.upgrade = nil
}

// check runs the new program, which only looks.
func check(ctx context.Context, path string, args []string, state *os.File) error {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	c := exec.CommandContext(ctx, path, append(args, "--hand-over", "3", "--check")...)
	c.Args[0] = "master"
	c.Dir = "/"
	c.ExtraFiles = []*os.File{state}
	c.WaitDelay = time.Second
	var word, said head
	c.Stdout, c.Stderr = &word, &said
	err := c.Run()
	switch {
	case err == nil && string(word) == consent:
		return nil
	case err == nil:
		return fmt.Errorf("%s is another program, or too old to take over", path)
	case ctx.Err() != nil:
		return fmt.Errorf("%s did not say within %v that it can take over", path, checkTime)
	case c.ProcessState == nil:
		return fmt.Errorf("the new program cannot be run: %w", err)
	}
	return fmt.Errorf("the new program refuses (%w): %s", err, firstLines(string(said)))
}

// consent is what a program says that can take over: many others would succeed
// in saying nothing.
const consent = "can take over\n"

// A head is the beginning of what is written to it.
type head []byte

func (h *head) Write(b []byte) (int, error) {
	const most = 4 << 10
	*h = append(*h, b[:min(len(b), most-len(*h))]...)
	return len(b), nil
}

// firstLines is what matters of a program's last words.
func firstLines(s string) string {
	s = strings.TrimPrefix(strings.TrimSpace(s), "master: ")
	if s == "" {
		return "it says nothing"
	}
	lines := strings.Split(s, "\n")
	return strings.Join(lines[:min(len(lines), 5)], "; ")
}

// successorArgs is the command line of the program that we become, without
// what concerns the hand-over.
func (m *master) successorArgs() []string {
	args := []string{"-c", m.parent.dir}
	for _, o := range m.parent.overrides {
		args = append(args, "-o", o)
	}
	return args
}

// become becomes the new program, if it can take over. It returns only when
// that has failed.
func (m *master) become(verdict error) {
	if verdict != nil {
		m.refuseUpgrade(verdict)
		return
	}
	m.pause()
	if m.announced {
		m.tell(systemd.Reloading()...)
	}
	err := m.exec()
	m.resume()
	m.reloaded("upgrade failed: " + err.Error())
	m.refuseUpgrade(err)
}

func (m *master) exec() error {
	h := m.handOver()
	state, err := stateFile(h)
	if err != nil {
		return err
	}
	defer state.Close()
	args := append([]string{os.Args[0]}, m.successorArgs()...)
	args = append(args, "--hand-over", strconv.Itoa(int(state.Fd())))
	all := append(descriptors(h), int(state.Fd()))
	// A hang-up while nobody handles it must not end us. It would be for the
	// configuration, which is read anyway.
	signal.Ignore(syscall.SIGHUP)
	defer m.watchSignals()
	for _, fd := range all {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			return fmt.Errorf("hand over descriptor %d: %w", fd, err)
		}
		defer unix.CloseOnExec(fd)
	}
	err = syscall.Exec(m.upgrade.path, args, append(os.Environ(), m.notify.Environment()...))
	return fmt.Errorf("become %s: %w", m.upgrade.path, err)
}

// pause stops hearing the processes. What they say from now on waits in their
// status connections.
func (m *master) pause() {
	waiting := 0
	for p := range m.procs {
		if p.silent {
			continue
		}
		waiting++
		if !p.reaped { // else its last words are being heard, for a moment
			p.status.SetReadDeadline(time.Unix(1, 0))
		}
	}
	for waiting > 0 {
		r := <-m.reports
		if r.line == "" {
			waiting--
			if errors.Is(r.err, os.ErrDeadlineExceeded) && !r.from.reaped {
				r.from.paused = true
				continue
			}
		}
		m.heard(r, time.Now())
	}
}

// resume is the end of pause.
func (m *master) resume() {
	for p := range m.procs {
		if p.paused {
			p.paused = false
			p.status.SetReadDeadline(time.Time{})
			go p.hear(m.parent.reports)
		}
	}
}
