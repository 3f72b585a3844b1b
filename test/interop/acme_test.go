//go:build interop

package interop

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yubin/test/dns"
	"yubin/test/instance"
	certs "yubin/test/peer"
)

// pebble runs Let's Encrypt's test authority, which asks for proofs at host and
// port, and returns its directory and its own certificate.
func pebble(t *testing.T, d *dns.Server, port int) (directory, ca string) {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "pebble")
	build := exec.CommandContext(t.Context(), "go", "build", "-modfile=tools/pebble.mod", "-o", program, "github.com/letsencrypt/pebble/v2/cmd/pebble")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build pebble: %v\n%s", err, out)
	}
	host := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(255), 1+rand.IntN(254))
	own, ca := certs.Certificate(t, host)
	key, err := x509.MarshalPKCS8PrivateKey(own.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	keyFile, configFile := filepath.Join(dir, "key.pem"), filepath.Join(dir, "config.json")
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": host + ":14000", "managementListenAddress": host + ":15000", "certificate": ca, "privateKey": keyFile,
		"httpPort": port, "tlsPort": 1, "keyAlgorithm": "ecdsa",
		"profiles": map[string]any{"default": map[string]any{"description": "short", "validityPeriod": 86400}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), configFile: config} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	c := exec.CommandContext(ctx, program, "-config", configFile, "-dnsserver", d.Addr())
	c.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1")
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		c.Wait()
		if t.Failed() {
			t.Logf("pebble:\n%s", out.String())
		}
	})
	return "https://" + host + ":14000/dir", ca
}

// A certificate of an authority is there without anybody doing more than naming
// it, and serves in place of the one that vouches for itself.
func TestPebble(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Stopped: true, Main: []string{"smtpd_tls_security_level = may"}})
	host, _, err := net.SplitHostPort(i.Addr)
	if err != nil {
		t.Fatal(err)
	}
	const port = 5080
	d := dns.Start(t)
	d.Zone("acme.test", "mx A "+host)
	directory, ca := pebble(t, d, port)
	i.AppendMain("tls_acme_domains = mx.acme.test", "tls_acme_directory = "+directory, "tls_acme_contact = postmaster@acme.test",
		"tls_acme_agree_to_terms = yes", "smtp_tls_CAfile = "+ca)
	b, err := os.ReadFile(i.Path("etc", "master.cf"))
	if err != nil {
		t.Fatal(err)
	}
	i.WriteFile("etc/master.cf", []string{string(b), fmt.Sprintf("%s:%d inet n - n - - acmed", host, port)})
	// The authority may take a moment to listen.
	i.Until("pebble listens", func() bool {
		c, err := net.DialTimeout("tcp", strings.TrimSuffix(strings.TrimPrefix(directory, "https://"), "/dir"), time.Second)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	i.Start()
	issuer := ""
	i.Until("the authority's certificate is shown", func() bool {
		if issuer != "" && !strings.Contains(i.Log(), "got a certificate") {
			return false
		}
		s := i.Dial()
		defer s.Close()
		s.Want("250-", "EHLO client.test")
		cert := s.StartTLS(&tls.Config{InsecureSkipVerify: true}).TLS().PeerCertificates[0]
		issuer = cert.Issuer.CommonName
		return cert.VerifyHostname("mx.acme.test") == nil
	})
	if !strings.Contains(issuer, "Pebble") {
		t.Errorf("issuer %q", issuer)
	}
	i.WaitLog("authd[", "got a certificate for [mx.acme.test] from "+directory)
	i.WaitLog("acmed[", "proof for a certificate authority, to 127.0.0.1:")
	for _, name := range []string{"account.key", "yubin.pem"} {
		if info, err := os.Stat(i.Path("etc", "pki", "acme", name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if _, err := os.Stat(i.Path("etc", "pki", "acme", "failures")); err == nil {
		t.Error("a failure is noted")
	}
}
