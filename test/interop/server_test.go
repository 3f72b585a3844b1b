//go:build interop

package interop

import (
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"yubin/test/instance"
	scripted "yubin/test/peer"
)

// serverHost is where servers of other people listen. This system's mail comes
// from 127.0.0.1.
const serverHost = "127.0.7.1"

// A server is a mail server of somebody else.
type server struct {
	dir           string // all that it has written is below it
	network, addr string
}

// host and port are those of a server that listens at one.
func (s *server) host() string { host, _, _ := net.SplitHostPort(s.addr); return host }
func (s *server) port() string { _, port, _ := net.SplitHostPort(s.addr); return port }

// mail are the letters that have arrived.
func (s *server) mail(t *testing.T) map[string]string {
	return instance.ReadMaildir(t, filepath.Join(s.dir, "mail", "dave"))
}

// read is the content of a file that it has written.
func (s *server) read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// serve runs a server of server.sh until the test ends. It listens at addr, and
// finds these files in its directory.
func serve(t *testing.T, name, addr string, files map[string]string) *server {
	t.Helper()
	return serveIn(t, name, serverDir(t, name, nil), addr, files)
}

// serveIn is serve in a directory of serverDir.
func serveIn(t *testing.T, name, dir, addr string, files map[string]string) *server {
	t.Helper()
	putFiles(t, dir, files)
	root := os.Getenv("YUBIN_SERVERS")
	if root == "" {
		t.Fatal("YUBIN_SERVERS is not set; make interop sets it")
	}
	s := &server{dir, "tcp", addr}
	args := []string{name, root, s.dir}
	if name == "dovecot" {
		s.network, s.addr = "unix", filepath.Join(s.dir, "lmtp")
	} else {
		args = append(args, s.host(), s.port())
	}
	out, err := os.Create(filepath.Join(s.dir, "out"))
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
		if conn, err := net.Dial(s.network, s.addr); err == nil {
			conn.Close()
			return s
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended: %v\n%s", name, err, s.read(t, "out"))
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("%s does not listen\n%s", name, s.read(t, "out"))
		}
	}
}

// freePort is an address of serverHost.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", serverHost+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// serverDir makes a server's directory, which other accounts than root enter.
func serverDir(t *testing.T, name string, files map[string]string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "yubin-"+name)
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	putFiles(t, dir, files)
	return dir
}

// putFiles writes files below a directory.
func putFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// certificate makes one for a host, as files of a server, and a file that makes
// it trusted.
func certificate(t *testing.T, host string) (files map[string]string, ca string) {
	t.Helper()
	config, ca := scripted.Certificate(t, host)
	der, err := x509.MarshalPKCS8PrivateKey(config.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return map[string]string{"cert.pem": string(cert), "key.pem": string(key)}, ca
}
