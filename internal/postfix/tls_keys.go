package postfix

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"yubin/internal/config"
)

// certificateYears is how long a certificate of our own is good for: nobody
// checks it, and it must not end unheeded.
const certificateYears = 100

// curves are the names of ECDSA keys that OpenSSL knows them by.
var curves = map[string]elliptic.Curve{
	"": elliptic.P256(), "secp256r1": elliptic.P256(), "prime256v1": elliptic.P256(), "secp384r1": elliptic.P384(), "secp521r1": elliptic.P521(),
}

// An algorithm is a kind of keys, and where main.cf names those of smtpd.
type algorithm struct {
	name, prefix string // prefix: of the names of files
	key, cert    config.String
}

func algorithmOf(name string) (algorithm, bool) {
	switch name {
	case "rsa":
		return algorithm{name: name, key: config.SmtpdKeys.Key, cert: config.SmtpdKeys.Cert}, true
	case "ecdsa":
		return algorithm{name: name, prefix: "ec", key: config.SmtpdKeys.ECKey, cert: config.SmtpdKeys.ECCert}, true
	}
	return algorithm{}, false
}

// newKey makes a key.
func newKey(name, bits string) (crypto.Signer, error) {
	if name == "ecdsa" {
		curve := curves[bits]
		if curve == nil {
			return nil, fmt.Errorf("curve %q: want secp256r1, secp384r1 or secp521r1", bits)
		}
		return ecdsa.GenerateKey(curve, rand.Reader)
	}
	size := 2048
	if bits != "" {
		var err error
		if size, err = strconv.Atoi(bits); err != nil || size < 2048 || size > 8192 {
			return nil, fmt.Errorf("bits %q: want 2048 to 8192", bits)
		}
	}
	return rsa.GenerateKey(rand.Reader, size)
}

// hosts are those of the command line, or myhostname.
func (t *tlsRun) hosts() []string {
	if len(t.names) > 0 {
		return t.names
	}
	return []string{config.Myhostname.Of(t.env.Config)}
}

// create makes a key, or copies the one in use, and a certificate that vouches for
// itself; deploy has smtpd use them.
func (t *tlsRun) create(again, deploy bool) error {
	a, ok := algorithmOf(t.algorithm)
	if !ok {
		return t.fail("-a: want rsa or ecdsa, have %q", t.algorithm)
	}
	var key crypto.Signer
	var err error
	if file := t.inUse(a.key); again && file != "" {
		key, err = readKey(t.path(file))
	} else {
		key, err = newKey(a.name, t.bits)
	}
	if err != nil {
		return t.fail("%v", err)
	}
	now := time.Now().UTC()
	stamp := now.Format("20060102-150405") + ".pem"
	keyFile, certFile := t.path(a.prefix+"key-"+stamp), t.path(a.prefix+"cert-"+stamp)
	der, err := selfSigned(key, t.hosts(), now)
	if err != nil {
		return t.fail("%v", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err == nil {
		err = writeNew(keyFile, "PRIVATE KEY", secret, 0o600)
	}
	if err == nil {
		err = writeNew(certFile, "CERTIFICATE", der, 0o644)
	}
	if err != nil {
		return t.fail("%v", err)
	}
	if deploy {
		return t.use(a, certFile, keyFile, true)
	}
	t.say(fmt.Sprintf("A private key and a certificate that vouches for itself have been made. To use them:\n  # postfix tls deploy-server-cert %s %s\n"+
		"To have the certificate from an authority:\n  # postfix tls output-server-csr -k %s\nFor DNS (DANE), before they are used:\n  # postfix tls output-server-tlsa %s",
		certFile, keyFile, keyFile, keyFile))
	return nil
}

// inUse is the file of a key that main.cf names, "" for none.
func (t *tlsRun) inUse(p config.String) string {
	if file := p.Of(t.env.Config); file != "none" {
		return file
	}
	return ""
}

// path is a file that is named from the configuration directory.
func (t *tlsRun) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(t.env.Config.Dir, name)
}

func selfSigned(key crypto.Signer, hosts []string, now time.Time) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	c := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: hosts[0]}, DNSNames: hosts,
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(certificateYears, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	return x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
}

// writeNew writes a file that is not there yet.
func writeNew(name, kind string, der []byte, mode os.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	err = pem.Encode(f, &pem.Block{Type: kind, Bytes: der})
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// readKey reads the first private key of a file.
func readKey(file string) (crypto.Signer, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if key := parseKey(block.Bytes); key != nil {
			return key, nil
		}
	}
	return nil, fmt.Errorf("%s: no private key in PEM form without a passphrase", file)
}

func parseKey(der []byte) crypto.Signer {
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		signer, _ := key.(crypto.Signer)
		return signer
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key
	}
	return nil
}

// deployCert is deploy-server-cert.
func (t *tlsRun) deployCert() error {
	if len(t.names) != 2 {
		return t.fail("usage: postfix tls deploy-server-cert certfile keyfile")
	}
	certFile, keyFile := t.path(t.names[0]), t.path(t.names[1])
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return t.fail("%s, %s: %v", certFile, keyFile, err)
	}
	name := "rsa"
	if _, ok := pair.PrivateKey.(*ecdsa.PrivateKey); ok {
		name = "ecdsa"
	}
	a, _ := algorithmOf(name)
	return t.use(a, certFile, keyFile, false)
}

// use has smtpd use a pair.
func (t *tlsRun) use(a algorithm, certFile, keyFile string, enable bool) error {
	settings := []string{a.key.Name + "=" + keyFile, a.cert.Name + "=" + certFile}
	text := "A new TLS private key and certificate are in use.\n" + nowReload
	if enable {
		settings = append(settings, "smtpd_tls_security_level=may", "smtpd_tls_received_header=yes", "smtpd_tls_loglevel=1")
		text = "The SMTP server offers TLS.\n" + text
	}
	if err := t.set(settings...); err != nil {
		return err
	}
	t.say(text)
	return nil
}
