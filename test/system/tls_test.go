package system

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yubin/test/instance"
	"yubin/test/peer"
)

// A pair is a certificate that vouches for itself, and its key, in PEM form.
type pair struct{ cert, key string }

func newPair(t *testing.T, name string) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(100 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pair{
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})),
	}
}

// write puts a pair into the instance's etc/, as certbot does: a link to a file
// that is never written again.
func (p pair) write(t *testing.T, i *instance.Instance, name string) {
	t.Helper()
	for suffix, text := range map[string]string{".pem": p.cert, ".key": p.key} {
		f, err := os.CreateTemp(i.Etc(), name+"-*"+suffix)
		if err == nil {
			_, err = f.WriteString(text)
			f.Close()
		}
		link := i.Path("etc", name+suffix)
		if err == nil {
			err = os.Symlink(filepath.Base(f.Name()), link+".new")
		}
		if err == nil {
			err = os.Rename(link+".new", link)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func anyCert(name string) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, ServerName: name}
}

// shown is the name in the certificate that smtpd shows.
func shown(i *instance.Instance, sni string) string {
	s := i.Dial()
	defer s.Close()
	s.Want("250-", "EHLO client.test")
	inside := s.StartTLS(anyCert(sni))
	return inside.TLS().PeerCertificates[0].Subject.CommonName
}

// STARTTLS works before anybody has thought of a certificate, and a letter comes
// in by it.
func TestStartTLSOutOfTheBox(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Main: []string{
		"smtpd_tls_security_level = may", "smtpd_tls_loglevel = 1", "smtpd_tls_received_header = yes",
	}})
	s := i.Dial()
	defer s.Close()
	if ehlo := s.Want("250-", "EHLO client.test"); !strings.Contains(ehlo, "\n250-STARTTLS\n") {
		t.Errorf("EHLO: %s", ehlo)
	}
	inside := s.StartTLS(anyCert(instance.Host))
	if ehlo := inside.Want("250-", "EHLO client.test"); strings.Contains(ehlo, "STARTTLS") {
		t.Errorf("EHLO within TLS: %s", ehlo)
	}
	id, err := inside.Deliver("carol@client.test", []string{"alice@example.test"}, "Subject: x\n\ny\n")
	if err != nil {
		t.Fatal(err)
	}
	inside.Want("221", "QUIT")
	got := instance.One(t, i.WaitMail("alice", 1))
	if !strings.Contains(got, "with ESMTPS id "+id) || !strings.Contains(got, "(using TLSv1.3 with cipher TLS_") {
		t.Errorf("delivered message:\n%s", got)
	}
	i.WaitLog("smtpd[", "Anonymous TLS connection established from localhost[127.0.0.1] to mx.example.test: TLSv1.3 with cipher ")
	i.WaitLog("disconnect from", "ehlo=2 starttls=1 mail=1 rcpt=1 data=1 quit=1 commands=7")
	i.WaitLog("authd[", "made a certificate for mx.example.test that vouches for itself")
	if info, err := os.Stat(i.Path("etc", "pki", "private", "yubin.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info, err)
	}
}

// The port with TLS from the start, as people's master.cf has it.
func TestTLSWrapper(t *testing.T) {
	t.Parallel()
	// An address of its own, as the instance has.
	addr := fmt.Sprintf("127.%d.%d.%d:4650", 1+mathrand.IntN(254), mathrand.IntN(255), 1+mathrand.IntN(254))
	i := instance.New(t, instance.Options{Master: []string{
		addr + " inet n - n - - smtpd", "  -o syslog_name=postfix/smtps -o smtpd_tls_wrappermode=yes",
	}})
	c, err := tls.Dial("tcp", addr, anyCert(instance.Host))
	if err != nil {
		t.Fatal(err)
	}
	s, err := instance.Greeted(t, c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Want("250-", "EHLO client.test")
	s.Want("554 5.5.1", "STARTTLS")
	if _, err := s.Deliver("carol@client.test", []string{"alice@example.test"}, "Subject: x\n\ny\n"); err != nil {
		t.Fatal(err)
	}
	s.Want("221", "QUIT")
	i.WaitMail("alice", 1)
	// The other service is as it was.
	if _, err := i.Dial().Cmd("EHLO client.test"); err != nil {
		t.Error(err)
	}
}

// Certificates by server name; a renewed one is used without a reload, a bad
// pair is said and the old one kept, while sessions go on.
func TestCertificates(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Stopped: true, Main: []string{"smtpd_tls_security_level = may"}})
	main := []string{"tls_cert_file = " + i.Path("etc", "first.pem"), "tls_key_file = " + i.Path("etc", "first.key")}
	newPair(t, "first.test").write(t, i, "first")
	other := newPair(t, "other.test")
	i.WriteFile("etc/other.chain", []string{other.key + other.cert})
	i.AppendMain(append(main, "tls_server_sni_maps = inline:{ other.test="+i.Path("etc", "other.chain")+" }")...)
	i.Start()
	for sni, want := range map[string]string{"": "first.test", "first.test": "first.test", "other.test": "other.test", "nobody.test": "first.test"} {
		if got := shown(i, sni); got != want {
			t.Errorf("%q: the certificate of %s, want %s", sni, got, want)
		}
	}

	old := i.Dial()
	defer old.Close()
	old.Want("250-", "EHLO client.test")
	inside := old.StartTLS(anyCert(""))
	newPair(t, "second.test").write(t, i, "first")
	i.Until("the renewed certificate is shown", func() bool { return shown(i, "") == "second.test" })
	inside.Want("250-", "EHLO client.test")
	i.WaitLog("authd[", "was renewed, good until")

	bad := newPair(t, "third.test")
	bad.key = other.key
	bad.write(t, i, "first")
	i.Until("the bad pair is said", func() bool {
		if got := shown(i, ""); got != "second.test" {
			t.Fatalf("with a bad pair: the certificate of %s", got)
		}
		return strings.Contains(i.Log(), "the key is not that of the certificate; the one from before is used on")
	})
	inside.Want("221", "QUIT")
}

