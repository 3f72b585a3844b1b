package servertls

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/maillog"
	"yubin/internal/sock"
	"yubin/internal/tlskeys"
	"yubin/test/peer"
)

// certificate makes one that vouches for itself, with a key of a kind.
func certificate(t *testing.T, kind, name string) tls.Certificate {
	t.Helper()
	var public, private any
	switch kind {
	case "rsa":
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		public, private = k.Public(), k
	case "ed25519":
		pub, k, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		public, private = pub, k
	default:
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		public, private = k.Public(), k
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
}

// A rig is a Server, its keeper, and its log.
type rig struct {
	t      *testing.T
	s      *Server
	keeper *peer.Keeper
	dir    string
}

func newRig(t *testing.T, certs []tls.Certificate, main ...string) *rig {
	t.Helper()
	r := &rig{t: t, keeper: peer.NewKeeper(t, certs...), dir: t.TempDir()}
	text := strings.ReplaceAll(strings.Join(append(main, "tls_profile ="), "\n")+"\n", "DIR", r.dir)
	if err := os.WriteFile(filepath.Join(r.dir, "main.cf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(r.dir, nil)
	if err == nil {
		err = c.Check(Params("smtpd"))
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(r.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	log, err := maillog.Open(maillog.Options{Tag: "postfix/smtpd", File: f})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	if r.s, err = New(c, Options{Set: "smtpd", Dial: r.keeper.Dial, Log: log}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.s.Close)
	return r
}

// shake makes a handshake; client is the client's side, which is closed at the
// end of the test.
func (r *rig) shake(client *tls.Config) (f *Facts, cs tls.ConnectionState, err error) {
	r.t.Helper()
	ours, theirs := tcpPair(r.t)
	done := make(chan error, 1)
	go func() {
		c, facts, err := r.s.Handshake(r.t.Context(), ours)
		f = facts
		if err == nil {
			_, err = c.Write([]byte("x")) // behind the tickets
		}
		done <- err
		if err != nil {
			ours.Close()
		}
	}()
	client.InsecureSkipVerify = true
	c := tls.Client(theirs, client)
	c.SetDeadline(time.Now().Add(time.Minute))
	_, clientErr := io.ReadFull(c, make([]byte, 1))
	if err := <-done; err != nil {
		return nil, cs, err
	}
	return f, c.ConnectionState(), clientErr
}

func tcpPair(t testing.TB) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if theirs, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if ours, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return sock.Wrap(ours), theirs
}

// Every kind of key signs from afar, in both versions, and the log says how.
func TestHandshake(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind    string
		version uint16
		want    string
	}{
		{"ecdsa", tls.VersionTLS13, "TLSv1.3 with cipher TLS_AES_128_GCM_SHA256 (128/128 bits) key-exchange X25519 server-signature ECDSA (prime256v1) server-digest SHA256"},
		{"rsa", tls.VersionTLS13, "TLSv1.3 with cipher TLS_AES_128_GCM_SHA256 (128/128 bits) key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256"},
		{"ed25519", tls.VersionTLS13, "TLSv1.3 with cipher TLS_AES_128_GCM_SHA256 (128/128 bits) key-exchange X25519 server-signature Ed25519"},
		{"ecdsa", tls.VersionTLS12, "TLSv1.2 with cipher ECDHE-ECDSA-AES128-GCM-SHA256 (128/128 bits)"},
		{"rsa", tls.VersionTLS12, "TLSv1.2 with cipher ECDHE-RSA-AES128-GCM-SHA256 (128/128 bits)"},
		{"ed25519", tls.VersionTLS12, "TLSv1.2 with cipher ECDHE-ECDSA-AES128-GCM-SHA256 (128/128 bits)"},
	} {
		r := newRig(t, []tls.Certificate{certificate(t, c.kind, "mx.test")}, "smtpd_tls_security_level = may")
		f, cs, err := r.shake(&tls.Config{MaxVersion: c.version, ServerName: "mx.test", CurvePreferences: []tls.CurveID{tls.X25519}})
		if err != nil {
			t.Errorf("%s: %v", c.want, err)
			continue
		}
		if strings.ReplaceAll(f.Summary, "AES_256_GCM_SHA384 (256/256", "AES_128_GCM_SHA256 (128/128") != c.want || f.SNI != "mx.test" || f.Trust != "Anonymous" {
			t.Errorf("%s, SNI %q, %s; want %s", f.Summary, f.SNI, f.Trust, c.want)
		}
		if e, err := cs.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32); err != nil || string(e) != string(f.Exporter) {
			t.Errorf("%s: the exporters differ, %v", c.want, err)
		}
	}
}

// A client gets the certificate whose kind of key it knows.
func TestKindOfKey(t *testing.T) {
	t.Parallel()
	r := newRig(t, []tls.Certificate{certificate(t, "ecdsa", "mx.test"), certificate(t, "rsa", "mx.test")}, "smtpd_tls_security_level = may")
	for cipher, want := range map[uint16]string{
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: "*rsa.PublicKey", tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "*ecdsa.PublicKey",
	} {
		_, cs, err := r.shake(&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{cipher}, ServerName: "other.test"})
		if err != nil {
			t.Errorf("%s: %v", want, err)
		} else if got := fmt.Sprintf("%T", cs.PeerCertificates[0].PublicKey); got != want {
			t.Errorf("got a certificate with %s, want %s", got, want)
		}
	}
}

// What is not spoken: old versions, old suites, and what the settings exclude.
func TestRefused(t *testing.T) {
	t.Parallel()
	cert := []tls.Certificate{certificate(t, "rsa", "mx.test")}
	old := &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	cbc := &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}}
	plain := &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}}
	aes128 := &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}}
	for _, c := range []struct {
		name   string
		main   []string
		client *tls.Config
		ok     bool
	}{
		{"TLS 1.1", nil, old, false},
		{"TLS 1.1, asked for", []string{"smtpd_tls_protocols = >=TLSv1"}, old, false},
		{"CBC", nil, cbc, false},
		{"CBC at the grade low", []string{"smtpd_tls_ciphers = low"}, cbc, true},
		{"RSA key exchange", []string{"smtpd_tls_ciphers = low"}, plain, false},
		{"AES128", nil, aes128, true},
		{"AES128, excluded", []string{"smtpd_tls_exclude_ciphers = AES128"}, aes128, false},
		{"AES128, not in the list", []string{"tls_medium_cipherlist = ECDHE-RSA-AES256-GCM-SHA384"}, aes128, false},
		{"AES128, mandatory exclusion at may", []string{"smtpd_tls_mandatory_exclude_ciphers = AES128"}, aes128, true},
		{"AES128, mandatory exclusion", []string{"smtpd_tls_mandatory_exclude_ciphers = AES128", "smtpd_tls_security_level = encrypt"}, aes128, false},
		{"TLS 1.2, only 1.3", []string{"smtpd_tls_protocols = TLSv1.3"}, aes128, false},
	} {
		r := newRig(t, cert, append([]string{"smtpd_tls_security_level = may"}, c.main...)...)
		if _, _, err := r.shake(c.client.Clone()); (err == nil) != c.ok {
			t.Errorf("%s: %v, want success %t", c.name, err, c.ok)
		}
	}
}

