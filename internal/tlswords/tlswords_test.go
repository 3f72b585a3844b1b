package tlswords

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParseVersions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "1.2-1.3", ">=TLSv1": "1.2-1.3", "!SSLv2 !SSLv3": "1.2-1.3", ">=TLSv1.3": "1.3-1.3", "<=TLSv1.2": "1.2-1.2",
		"TLSv1.2": "1.2-1.2", "TLSv1.3 TLSv1.2": "1.2-1.3", "!TLSv1.2": "1.3-1.3", "!TLSv1.3": "1.2-1.2", ">=tlsv1.2 <=TLSv1.3": "1.2-1.3",
		"TLSv1": "", "!TLSv1.2 !TLSv1.3": "", "<=TLSv1.1": "", "TLSv9": "", ">=!TLSv1": "",
	} {
		v, err := ParseVersions(strings.Fields(text))
		got := ""
		if err == nil {
			got = fmt.Sprintf("1.%d-1.%d", v.Low-tls.VersionTLS10, v.High-tls.VersionTLS10)
		}
		if got != want {
			t.Errorf("%q: %s, %v, want %s", text, got, err, want)
		}
	}
}

func TestOlder(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"": false, ">=TLSv1": true, ">=TLSv1.2": false, "!SSLv2 !SSLv3 !TLSv1": false, "TLSv1 TLSv1.2": true, "<=TLSv1.3": false, "what": false,
	} {
		if got := Older(strings.Fields(text)); got != want {
			t.Errorf("%q: %t, want %t", text, got, want)
		}
	}
}

// Every suite is one that the library has, under a name that is the library's.
func TestSuites(t *testing.T) {
	t.Parallel()
	known := map[uint16]bool{}
	for _, s := range tls.CipherSuites() {
		known[s.ID] = true
	}
	for _, s := range suites {
		if name, bits := Cipher(s.id); !known[s.id] || name != s.name || bits != s.bits {
			t.Errorf("%s: known %t, name %s, %d bits", s.name, known[s.id], name, bits)
		}
	}
	for grade, want := range map[string]int{"high": 6, "medium": 6, "low": 10, "export": 10, "null": 10} {
		if got := len(Suites(grade)); got != want {
			t.Errorf("%s: %d suites, want %d", grade, got, want)
		}
	}
}

func TestExclude(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]int{
		"": 10, "aNULL MD5 DES 3DES RC4 eNULL EXP": 10, "AES128": 6, "ECDSA": 5, "SHA1": 6, "AESGCM": 6, "ECDHE-RSA-AES128-SHA": 9, "aRSA+AES256": 8,
		"kEECDH": 0, "CHACHA20": 8,
	} {
		if got := len(Exclude(Suites("low"), strings.Fields(words))); got != want {
			t.Errorf("%q: %d suites are left, want %d", words, got, want)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	ids, ok := List("ECDHE-RSA-AES256-GCM-SHA384:ecdhe-rsa-aes128-gcm-sha256:DHE-RSA-AES128-GCM-SHA256:!aNULL")
	if want := []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}; !ok || !slices.Equal(ids, want) {
		t.Errorf("a list of names: %x, %t", ids, ok)
	}
	if ids, ok := List("aNULL:-aNULL:HIGH:@STRENGTH"); ok {
		t.Errorf("a list of rules: %x", ids)
	}
}

func TestProfile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "current")
	if p, err := readProfile(file); err != nil || p.Name != "" {
		t.Errorf("no policy: %q, %v", p.Name, err)
	}
	for text, want := range map[string]string{
		"DEFAULT\n": "6 suites, 0 curves", "DEFAULT:NO-SHA1\n": "6 suites, 0 curves", "LEGACY": "6 suites, 0 curves", "FUTURE\n": "4 suites, 0 curves",
		"FIPS:OSPP": "4 suites, 3 curves", "OWN": "error", "": "error",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got := "error"
		if p, err := readProfile(file); err == nil {
			c := &tls.Config{CipherSuites: Suites("medium")}
			p.Apply(c)
			got = fmt.Sprintf("%d suites, %d curves", len(c.CipherSuites), len(c.CurvePreferences))
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestColons(t *testing.T) {
	t.Parallel()
	if got := Colons(Fingerprint("sha1", nil)[:8]); got != "DA:39:A3:EE" {
		t.Error(got)
	}
}

// A file that could not be read once is read when it can be.
func TestRootsAgain(t *testing.T) {
	t.Parallel()
	r := &Roots{File: filepath.Join(t.TempDir(), "ca.pem"), Set: "smtp"}
	if pool, err := r.Get(); err == nil || pool != nil {
		t.Fatalf("of no file: %v, %v", pool, err)
	}
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.File, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	first, err := r.Get()
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(r.File)
	if second, err := r.Get(); err != nil || second != first {
		t.Errorf("read again: %v, %v", second, err)
	}
}
