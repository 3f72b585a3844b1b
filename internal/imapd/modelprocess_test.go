package imapd

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// processEnv tells TestModelProcess for which mailbox it serves, and where.
const processEnv = "YUBIN_TEST_MODEL_DIR"

// TestModelProcess is the second process of TestModel, which starts and kills it.
func TestModelProcess(t *testing.T) {
	dir := os.Getenv(processEnv)
	if dir == "" {
		return
	}
	l := listen(t, dir, os.Getenv(processEnv+"_SOCKET"))
	os.Stdout.WriteString("ready\n")
	r := newRigIn(t, dir)
	go func() {
		os.Stdin.Read(make([]byte, 1)) // until the test is gone
		l.Close()
	}()
	r.listen(l)
}

func listen(t testing.TB, dir, name string) net.Listener {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// listen serves whoever connects, until the listener is closed.
func (r *rig) listen(l net.Listener) {
	ctx, cancel := context.WithCancel(context.Background())
	var sessions sync.WaitGroup
	defer sessions.Wait()
	defer cancel()
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		tree, err := r.tree()
		if err != nil {
			r.t.Error(err)
			return
		}
		sessions.Go(func() { r.serve(ctx, c, tree) })
	}
}

// A process is a second one for the mailbox, which can be killed.
type process struct {
	c      *exec.Cmd
	socket string
}

func startProcess(t *testing.T, dir, socket string) *process {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^TestModelProcess$", "-test.timeout=1h")
	c.Env = append(os.Environ(), processEnv+"="+dir, processEnv+"_SOCKET="+socket)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the second process says %q, %v", line, err)
	}
	go out.Close()
	return &process{c, filepath.Join(dir, socket)}
}

func (p *process) kill() {
	p.c.Process.Kill()
	p.c.Wait()
	os.Remove(p.socket)
}
