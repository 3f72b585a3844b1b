package postfix

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"path/filepath"

	"yubin/internal/config"
)

// keyFile is the file that a name means: a kind of keys, or a path.
func (t *tlsRun) keyFile(name string) string {
	if a, ok := algorithmOf(name); ok {
		return t.inUse(a.key)
	}
	return name
}

// request is output-server-csr.
func (t *tlsRun) request() error {
	name := t.key
	if name == "" {
		name = "rsa"
	}
	file := t.keyFile(name)
	if file == "" {
		return t.fail("no key of kind %s is set up: make one with postfix tls new-server-key", name)
	}
	key, err := readKey(t.path(file))
	if err != nil {
		return t.fail("%v", err)
	}
	hosts := t.hosts()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: hosts[0]}, DNSNames: hosts}, key)
	if err != nil {
		return t.fail("%v", err)
	}
	return pem.Encode(t.env.Stdout, &pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// tlsa is output-server-tlsa: of the keys that smtpd has, or of those named.
func (t *tlsRun) tlsa() error {
	host := t.host
	if host == "" {
		host = config.Myhostname.Of(t.env.Config)
	}
	var files []string
	for _, name := range t.names {
		if file := t.keyFile(name); file != "" {
			files = append(files, file)
		}
	}
	if len(t.names) == 0 {
		files = t.served()
	}
	var out bytes.Buffer
	for _, file := range files {
		key, err := readKey(t.path(file))
		if err != nil {
			return t.fail("%v", err)
		}
		spki, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			return t.fail("%s: %v", file, err)
		}
		fmt.Fprintf(&out, "_25._tcp.%s. IN TLSA 3 1 1 %x\n", host, sha256.Sum256(spki))
	}
	_, err := t.env.Stdout.Write(out.Bytes())
	return err
}

// served are the files with the keys of smtpd: those that main.cf names, or the
// one that authd(8) has made, which stays when its certificate is made anew.
func (t *tlsRun) served() []string {
	c := t.env.Config
	if chains := config.SmtpdKeys.Chains.Of(c); len(chains) > 0 {
		return chains
	}
	var files []string
	for _, p := range []config.String{config.SmtpdKeys.Key, config.SmtpdKeys.ECKey} {
		if file := t.inUse(p); file != "" {
			files = append(files, file)
		}
	}
	if own := config.TLSSelfSigned.Of(c); len(files) == 0 && own != "" {
		files = append(files, filepath.Join(own, "private", "yubin.key"))
	}
	return files
}