func TestLevel(t *testing.T) {
	t.Parallel()
	for main, want := range map[string]Level{
		"": None, "smtpd_tls_security_level = none": None, "smtpd_tls_security_level = may": May, "smtpd_tls_security_level = encrypt": Encrypt,
		"smtpd_use_tls = yes": May, "smtpd_use_tls = yes\nsmtpd_enforce_tls = yes": Encrypt, "smtpd_tls_security_level = may\nsmtpd_enforce_tls = yes": May,
		"smtpd_tls_wrappermode = yes": Encrypt,
	} {
		if got := newRig(t, nil, main).s.Level(); got != want {
			t.Errorf("%q: level %d, want %d", main, got, want)
		}
	}
}

// A session is taken up again without a signature, for its time.
func TestResumption(t *testing.T) {
	t.Parallel()
	for main, want := range map[string]bool{"": true, "smtpd_tls_session_cache_timeout = 0": false} {
		r := newRig(t, []tls.Certificate{certificate(t, "ecdsa", "mx.test")}, "smtpd_tls_security_level = may", main)
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			client := &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(2), ServerName: "mx.test", MaxVersion: version}
			for n := range 2 {
				f, cs, err := r.shake(client)
				if err != nil {
					t.Fatal(err)
				}
				if again := n == 1 && want; cs.DidResume != again || again && strings.Contains(f.Summary, "server-signature") {
					t.Errorf("%q, %x: handshake %d resumed: %t, %s", main, version, n, cs.DidResume, f.Summary)
				}
			}
		}
	}
}

