//go:build root

package root

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"yubin/test/instance"
	"yubin/test/peer"
)

// The password of a relay is for root alone; smtp, which runs as nobody in
// particular, has it from authd, and keeps policies in a directory of its own.
func TestRelayPasswordIsRoots(t *testing.T) {
	const secret = "correct-horse-battery"
	tlsConfig, _ := peer.Certificate(t, "127.0.0.1")
	p := peer.Start(t, peer.Options{Ehlo: []string{"AUTH PLAIN"}, Auth: peer.Password("ann", secret), TLS: tlsConfig})
	i := newSystem(t, instance.Options{})
	host := fmt.Sprintf("127.0.0.1:%d", p.Port())
	if r := i.Run(secret+"\n", "mailctl", "-c", i.Etc(), "relay", "set", "--tls", "encrypt", "--user", "ann", host); r.Code != 0 {
		t.Fatalf("relay set: %+v", r)
	}
	i.Reload()
	if r := i.Mailctl("relay", "test"); r.Code != 0 || !strings.Contains(r.Stdout, "S: 235 ") {
		t.Errorf("relay test: %+v", r)
	}
	i.Sendmail("Subject: x\n\ny\n", "-f", "ben@localhost", "dave@far.test")
	i.WaitLog("to=<dave@far.test>", "status=sent")
	for name, uid := range map[string]int{"authd": 0, "smtp": 61403} {
		for _, pid := range i.Processes(name) {
			checkIDs(t, name, pid, uid)
		}
	}
	for name, want := range map[string]struct {
		uid  uint32
		mode os.FileMode
	}{
		"etc/relay_passwd": {0, 0o600},
		"etc/main.cf":      {0, 0o644},
		"data/mta-sts":     {61403, os.ModeDir | 0o700},
	} {
		info, err := os.Stat(i.Path(name))
		if err != nil {
			t.Error(err)
		} else if st := info.Sys().(*syscall.Stat_t); st.Uid != want.uid || info.Mode() != want.mode {
			t.Errorf("%s: owner %d, mode %v, want %d and %v", name, st.Uid, info.Mode(), want.uid, want.mode)
		}
	}
	if strings.Contains(i.Log(), "MTA-STS policies are kept in memory only") {
		t.Error("smtp cannot use its directory")
	}
	// ann may neither ask authd, nor try the relay with the password.
	if r := as(i, annUID, "", "mailctl", "-c", i.Etc(), "relay", "test"); r.Code == 0 || strings.Contains(r.Stdout, "S: 235 ") {
		t.Errorf("relay test as ann: %+v", r)
	}
	i.WaitLog("authd[", fmt.Sprintf("warning: uid %d (process ", annUID))
}

// The key of the client's certificate is root's as well: smtp signs with it
// through authd.
func TestClientKeyIsRoots(t *testing.T) {
	server, _ := peer.Certificate(t, "127.0.0.1")
	own, cert := peer.Certificate(t, "mx.example.test")
	key := peer.KeyFile(t, own.Certificates[0])
	p := peer.Start(t, peer.Options{TLS: peer.WantCertificate(server, own.Certificates[0])})
	i := newSystem(t, instance.Options{Main: []string{
		fmt.Sprintf("relayhost = [127.0.0.1]:%d", p.Port()), "smtp_tls_security_level = encrypt",
		"smtp_tls_cert_file = " + cert, "smtp_tls_key_file = " + key,
	}})
	i.Sendmail("Subject: x\n\ny\n", "-f", "ben@localhost", "dave@far.test")
	i.WaitLog("to=<dave@far.test>", "status=sent")
	for _, pid := range i.Processes("smtp") {
		checkIDs(t, "smtp", pid, 61403)
	}
}
