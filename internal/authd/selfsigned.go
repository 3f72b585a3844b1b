package authd

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"yubin/internal/config"
	"yubin/internal/maillog"
)

const (
	// selfLife is how long a certificate of our own making is good; more than
	// 825 days some mail programs do not take.
	selfLife = 825 * 24 * time.Hour
	// selfRenew is how long before its end it is made anew.
	selfRenew = 30 * 24 * time.Hour
)

// A selfSigned makes a certificate that vouches for itself, so that there is TLS
// before anybody has thought of it.
type selfSigned struct {
	dir, host string
	log       *maillog.Logger
	tried     time.Time
	failed    bool // the log has it
}

func newSelfSigned(c *config.Config, log *maillog.Logger) *selfSigned {
	dir := config.TLSSelfSigned.Of(c)
	if dir == "" {
		return nil
	}
	return &selfSigned{dir: dir, host: config.Myhostname.Of(c), log: log}
}

func (s *selfSigned) cert() string { return filepath.Join(s.dir, "certs", "yubin.pem") }
func (s *selfSigned) key() string  { return filepath.Join(s.dir, "private", "yubin.key") }

func (s *selfSigned) files() []string { return []string{s.cert(), s.key()} }

// renew makes the certificate when there is none, or when it ends soon. It is
// looked at once an hour.
func (s *selfSigned) renew(now time.Time) {
	if _, err := os.Stat(s.cert()); err == nil && now.Sub(s.tried) < time.Hour {
		return
	}
	if s.failed && now.Sub(s.tried) < time.Minute {
		return
	}
	s.tried = now
	err := s.make(now)
	if err != nil && !s.failed {
		s.log.Warn("no certificate is configured, and none can be made: %v; set tls_cert_file, or tls_self_signed_directory", err)
	}
	s.failed = err != nil
}

// make writes a certificate unless there is one that is good for some time
// still. Another authd may be at it, too.
func (s *selfSigned) make(now time.Time) error {
	for _, d := range []struct {
		path string
		mode fs.FileMode
	}{{s.dir, 0o755}, {filepath.Dir(s.cert()), 0o755}, {filepath.Dir(s.key()), 0o700}} {
		if err := os.Mkdir(d.path, d.mode); err == nil {
			os.Chmod(d.path, d.mode) // whatever the umask
		} else if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	// Not s.dir: whoever can read a directory can lock it, and have us wait for ever.
	dir, err := os.Open(filepath.Dir(s.key()))
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	chains, err := readPEM(s.files())
	switch {
	case err == nil && chains[0].leaf.NotAfter.Sub(now) > selfRenew:
		return nil
	case err == nil:
		return s.write(chains[0].key, now)
	case !errors.Is(err, fs.ErrNotExist):
		return err // somebody's files, which are not ours to replace
	}
	key, err := s.oldKey()
	if err != nil {
		return err
	}
	return s.write(key, now)
}

// oldKey returns the key that is there already, or makes one.
func (s *selfSigned) oldKey() (crypto.Signer, error) {
	b, err := readBounded(s.key())
	if err == nil {
		keys, _, err := parsePEM(b)
		if err != nil || len(keys) == 0 {
			return nil, fmt.Errorf("%s has no key: remove it", s.key())
		}
		return keys[0], nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return newKeyFile(s.key())
}

// newKeyFile makes a key and the file that holds it.
func newKeyFile(path string) (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writeWhole(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

func (s *selfSigned) write(key crypto.Signer, now time.Time) error {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: s.host}, DNSNames: []string{s.host},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(selfLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	if err := writeWhole(s.cert(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		return err
	}
	s.log.Warn("made a certificate for %s that vouches for itself: %s", s.host, s.cert())
	return nil
}

// writeWhole writes a file as a whole or not at all.
func writeWhole(path string, text []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path))
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(text); err != nil {
		return err
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