// A handshake costs one request; another certificate is taken up; authd may go
// and come back.
func TestKeeper(t *testing.T) {
	t.Parallel()
	first, second := certificate(t, "ecdsa", "first.test"), certificate(t, "rsa", "second.test")
	r := newRig(t, []tls.Certificate{first}, "smtpd_tls_security_level = may")
	name := func() string {
		_, cs, err := r.shake(&tls.Config{})
		if err != nil {
			return err.Error()
		}
		return cs.PeerCertificates[0].Subject.CommonName
	}
	for range 5 {
		if got := name(); got != "first.test" {
			t.Fatal(got)
		}
	}
	if chains, signs := r.keeper.Asked("chains"), r.keeper.Asked("sign"); signs != 5 || chains > 2 {
		t.Errorf("5 handshakes: %d times chains, %d signatures", chains, signs)
	}
	r.keeper.Drop()
	if got := name(); got != "first.test" {
		t.Errorf("after authd has gone: %s", got)
	}
	r.keeper.Set(first, second) // the old key signs once more, and the reply tells
	name()
	r.keeper.Set(second)
	deadline := time.Now().Add(time.Minute)
	for name() != "second.test" {
		if time.Now().After(deadline) {
			t.Fatal("the new certificate is not used")
		}
	}
	r.keeper.Fail("no certificate is configured")
	if got := name(); !strings.Contains(got, "no certificate is configured") {
		t.Errorf("authd has none: %s", got)
	}
}

func TestNoCertificate(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, "smtpd_tls_security_level = may")
	if _, _, err := r.shake(&tls.Config{}); !errors.Is(err, ErrNoCertificate) {
		t.Errorf("no certificate: %v", err)
	}
	if err := r.s.Available(t.Context()); !errors.Is(err, ErrNoCertificate) {
		t.Errorf("available: %v", err)
	}
	r = newRig(t, nil, "smtpd_tls_security_level = may")
	r.keeper.Fail("broken")
	if err := r.s.Available(t.Context()); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("available: %v", err)
	}
}

// What authd has said of its certificates is known without a question; while it
// had none it is asked now and then, not for each client.
func TestLacking(t *testing.T) {
	t.Parallel()
	r := newRig(t, []tls.Certificate{certificate(t, "ecdsa", "mx.test")}, "smtpd_tls_security_level = may")
	if r.s.Lacking() {
		t.Error("nobody has been asked, and there is no certificate")
	}
	r.keeper.Fail("no certificate is configured")
	if err := r.s.Available(t.Context()); err == nil || !r.s.Lacking() {
		t.Errorf("authd has none: %v, and that is not known", err)
	}
	asked := r.keeper.Asked("chains")
	for range 100 {
		r.s.Lacking()
	}
	if n := r.keeper.Asked("chains") - asked; n > 1 {
		t.Errorf("authd was asked %d times for 100 clients", n)
	}
	r.keeper.Fail("")
	r.s.lackSince.Store(1)
	for deadline := time.Now().Add(time.Minute); r.s.Lacking(); {
		if time.Now().After(deadline) {
			t.Fatal("that there is a certificate now is not found out")
		}
	}
	if _, _, err := r.shake(&tls.Config{InsecureSkipVerify: true}); err != nil {
		t.Error(err)
	}
}

// That authd is not there says nothing of its certificates.
func TestLackingUnknown(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, "smtpd_tls_security_level = may")
	r.s.keys = tlskeys.New(tlskeys.Options{Set: "smtpd", Dial: func() (*fdpass.Conn, error) { return nil, errors.New("not there") }})
	if err := r.s.Available(t.Context()); err == nil || r.s.Lacking() {
		t.Errorf("authd is away: %v", err)
	}
}

// Certificates that authd has lost are of no use, though they are remembered.
func TestLost(t *testing.T) {
	t.Parallel()
	r := newRig(t, []tls.Certificate{certificate(t, "ecdsa", "mx.test")}, "smtpd_tls_security_level = may")
	if _, _, err := r.shake(&tls.Config{InsecureSkipVerify: true}); err != nil {
		t.Fatal(err)
	}
	r.keeper.Fail("no certificate is configured")
	if _, _, err := r.shake(&tls.Config{InsecureSkipVerify: true}); err == nil {
		t.Error("a handshake without a key")
	}
	if err := r.s.Available(t.Context()); err == nil {
		t.Error("a handshake is said to be possible")
	}
}

