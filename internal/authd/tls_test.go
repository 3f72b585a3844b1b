package authd

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"yubin/internal/fdpass"
	"yubin/internal/ipc"
	"yubin/internal/servertls"
)

// newKey makes a key of a kind.
func newKey(t *testing.T, kind string) crypto.Signer {
	t.Helper()
	var k crypto.Signer
	var err error
	switch kind {
	case "rsa":
		k, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ed25519":
		_, k, err = ed25519.GenerateKey(rand.Reader)
	default:
		k, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// certPEM is a certificate for a name, good for a time.
func certPEM(t *testing.T, key crypto.Signer, name string, life time.Duration) string {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-60 * 24 * time.Hour), NotAfter: time.Now().Add(life),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func keyPEM(t *testing.T, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

const year = 365 * 24 * time.Hour

// both is a key with its certificate.
func both(t *testing.T, kind, name string) string {
	k := newKey(t, kind)
	return keyPEM(t, k) + certPEM(t, k, name, year)
}

// keys returns the keyring of a rig, with a clock that the test moves.
func (r *rig) keys() (*keyring, *time.Time) {
	now := time.Now()
	k := r.keyring
	k.now = func() time.Time { return now }
	return k, &now
}

// names are the subjects of the chains that a set has.
func names(k *keyring, set, sni string) string {
	chains, _, err := k.get(set, sni)
	if err != nil {
		return "error: " + err.Error()
	}
	var list []string
	for _, c := range chains {
		list = append(list, fmt.Sprintf("%s+%d", c.leaf.Subject.CommonName, len(c.der)-1))
	}
	return strings.Join(list, " ")
}

// Where the certificate of each set comes from.
func TestSets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                string
		main                []string
		smtpd, pop3d, imapd string
	}{
		{"none", []string{"myhostname = self.test"}, "self.test+0", "self.test+0", "self.test+0"},
		{"shared", []string{"tls_cert_file = DIR/a.pem"}, "a.test+1", "a.test+1", "a.test+1"},
		{"cert and key apart", []string{"tls_cert_file = DIR/cert.pem", "tls_key_file = DIR/key.pem"}, "apart.test+0", "apart.test+0", "apart.test+0"},
		{"Postfix's names", []string{"smtpd_tls_cert_file = DIR/cert.pem", "smtpd_tls_key_file = DIR/key.pem", "tls_chain_files = DIR/a.pem"}, "apart.test+0", "a.test+1", "a.test+1"},
		{"own one", []string{"tls_cert_file = DIR/a.pem", "imapd_tls_cert_file = DIR/b.pem"}, "a.test+1", "a.test+1", "b.test+0"},
		{"two kinds", []string{"smtpd_tls_cert_file = DIR/a.pem", "smtpd_tls_eccert_file = DIR/b.pem"}, "b.test+0 a.test+1", "self.test+0", "self.test+0"},
		{"chain files", []string{"tls_chain_files = DIR/a.pem, DIR/b.pem", "tls_cert_file = DIR/missing"}, "b.test+0 a.test+1", "b.test+0 a.test+1", "b.test+0 a.test+1"},
		{"missing", []string{"smtpd_tls_cert_file = DIR/missing", "smtpd_tls_key_file = DIR/gone"}, "self.test+0", "self.test+0", "self.test+0"},
		{"one kind is missing", []string{"tls_cert_file = DIR/a.pem", "smtpd_tls_eccert_file = DIR/missing"}, "a.test+1", "a.test+1", "a.test+1"},
		{"the key is missing", []string{"tls_cert_file = DIR/cert.pem", "tls_key_file = DIR/missing"}, "self.test+0", "self.test+0", "self.test+0"},
		{"missing, none made", []string{"tls_cert_file = DIR/missing", "tls_self_signed_directory ="}, "error: open DIR/missing: no such file or directory", "error: open DIR/missing: no such file or directory", "error: open DIR/missing: no such file or directory"},
		{"wrong key", []string{"tls_cert_file = DIR/cert.pem", "tls_key_file = DIR/other.pem"}, "error: DIR/cert.pem, DIR/other.pem: the key is not that of the certificate", "", ""},
		{"passphrase", []string{"tls_cert_file = DIR/cert.pem", "tls_key_file = DIR/locked.pem"}, "error: DIR/locked.pem: the key has a passphrase, and nobody is here to type it: openssl pkey -in FILE -out FILE writes it without", "", ""},
		{"no key", []string{"tls_cert_file = DIR/cert.pem"}, "error: DIR/cert.pem: no private key; want PEM, -----BEGIN PRIVATE KEY-----", "", ""},
		{"none made", []string{"tls_self_signed_directory ="}, "error: no certificate is configured: set tls_cert_file", "", ""},
	} {
		r := newRig(t, append(c.main, "myhostname = self.test")...)
		issuer := certPEM(t, newKey(t, "ecdsa"), "issuer.test", year)
		a, apart := newKey(t, "rsa"), newKey(t, "ecdsa")
		r.file("a.pem", certPEM(t, a, "a.test", year)+issuer+keyPEM(t, a))
		r.file("b.pem", both(t, "ecdsa", "b.test"))
		r.file("cert.pem", certPEM(t, apart, "apart.test", year))
		r.file("key.pem", keyPEM(t, apart))
		r.file("other.pem", keyPEM(t, a))
		r.file("locked.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
		k, _ := r.keys()
		for set, want := range map[string]string{"smtpd": c.smtpd, "pop3d": c.pop3d, "imapd": c.imapd} {
			if got := names(k, set, ""); want != "" && got != strings.ReplaceAll(want, "DIR", r.dir) {
				t.Errorf("%s, %s: %s, want %s", c.name, set, got, want)
			}
		}
	}
}

// Names in tls_server_sni_maps have certificates of their own.
func TestServerNames(t *testing.T) {
	t.Parallel()
	r := newRig(t, "tls_cert_file = DIR/a.pem", "tls_server_sni_maps = inline:{ { one.test = DIR/one.pem } { .far.test = DIR/far.pem, DIR/one.pem } { bad.test = DIR/none } }")
	r.file("a.pem", both(t, "ecdsa", "a.test"))
	r.file("one.pem", both(t, "ecdsa", "one.test"))
	r.file("far.pem", both(t, "rsa", "far.test"))
	k, _ := r.keys()
	for name, want := range map[string]string{
		"": "a.test+0", "one.test": "one.test+0", "ONE.test": "one.test+0", "x.one.test": "a.test+0", "far.test": "a.test+0",
		"x.far.test": "one.test+0 far.test+0", "y.x.far.test": "one.test+0 far.test+0", "else.test": "a.test+0", "..": "a.test+0",
		"bad.test": "error: open " + filepath.Join(r.dir, "none") + ": no such file or directory",
	} {
		if got := names(k, "smtpd", name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

// What strangers ask for names no file that is not a server's, and is not
// remembered without end.
func TestServerNamesPattern(t *testing.T) {
	t.Parallel()
	r := newRig(t, "tls_cert_file = DIR/a.pem", "tls_server_sni_maps = pcre:DIR/names")
	r.file("a.pem", both(t, "ecdsa", "a.test"))
	r.file("secret.pem", both(t, "ecdsa", "secret.test"))
	r.file("names", "/^(.*)$/ "+filepath.Join(r.dir, "sites")+"/$1.pem\n")
	if err := os.Mkdir(filepath.Join(r.dir, "sites"), 0o700); err != nil {
		t.Fatal(err)
	}
	r.file("sites/one.test.pem", both(t, "ecdsa", "one.test"))
	k, _ := r.keys()
	for name, want := range map[string]string{"one.test": "one.test+0", "../secret": "a.test+0", "x\x00": "a.test+0"} {
		if got := names(k, "smtpd", name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
	for i := range mostPairs + 100 {
		names(k, "smtpd", fmt.Sprintf("x%d.test", i))
	}
	if n := len(k.pairs); n > mostPairs {
		t.Errorf("%d names of strangers are remembered", n)
	}
	if got := names(k, "smtpd", "one.test"); got != "one.test+0" {
		t.Errorf("one.test: %s", got)
	}
}

// A table that does not answer holds up those alone who ask for a name.
func TestServerNamesSlow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := newRig(t, "tls_cert_file = DIR/a.pem", "tls_server_sni_maps = socketmap:unix:"+filepath.Join(dir, "s")+":names")
	r.file("a.pem", both(t, "ecdsa", "a.test"))
	k, _ := r.keys()
	slow := make(chan string)
	go func() { slow <- names(k, "smtpd", "slow.test") }()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err != nil { // it has been asked
		t.Fatal(err)
	}
	done := make(chan string, 1)
	go func() { done <- names(k, "smtpd", "") }()
	select {
	case got := <-done:
		if got != "a.test+0" {
			t.Error(got)
		}
	case got := <-slow:
		t.Errorf("the table was not asked: %s", got)
	case <-time.After(time.Minute):
		t.Error("a client without a name waits")
	}
	l.Close()
	c.Close()
	<-slow
}

// A renewed certificate is taken into use; a bad one is said once and changes
// nothing; what is half done is not worth a word.
func TestRenewal(t *testing.T) {
	t.Parallel()
	r := newRig(t, "tls_cert_file = DIR/live/cert.pem", "tls_key_file = DIR/live/key.pem")
	for _, d := range []string{"live", "archive"} {
		if err := os.Mkdir(filepath.Join(r.dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	// certbot's way: links that are replaced one after the other.
	link := func(name, version string) {
		t.Helper()
		tmp := filepath.Join(r.dir, "live", "tmp")
		if err := os.Symlink("../archive/"+name+version, tmp); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(tmp, filepath.Join(r.dir, "live", name+".pem")); err != nil {
			t.Fatal(err)
		}
	}
	first, second := newKey(t, "ecdsa"), newKey(t, "ecdsa")
	r.file("archive/cert1", certPEM(t, first, "first.test", year))
	r.file("archive/key1", keyPEM(t, first))
	r.file("archive/cert2", certPEM(t, second, "second.test", year))
	r.file("archive/key2", keyPEM(t, second))
	link("cert", "1")
	link("key", "1")
	k, now := r.keys()
	look := func(want string) uint64 {
		t.Helper()
		*now = now.Add(2 * time.Second)
		if got := names(k, "smtpd", ""); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
		return k.current()
	}
	revision := look("first.test+0")
	oldKey, err := k.find("smtpd", "", keyID(t, first))
	if err != nil || oldKey == nil {
		t.Fatal(err)
	}
	link("cert", "2")
	if got := look("first.test+0"); got != revision {
		t.Error("the revision changed with half a renewal")
	}
	if strings.Contains(r.log(), "not usable") {
		t.Errorf("half a renewal was worth a word:\n%s", r.log())
	}
	look("first.test+0")
	look("first.test+0")
	look("first.test+0")
	if n := strings.Count(r.log(), "certificate not usable"); n != 1 || !strings.Contains(r.log(), "the one from before is used on") {
		t.Errorf("a pair that stays bad was said %d times, want once:\n%s", n, r.log())
	}
	link("key", "2")
	if got := look("second.test+0"); got == revision {
		t.Error("the revision is the old one")
	}
	// Handshakes under way still sign with the old key, for a while.
	if _, err := k.find("smtpd", "", keyID(t, first)); err != nil {
		t.Errorf("the old key: %v", err)
	}
	*now = now.Add(retire)
	look("second.test+0")
	if _, err := k.find("smtpd", "", keyID(t, first)); err == nil {
		t.Error("the old key signs still")
	}
	if !strings.Contains(r.log(), "was renewed, good until") {
		t.Errorf("no word of the renewal:\n%s", r.log())
	}
}

func keyID(t *testing.T, k crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	return sum[:]
}

// The end of a certificate is announced, once a day.
func TestExpiry(t *testing.T) {
	t.Parallel()
	for life, want := range map[time.Duration]string{
		year: "", 10*24*time.Hour + time.Hour: "(x.test) expires in 10 days: renew it", -25 * time.Hour: "(x.test) has expired 1 days ago: renew it",
	} {
		r := newRig(t, "tls_cert_file = DIR/x.pem")
		key := newKey(t, "ecdsa")
		r.file("x.pem", keyPEM(t, key)+certPEM(t, key, "x.test", life))
		k, now := r.keys()
		for range 3 {
			*now = now.Add(time.Minute)
			names(k, "smtpd", "")
		}
		if n := strings.Count(r.log(), "certificate of"); want == "" && n != 0 || want != "" && (n != 1 || !strings.Contains(r.log(), want)) {
			t.Errorf("%v: want %q once:\n%s", life, want, r.log())
		}
		*now = now.Add(24 * time.Hour)
		names(k, "smtpd", "")
		if n := strings.Count(r.log(), "certificate of"); want != "" && n != 2 {
			t.Errorf("%v: a day later it was said %d times, want 2", life, n)
		}
	}
}

// The certificate of our own making: readable by all, its key by root alone;
// made anew with the same key when it ends, and never over somebody's files.
func TestSelfSigned(t *testing.T) {
	t.Parallel()
	r := newRig(t, "myhostname = mx.self.test", "tls_self_signed_directory = DIR/pki")
	k, now := r.keys()
	if got := names(k, "imapd", ""); got != "mx.self.test+0" {
		t.Fatal(got)
	}
	for path, want := range map[string]os.FileMode{
		"pki": 0o755, "pki/certs": 0o755, "pki/private": 0o700, "pki/certs/yubin.pem": 0o644, "pki/private/yubin.key": 0o600,
	} {
		info, err := os.Stat(filepath.Join(r.dir, path))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want mode %v", path, info.Mode().Perm(), err, want)
		}
	}
	chains, _, _ := k.get("smtpd", "")
	old := chains[0]
	if err := old.leaf.VerifyHostname("mx.self.test"); err != nil {
		t.Error(err)
	}
	*now = old.leaf.NotAfter.Add(-time.Hour)
	chains, _, err := k.get("smtpd", "")
	if err != nil || !chains[0].leaf.NotAfter.After(old.leaf.NotAfter) || chains[0].id != old.id {
		t.Errorf("an hour before its end: %v, until %v with the same key %t", err, chains[0].leaf.NotAfter, chains[0].id == old.id)
	}
	mine := r.file("pki/certs/yubin.pem", "not a certificate\n")
	*now = now.Add(2 * time.Hour)
	if got := names(k, "smtpd", ""); got != "mx.self.test+0" {
		t.Error(got)
	}
	if b, _ := os.ReadFile(mine); string(b) != "not a certificate\n" {
		t.Error("somebody's file was replaced")
	}
}

// Whoever has locked what everybody can read keeps nobody from a certificate.
func TestSelfSignedLocked(t *testing.T) {
	t.Parallel()
	r := newRig(t, "myhostname = mx.self.test", "tls_self_signed_directory = DIR/pki")
	if err := os.MkdirAll(filepath.Join(r.dir, "pki", "certs"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pki", "pki/certs"} {
		f, err := os.Open(filepath.Join(r.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			t.Fatal(err)
		}
	}
	k, _ := r.keys()
	if got := names(k, "imapd", ""); got != "mx.self.test+0" {
		t.Error(got)
	}
}

// Only what handshakes sign is signed, with the keys of one's own set.
func TestSign(t *testing.T) {
	t.Parallel()
	r := newRig(t, "smtpd_tls_cert_file = DIR/rsa.pem", "pop3d_tls_cert_file = DIR/ec.pem", "imapd_tls_cert_file = DIR/ed.pem")
	keys := map[string]crypto.Signer{"smtpd": newKey(t, "rsa"), "pop3d": newKey(t, "ecdsa"), "imapd": newKey(t, "ed25519")}
	for set, file := range map[string]string{"smtpd": "rsa.pem", "pop3d": "ec.pem", "imapd": "ed.pem"} {
		r.file(file, keyPEM(t, keys[set])+certPEM(t, keys[set], set, year))
	}
	c := r.connect(ipc.Hello{Version: ipc.TLSVersion, Role: ipc.RoleTLS, Program: "test"})
	c.Unix().SetDeadline(time.Now().Add(time.Minute))
	digest := sha256.Sum256([]byte("text"))
	verify := strings.Repeat(" ", 64) + "TLS 1.3, server CertificateVerify\x00" + string(digest[:])
	params := strings.Repeat("r", 64) + "\x03\x00\x1d\x20" + string(digest[:])
	said := func(kinds ...byte) (m []byte) { // in a handshake of TLS 1.2
		for _, k := range kinds {
			m = append(m, k, 0, 0, 3, 3, 3, 'x')
		}
		return m
	}
	transcript := said(1, 2, 11, 22, 12, 13, 14, 11, 16)
	for _, q := range []struct {
		set    string
		key    string
		digest []byte
		hash   crypto.Hash
		pss    bool
		want   string
	}{
		{"smtpd", "smtpd", digest[:], crypto.SHA256, true, ""},
		{"smtpd", "smtpd", digest[:], crypto.SHA256, false, ""},
		{"pop3d", "pop3d", digest[:], crypto.SHA256, false, ""},
		{"imapd", "imapd", []byte(verify), 0, false, ""},
		{"imapd", "imapd", []byte(params), 0, false, ""},
		{"imapd", "imapd", transcript, 0, false, ""},
		{"imapd", "imapd", said(1, 2, 11, 13, 14, 11, 16), 0, false, ""},
		{"smtpd", "pop3d", digest[:], crypto.SHA256, false, "no such key"},
		{"lmtp?", "smtpd", digest[:], crypto.SHA256, false, "may not use the keys"},
		{"smtpd", "smtpd", digest[:], crypto.SHA384, true, "no digest"},
		{"smtpd", "smtpd", digest[:20], crypto.SHA1, false, "no digest"},
		{"smtpd", "smtpd", digest[:], 0, false, "no digest"},
		{"smtpd", "smtpd", digest[:], 4711, false, "no digest"},
		{"pop3d", "pop3d", digest[:], crypto.SHA256, true, "PSS is for RSA"},
		{"imapd", "imapd", digest[:], 0, false, "not what a TLS handshake signs"},
		{"imapd", "imapd", []byte("a certificate"), 0, false, "not what a TLS handshake signs"},
		// Octets that are no curve may be anything, part of a certificate, say.
		{"imapd", "imapd", []byte(strings.Replace(params, "\x1d", "\x0c", 1)), 0, false, "not what a TLS handshake signs"},
		{"imapd", "imapd", []byte(strings.Replace(params, "\x1d", "\x17", 1)), 0, false, "not what a TLS handshake signs"},
		{"imapd", "imapd", []byte(verify + "more"), 0, false, "not what a TLS handshake signs"},
		{"imapd", "imapd", digest[:], crypto.SHA256, false, "not what a TLS handshake signs"},
		{"imapd", "imapd", append(transcript[:len(transcript):len(transcript)], 'x'), 0, false, "not what a TLS handshake signs"},
		{"imapd", "imapd", transcript[:len(transcript)-1], 0, false, "not what a TLS handshake signs"},
		{"imapd", "imapd", said(1, 2, 11, 12, 13, 14, 11), 0, false, "not what a TLS handshake signs"},
		{"imapd", "imapd", said(1, 2, 11, 12, 14, 11, 16), 0, false, "not what a TLS handshake signs"},
		{"imapd", "imapd", said(2, 1, 11, 12, 13, 14, 11, 16), 0, false, "not what a TLS handshake signs"},
		{"imapd", "imapd", said(1, 2, 11, 12, 13, 14, 11, 16, 16), 0, false, "not what a TLS handshake signs"},
		{"imapd", "imapd", append([]byte("\x01\x00\x00\x03\x02\x03x"), transcript[7:]...), 0, false, "not what a TLS handshake signs"},
		{"imapd", "imapd", append([]byte("\x01\x00\xff\xff\x03\x03"+strings.Repeat("x", 0xfffd)), transcript[7:]...), 0, false, "not what a TLS handshake signs"},
	} {
		if err := c.Send(ipc.TLSRequest{ID: 9, Op: ipc.TLSSign, Set: q.set, Key: keyID(t, keys[q.key]), Digest: q.digest, Hash: uint(q.hash), PSS: q.pss}); err != nil {
			t.Fatal(err)
		}
		var a ipc.TLSReply
		if _, err := c.Recv(&a); err != nil {
			t.Fatal(err)
		}
		if (a.Error == "") != (q.want == "") || !strings.Contains(a.Error, q.want) || (a.Signature != nil) != (q.want == "") || a.ID != 9 {
			t.Errorf("%s with %s, hash %d, PSS %t: %+v, want %q", q.set, q.key, q.hash, q.pss, a, q.want)
		}
	}
}

// Each program has its own sets.
func TestSetsByUser(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.signer
	s.sets = map[string]map[uint32]bool{"smtpd": {70001: true}, "pop3d": {70002: true}}
	for uid, want := range map[uint32]bool{70001: true, 70002: false, 70003: false} {
		a := s.answer(&ipc.TLSRequest{Op: ipc.TLSChains, Set: "smtpd"}, uid)
		if (a.Error == "") != want {
			t.Errorf("uid %d: %q", uid, a.Error)
		}
	}
	if a := s.answer(&ipc.TLSRequest{Op: "else", Set: "smtpd"}, 70001); !strings.Contains(a.Error, "unknown request") {
		t.Errorf("unknown request: %+v", a)
	}
	if a := s.answer(&ipc.TLSRequest{Op: ipc.TLSChains, Set: "smtpd", Name: strings.Repeat("x", 256)}, 70001); a.Error == "" {
		t.Error("a name that is too long was looked up")
	}
}

// A whole handshake: the key is in authd, the TLS elsewhere.
func TestHandshake(t *testing.T) {
	t.Parallel()
	r := newRig(t, "tls_chain_files = DIR/rsa.pem, DIR/ec.pem", "smtpd_tls_security_level = may")
	r.file("rsa.pem", both(t, "rsa", "mx.test"))
	r.file("ec.pem", both(t, "ecdsa", "mx.test"))
	s, err := servertls.New(r.c, servertls.Options{Set: "smtpd", Dial: func() (*fdpass.Conn, error) {
		return r.dial(), nil
	}, Log: r.d.log})
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		ours, theirs := net.Pipe()
		done := make(chan error, 1)
		go func() {
			_, _, err := s.Handshake(t.Context(), ours)
			done <- err
		}()
		client := tls.Client(theirs, &tls.Config{InsecureSkipVerify: true, MaxVersion: version})
		go client.Read(make([]byte, 1)) // tickets
		if err := client.HandshakeContext(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		theirs.Close()
	}
	s.Close()
}

// Whatever a client sends, authd answers or hangs up, and the next request of a
// client that behaves is served.
func FuzzTLSRequest(f *testing.F) {
	for _, q := range []ipc.TLSRequest{
		{ID: 1, Op: ipc.TLSChains, Set: "smtpd"}, {ID: 2, Op: ipc.TLSSign, Set: "smtpd", Key: make([]byte, 32), Digest: make([]byte, 32), Hash: uint(crypto.SHA256), PSS: true},
		{Op: ipc.TLSSign, Set: "imapd", Digest: []byte(strings.Repeat(" ", 64))},
		{Op: ipc.TLSSign, Set: "smtp", Digest: []byte("\x01\x00\x00\x02\x03\x03\x02\x00\x00\x00\x0b\x00\x00\x00\x0d\x00\x00\x00\x0e\x00\x00\x00\x0b\x00\x00\x00\x10\x00\x00\x00")},
	} {
		b, _ := json.Marshal(q)
		f.Add(b)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var q ipc.TLSRequest
		if json.Unmarshal(b, &q) != nil {
			return
		}
		for _, k := range []crypto.Signer{key, ed} {
			sig, err := sign(k, &q)
			if (sig == nil) == (err == nil) {
				t.Errorf("signature %x, error %v", sig, err)
			}
			if sig != nil && (len(q.Digest) > 512 && !isTranscript(q.Digest) || len(q.Digest) > ipc.MaxTLSMessage) {
				t.Errorf("%d octets were signed", len(q.Digest))
			}
		}
	})
}