// What somebody in between puts behind STARTTLS is not obeyed, and what she
// takes away is missed where TLS is insisted on.
func TestStartTLSInjection(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Main: []string{"smtpd_tls_security_level = encrypt", "smtpd_forbid_unauth_pipelining = no"}})
	s := i.Dial()
	defer s.Close()
	s.Want("250-", "EHLO client.test")
	s.Want("530 5.7.0 Must issue a STARTTLS command first", "MAIL FROM:<eve@client.test>")
	if err := s.Send("STARTTLS\r\nEHLO injected.test\r\nMAIL FROM:<eve@client.test>\r\nRCPT TO:<bob@example.test>\r\n"); err != nil {
		t.Fatal(err)
	}
	if reply, err := s.Reply(); err != nil || !strings.HasPrefix(reply, "220 ") {
		t.Fatalf("STARTTLS: %q, %v", reply, err)
	}
	inside := s.Inside(anyCert(""))
	inside.Want("503", "RCPT TO:<alice@example.test>")
	inside.Want("250-", "EHLO client.test")
	if _, err := inside.Deliver("carol@client.test", []string{"alice@example.test"}, "Subject: x\n\ny\n"); err != nil {
		t.Fatal(err)
	}
	got := instance.One(t, i.WaitMail("alice", 1))
	if strings.Contains(got, "injected") {
		t.Errorf("what was injected counts:\n%s", got)
	}
	if n := len(i.Mail("bob")); n != 0 {
		t.Errorf("bob has %d messages", n)
	}
}

// Sessions within TLS go on while the programs are replaced, and authd may be
// killed at any time.
func TestTLSGoesOn(t *testing.T) {
	t.Parallel()
	i := instance.New(t, instance.Options{Main: []string{"smtpd_tls_security_level = may"}})
	begin := func() *instance.Session {
		s := i.Dial()
		s.Want("250-", "EHLO client.test")
		inside := s.StartTLS(anyCert(""))
		inside.Want("250-", "EHLO client.test")
		return inside
	}
	s := begin()
	defer s.Close()
	for n := range 3 {
		for _, pid := range i.Processes("authd") {
			if p, err := os.FindProcess(pid); err == nil {
				p.Kill()
			}
		}
		other := begin()
		if _, err := other.Deliver("carol@client.test", []string{"bob@example.test"}, fmt.Sprintf("Subject: %d\n\ny\n", n)); err != nil {
			t.Fatal(err)
		}
		other.Want("221", "QUIT")
		other.Close()
		i.Reload()
	}
	if _, err := s.Deliver("carol@client.test", []string{"alice@example.test"}, "Subject: x\n\ny\n"); err != nil {
		t.Fatal(err)
	}
	s.Want("221", "QUIT")
	i.WaitMail("alice", 1)
	i.WaitMail("bob", 3)
}

// A letter whose sender has asked for REQUIRETLS goes back rather than on, since
// nobody vouches for its way (RFC 8689); the notice has no more than its header.
func TestRequireTLSBack(t *testing.T) {
	t.Parallel()
	cert, ca := peer.Certificate(t, "mx.far.test")
	i, p := outbound(t, peer.Options{Name: "mx.far.test", TLS: cert}, "smtpd_tls_security_level = may", "smtp_tls_CAfile = "+ca)
	s := i.Dial()
	defer s.Close()
	s.Want("250-", "EHLO client.test")
	inside := s.StartTLS(anyCert(""))
	if ehlo := inside.Want("250-", "EHLO client.test"); !strings.Contains(ehlo, "REQUIRETLS") {
		t.Errorf("EHLO within TLS: %s", ehlo)
	}
	inside.Want("250", "MAIL FROM:<alice@example.test> REQUIRETLS")
	inside.Want("250", "RCPT TO:<dave@far.test>")
	inside.Want("354", "DATA")
	inside.Want("250", "Subject: secret\r\n\r\nvery\r\n.")
	i.WaitLog("to=<dave@far.test>", "dsn=5.7.30, status=bounced (REQUIRETLS is wanted, but nobody vouches for the mail exchangers of far.test")
	notice := instance.One(t, i.WaitMail("alice", 1))
	if !strings.Contains(notice, "Subject: secret") || strings.Contains(notice, "\nvery") {
		t.Errorf("the notice:\n%s", notice)
	}
	// What the sender of another letter has not asked for, he does not get.
	i.Sendmail("Subject: x\nTLS-Required: No\n\ny\n", "-f", "alice@example.test", "dave@far.test")
	i.WaitLog("to=<dave@far.test>", "status=sent")
	i.Sendmail("Subject: y\n\ny\n", "-O", "requiretls=yes", "-f", "alice@example.test", "dave@far.test")
	i.WaitMail("alice", 2)
	if n := len(p.Messages()); n != 1 {
		t.Errorf("the peer has %d messages, want 1", n)
	}
}