// A client that stalls is let go.
func TestStalled(t *testing.T) {
	t.Parallel()
	r := newRig(t, []tls.Certificate{certificate(t, "ecdsa", "mx.test")}, "smtpd_tls_security_level = may", "smtpd_starttls_timeout = 1s")
	ours, theirs := tcpPair(t)
	theirs.Write([]byte{22, 3, 1})
	if _, _, err := r.s.Handshake(t.Context(), ours); err == nil {
		t.Error("a handshake without a client")
	}
	ours, theirs = tcpPair(t)
	theirs.Write([]byte("EHLO in the clear\r\n"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, _, err := r.s.Handshake(ctx, ours); err == nil {
		t.Error("plain text was taken for TLS")
	}
}

// Client certificates are asked for, judged and named.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	server := []tls.Certificate{certificate(t, "ecdsa", "mx.test")}
	good, stranger := certificate(t, "rsa", "ann"), certificate(t, "ecdsa", "eve\n")
	for _, c := range []struct {
		main    string
		client  []tls.Certificate
		want    string
		refusal string
	}{
		{"", []tls.Certificate{good}, "Anonymous asked=false verified=false cert=", ""},
		{"smtpd_tls_ask_ccert = yes", nil, "Anonymous asked=true verified=false cert=", ""},
		{"smtpd_tls_ask_ccert = yes", []tls.Certificate{good}, "Trusted asked=true verified=true cert=ann", ""},
		{"smtpd_tls_ask_ccert = yes", []tls.Certificate{stranger}, "Untrusted asked=true verified=false cert=", ""},
		{"smtpd_tls_req_ccert = yes", nil, "Anonymous asked=false verified=false cert=", ""},
		{"smtpd_tls_req_ccert = yes\nsmtpd_tls_security_level = encrypt", nil, "Anonymous asked=true verified=false cert=", "No client certificate presented"},
		{"smtpd_tls_req_ccert = yes\nsmtpd_tls_security_level = encrypt", []tls.Certificate{stranger}, "Untrusted asked=true verified=false cert=", "Client certificate not trusted"},
		{"smtpd_tls_req_ccert = yes\nsmtpd_tls_security_level = encrypt", []tls.Certificate{good}, "Trusted asked=true verified=true cert=ann", ""},
	} {
		r := newRig(t, server, "smtpd_tls_CAfile = DIR/ca.pem\nsmtpd_tls_security_level = may\n"+c.main)
		ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: good.Certificate[0]})
		if err := os.WriteFile(filepath.Join(r.dir, "ca.pem"), ca, 0o600); err != nil {
			t.Fatal(err)
		}
		client := &tls.Config{GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if len(c.client) == 0 {
				return new(tls.Certificate), nil
			}
			return &c.client[0], nil
		}}
		f, _, err := r.shake(client)
		if err != nil {
			t.Errorf("%q: %v", c.main, err)
			continue
		}
		if got := fmt.Sprintf("%s asked=%t verified=%t cert=%s", f.Trust, f.Asked, f.Verified, f.CertName); got != c.want || r.s.Refusal(f) != c.refusal {
			t.Errorf("%q: %s, refused %q; want %s, %q", c.main, got, r.s.Refusal(f), c.want, c.refusal)
		}
		if strings.Contains(f.Subject, "\n") || (f.CertFingerprint == "") != (f.Trust == "Anonymous") {
			t.Errorf("%q: subject %q, fingerprint %q", c.main, f.Subject, f.CertFingerprint)
		}
	}
}

// What an idle connection holds is bounded (docs/benchmarks.md).
func TestMemory(t *testing.T) {
	r := newRig(t, []tls.Certificate{certificate(t, "ecdsa", "mx.test")}, "smtpd_tls_security_level = may")
	const n, most = 200, 64 << 10
	var conns []*tls.Conn
	measure := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	client := &tls.Config{InsecureSkipVerify: true}
	before := measure()
	for range n {
		ours, theirs := tcpPair(t)
		done := make(chan *tls.Conn, 1)
		go func() {
			c, _, err := r.s.Handshake(t.Context(), ours)
			if err == nil {
				c.Write([]byte("x"))
			}
			done <- c
		}()
		c := tls.Client(theirs, client)
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c, <-done)
	}
	// Both ends are here.
	if each := (measure() - before) / n; each > 2*most {
		t.Errorf("%d octets a connection with both ends, want %d at most", each, 2*most)
	} else {
		t.Logf("%d octets a connection with both ends", each)
	}
	runtime.KeepAlive(conns)
}
