//go:build interop

package interop

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"yubin/test/instance"
)

// need fails the test when a program is missing.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("%v; make interop installs it", err)
	}
}

// start starts an instance whose only trusted client is 127.0.0.1, so that
// other loopback addresses are strangers.
func start(t *testing.T) *instance.Instance {
	t.Helper()
	return instance.New(t, instance.Options{Main: []string{"mynetworks = 127.0.0.1"}})
}

// An outcome is how a peer's program ended.
type outcome struct {
	code   int
	output string // both standard output and error
}

// peer runs a program of somebody else with a home directory of its own, so
// that no configuration of the user who tests gets in.
func peer(t *testing.T, stdin string, argv ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), instance.Wait) // some would ask the user
	defer cancel()
	c := exec.CommandContext(ctx, argv[0], argv[1:]...)
	home := t.TempDir()
	c.Dir = home
	c.Env = []string{
		"HOME=" + home, "PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TERM=xterm", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@peer.test", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@peer.test",
	}
	var out bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &out, &out
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%q: %v", argv, err)
	}
	return outcome{c.ProcessState.ExitCode(), out.String()}
}

// succeed runs a peer that must exit 0 and returns its output.
func succeed(t *testing.T, stdin string, argv ...string) string {
	t.Helper()
	o := peer(t, stdin, argv...)
	if o.code != 0 {
		t.Fatalf("%q: exit status %d\n%s", argv, o.code, o.output)
	}
	return o.output
}

// port splits the instance's address.
func port(t *testing.T, i *instance.Instance) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(i.Addr)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

// one waits for the only message of a mailbox.
func one(t *testing.T, i *instance.Instance, box string) string {
	t.Helper()
	return instance.One(t, i.WaitMail(box, 1))
}

// wantText fails the test unless a delivered message holds every text.
func wantText(t *testing.T, message string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(message, text) {
			t.Errorf("no %q in the message:\n%s", text, message)
		}
	}
}

// wantBody compares a delivered message's body.
func wantBody(t *testing.T, message, body string) {
	t.Helper()
	if _, got, _ := strings.Cut(message, "\n\n"); got != body {
		t.Errorf("body %q, want %q", got, body)
	}
}

// wantEmpty waits until the queue is empty: a message leaves it just after it
// has arrived.
func wantEmpty(t *testing.T, i *instance.Instance) {
	t.Helper()
	i.Until("the queue is empty", func() bool { return i.Mailq() == "Mail queue is empty\n" })
}

// writeFile writes a file that a peer reads.
func writeFile(t *testing.T, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
