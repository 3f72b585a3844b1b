//go:build interop

package interop

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"yubin/test/instance"
)

// serve runs a mail server of somebody else until the test ends and returns
// its directory, and where it listens.
func serve(t *testing.T, name string) (dir, network, addr string) {
	t.Helper()
	root := os.Getenv("YUBIN_SERVERS")
	if root == "" {
		t.Fatal("YUBIN_SERVERS is not set; make interop sets it")
	}
	dir, err := os.MkdirTemp("", "yubin-"+name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	args := []string{name, root, dir}
	network, addr = "unix", filepath.Join(dir, "lmtp")
	if name != "dovecot" {
		l, err := net.Listen("tcp", "127.0.7.1:0")
		if err != nil {
			t.Fatal(err)
		}
		network, addr = "tcp", l.Addr().String()
		l.Close()
		host, port, _ := net.SplitHostPort(addr)
		args = append(args, host, port)
	}
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("./server.sh", args...)
	c.Stdout, c.Stderr = out, out
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	t.Cleanup(func() {
		c.Process.Signal(syscall.SIGTERM)
		<-ended
		syscall.Kill(-c.Process.Pid, syscall.SIGKILL) // processes that it has left
		out.Close()
	})
	for end := time.Now().Add(instance.Wait); ; time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial(network, addr); err == nil {
			conn.Close()
			return dir, network, addr
		}
		select {
		case err := <-ended:
			ended <- err
			b, _ := os.ReadFile(out.Name())
			t.Fatalf("%s ended: %v\n%s", name, err, b)
		default:
		}
		if time.Now().After(end) {
			b, _ := os.ReadFile(out.Name())
			t.Fatalf("%s does not listen\n%s", name, b)
		}
	}
}

// Letters go into the servers that the world has, whole, over connections that
// carry several; who is not known there comes back.
func TestDeliverInto(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct{ log, refusal string }{
		"exim":    {"TLS connection established to ", "dsn=5.0.0, status=bounced (host "},
		"postfix": {"", "dsn=5.1.1, status=bounced (host "},
		"dovecot": {"", "dsn=5.1.1, status=bounced (host "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, network, addr := serve(t, name)
			main := []string{"smtp_tls_loglevel = 1"}
			if network == "unix" {
				main = append(main, "default_transport = lmtp:unix:"+addr)
			} else {
				host, port, _ := net.SplitHostPort(addr)
				main = append(main, "relayhost = ["+host+"]:"+port)
			}
			i := instance.New(t, instance.Options{Main: main, Master: []string{"lmtp unix - - n - - lmtp"}})
			bodies := map[string]string{
				"eight": "Gr\xc3\xbc\xc3\x9fe\n.\n..\n.dot\n",
				"large": strings.Repeat(strings.Repeat("x", 70)+"\n", 20_000),
			}
			for n := range 40 {
				bodies[fmt.Sprint("small", n)] = fmt.Sprintf("letter %d\n", n)
			}
			for subject, body := range bodies {
				i.Sendmail("Subject: "+subject+"\n\n"+body, "-i", "-f", alice, "dave@far.test")
			}
			i.Sendmail("Subject: lost\n\nx\n", "-f", bob, "nobody@far.test")
			var mail map[string]string
			i.Until("all letters are in the Maildir", func() bool {
				mail = instance.ReadMaildir(t, filepath.Join(dir, "mail", "dave"))
				return len(mail) >= len(bodies)
			})
			for _, m := range mail {
				_, rest, _ := strings.Cut(m, "\nSubject: ")
				subject, _, _ := strings.Cut(rest, "\n")
				_, body, _ := strings.Cut(rest, "\n\n")
				if want, ok := bodies[subject]; !ok || body != want {
					t.Errorf("letter %q has a body of %d octets, want %d", subject, len(body), len(want))
				}
				delete(bodies, subject)
			}
			for subject := range bodies {
				t.Errorf("letter %q did not arrive", subject)
			}
			i.WaitLog("to=<nobody@far.test>", want.refusal)
			i.WaitMail("bob", 1)
			i.Until("the queue is empty", i.Drained)
			for _, text := range []string{want.log, ", conn_use="} {
				if !strings.Contains(i.Log(), text) {
					t.Errorf("the log has no %q", text)
				}
			}
		})
	}
}
