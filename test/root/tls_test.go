//go:build root

package root

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"yubin/test/instance"
)

// The key of a certificate is root's: smtpd, which has an account of its own,
// makes handshakes with it all the same, can open no file that has it, and has
// nothing of it in its memory.
func TestTLSKeyIsRoots(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: instance.Host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(100 * 24 * time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	i := newSystem(t, instance.Options{Stopped: true, Main: []string{"smtpd_tls_security_level = encrypt"}})
	for name, b := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(i.Path("etc", name), pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	i.AppendMain("tls_cert_file = "+i.Path("etc", "cert.pem"), "tls_key_file = "+i.Path("etc", "key.pem"))
	i.Start()

	s := i.Dial()
	defer s.Close()
	s.Want("250-", "EHLO client.test")
	inside := s.StartTLS(&tls.Config{InsecureSkipVerify: true})
	if got := inside.TLS().PeerCertificates[0].Raw; !bytes.Equal(got, cert) {
		t.Error("another certificate was shown")
	}
	inside.Want("250-", "EHLO client.test")
	for name, uid := range map[string]int{"smtpd": 61402, "authd": 0} {
		pids := i.Processes(name)
		if len(pids) == 0 {
			t.Errorf("no %s runs", name)
		}
		for _, pid := range pids {
			checkIDs(t, name, pid, uid)
			if has := inMemory(t, pid, secret); has != (name == "authd") {
				t.Errorf("%s has the key in its memory: %t", name, has)
			}
		}
	}
	// The file's mode is all that keeps the others out.
	list := i.Path("paths")
	if err := os.WriteFile(list, []byte(i.Path("etc", "key.pem")), 0o644); err != nil {
		t.Fatal(err)
	}
	tryAsServices(t, i, list, 1)
}

// inMemory tells whether a process has bytes in its memory, in this order or the
// other one.
func inMemory(t *testing.T, pid int, secret []byte) bool {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	turned := slices.Clone(secret)
	slices.Reverse(turned)
	read := 0
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil || !strings.HasPrefix(mode, "rw") || to-from > 1<<30 {
			continue
		}
		b, err := io.ReadAll(io.NewSectionReader(mem, from, to-from))
		if err != nil && len(b) == 0 {
			continue
		}
		read += len(b)
		if bytes.Contains(b, secret) || bytes.Contains(b, turned) {
			return true
		}
	}
	if read < 1<<20 {
		t.Errorf("only %d octets of process %d were read", read, pid)
	}
	return false
}
