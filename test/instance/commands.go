package instance

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// A Result is how a command ended.
type Result struct {
	Code           int
	Stdout, Stderr string
}

// Run runs a program of bin/ to its end.
func (i *Instance) Run(stdin string, name string, args ...string) Result {
	i.T.Helper()
	return i.RunAs(nil, stdin, name, args...)
}

// RunAs is Run under other ids; nil keeps the present ones.
func (i *Instance) RunAs(cred *syscall.Credential, stdin string, name string, args ...string) Result {
	i.T.Helper()
	c := exec.Command(filepath.Join(i.Bin, name), args...)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	var out, errs bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		i.T.Fatal(err)
	}
	return Result{c.ProcessState.ExitCode(), out.String(), errs.String()}
}

// Sendmail submits a message; it must succeed.
func (i *Instance) Sendmail(message string, args ...string) {
	i.T.Helper()
	r := i.Run(message, "sendmail", append([]string{"-C", i.Etc()}, args...)...)
	if r != (Result{}) {
		i.T.Fatalf("sendmail %q: exit %d, stdout %q, stderr %q; want 0 and silence", args, r.Code, r.Stdout, r.Stderr)
	}
}

// Mailq returns what mailq prints.
func (i *Instance) Mailq() string {
	i.T.Helper()
	r := i.Run("", "mailq", "-c", i.Etc())
	if r.Code != 0 {
		i.T.Fatalf("mailq: exit %d, stderr %q", r.Code, r.Stderr)
	}
	return r.Stdout
}

// Mailctl runs mailctl.
func (i *Instance) Mailctl(args ...string) Result {
	i.T.Helper()
	return i.Run("", "mailctl", append([]string{"-c", i.Etc()}, args...)...)
}
