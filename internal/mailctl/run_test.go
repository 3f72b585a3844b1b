package mailctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"yubin/internal/cli"
	"yubin/internal/config"
	"yubin/internal/instance"
	"yubin/internal/queue"
	"yubin/internal/runctl"
)

// The test binary stands in for master, which start runs by this name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "master" {
		os.Exit(fakeMaster(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// fakeMaster is called as master -c DIR --ready-fd 3. It says ready, and ends
// at SIGTERM; a file "broken" in DIR has it fail at once, also with --check.
func fakeMaster(args []string) int {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP)
	dir := args[1]
	if _, err := os.Stat(filepath.Join(dir, "broken")); err == nil {
		return cli.ExConfig
	}
	if slices.Contains(args, "--check") {
		return 0
	}
	claim, err := instance.Take(filepath.Join(dir, "q"))
	if err != nil {
		return cli.ExUnavailable
	}
	defer claim.Release()
	ready := os.NewFile(3, "ready")
	fmt.Fprintln(ready, "ready")
	ready.Close()
	for sig := range signals {
		if sig == syscall.SIGTERM {
			return 0
		}
		os.WriteFile(filepath.Join(dir, "reloaded"), nil, 0o644)
	}
	return 1
}

// A mailctlRun is what a subcommand did.
type mailctlRun struct {
	code     int
	out, err string
}

func runner(t *testing.T) (dir string, mailctl func(subcommand string, args ...string) mailctlRun) {
	t.Helper()
	dir = t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "master")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "q", queue.DirPID), 0o755); err != nil {
		t.Fatal(err)
	}
	main := fmt.Sprintf("daemon_directory = %[1]s\nqueue_directory = %[1]s/q\n", dir)
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte(main), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "master.cf"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(runctl.Params); err != nil {
		t.Fatal(err)
	}
	return dir, func(name string, args ...string) mailctlRun {
		t.Helper()
		var out, errs bytes.Buffer
		err := run(context.Background(), &cli.Env{
			Program: "mailctl", Config: c, Args: append([]string{name}, args...), Stdout: &out, Stderr: &errs,
		})
		var s *cli.Status
		switch {
		case errors.As(err, &s):
			if s.Err != nil {
				fmt.Fprint(&errs, s.Err)
			}
			return mailctlRun{s.Code, out.String(), errs.String()}
		case err != nil:
			return mailctlRun{1, out.String(), err.Error()}
		}
		return mailctlRun{0, out.String(), errs.String()}
	}
}

// The life of a system as an administrator sees it.
func TestStartStop(t *testing.T) {
	t.Parallel()
	dir, mailctl := runner(t)
	running := "yubin: the mail system is running: PID: "
	for _, step := range []struct {
		command  string
		code     int
		out, err string // prefixes
	}{
		{"status", 1, "", "yubin: the mail system is not running"},
		{"stop", 1, "", "the mail system is not running"},
		{"reload", 1, "", "the mail system is not running"},
		{"upgrade", 0, "yubin: the mail system is not running; its next start takes the new programs\n", ""},
		{"start", 0, running, ""},
		{"start", 1, "", "the mail system is already running: PID: "},
		{"status", 0, running, ""},
		{"reload", 0, "", ""},
		{"upgrade", 1, "", "master (PID "}, // which has no control socket
		{"stop", 0, "", ""},
		{"status", 1, "", "yubin: the mail system is not running"},
		{"start", 0, running, ""}, // over what the first one left
		{"stop", 0, "", ""},
	} {
		got := mailctl(step.command)
		if got.code != step.code || !strings.HasPrefix(got.out, step.out) || !strings.HasPrefix(got.err, step.err) ||
			(step.out == "") != (got.out == "") || (step.err == "") != (got.err == "") {
			t.Errorf("%s: got %+v, want %+v", step.command, got, step)
		}
		if step.command == "reload" && step.code == 0 {
			waitFile(t, filepath.Join(dir, "reloaded")) // before stop's signal may overtake it
		}
	}
}

// waitFile waits until there is a file.
func waitFile(t *testing.T, path string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not made", path)
		}
	}
}

// start says what master's exit status says.
func TestStartFails(t *testing.T) {
	t.Parallel()
	dir, mailctl := runner(t)
	if err := os.WriteFile(filepath.Join(dir, "broken"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := mailctl("start"); got.code != cli.ExConfig {
		t.Errorf("got %+v, want exit status %d", got, cli.ExConfig)
	}
	if err := os.Remove(filepath.Join(dir, "master")); err != nil {
		t.Fatal(err)
	}
	if got := mailctl("start"); got.code != cli.ExUnavailable || !strings.Contains(got.err, "no such file") {
		t.Errorf("without master: got %+v, want exit status %d", got, cli.ExUnavailable)
	}
	if got := mailctl("start", "now"); got.code != cli.ExUsage {
		t.Errorf("an operand: got %+v, want exit status %d", got, cli.ExUsage)
	}
}
