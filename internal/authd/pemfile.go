package authd

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxPEM is the largest file of certificates and keys that is read, octets.
const maxPEM = 1 << 20

// A chain is a certificate with its issuers, and its key.
type chain struct {
	der  [][]byte
	leaf *x509.Certificate
	key  crypto.Signer
	id   [sha256.Size]byte // of the public key
}

// readPEM reads the chains of files. Their order does not matter, nor which file
// holds what: a key goes with the certificate that has its public key.
func readPEM(files []string) ([]*chain, error) {
	var keys []crypto.Signer
	var certs []*x509.Certificate
	for _, f := range files {
		b, err := readBounded(f)
		if err != nil {
			return nil, err
		}
		k, c, err := parsePEM(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		keys, certs = append(keys, k...), append(certs, c...)
	}
	where := strings.Join(files, ", ")
	switch {
	case len(certs) == 0:
		return nil, fmt.Errorf("%s: no certificate; want PEM, -----BEGIN CERTIFICATE-----", where)
	case len(keys) == 0:
		return nil, fmt.Errorf("%s: no private key; want PEM, -----BEGIN PRIVATE KEY-----", where)
	}
	chains, err := match(keys, certs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	return chains, nil
}

func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	if err == nil && len(b) > maxPEM {
		err = fmt.Errorf("%s: larger than %d octets: that is no file of certificates", name, maxPEM)
	}
	return b, err
}

// parsePEM takes keys and certificates out of a file.
func parsePEM(b []byte) (keys []crypto.Signer, certs []*x509.Certificate, err error) {
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			return keys, certs, nil
		}
		switch {
		case block.Type == "CERTIFICATE":
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, nil, fmt.Errorf("certificate %d: %w", len(certs)+1, err)
			}
			certs = append(certs, c)
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			k, err := parseKey(block)
			if err != nil {
				return nil, nil, err
			}
			keys = append(keys, k)
		}
	}
}

// parseKey reads a private key. Its errors have nothing of the key.
func parseKey(block *pem.Block) (crypto.Signer, error) {
	if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
		return nil, errors.New("the key has a passphrase, and nobody is here to type it: openssl pkey -in FILE -out FILE writes it without")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		if k, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
			return k, nil
		}
		if k, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
			return k, nil
		}
		return nil, fmt.Errorf("a key that cannot be read: want RSA, ECDSA or Ed25519 in PKCS #8, PKCS #1 or SEC 1 form")
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return k, nil
	case *ecdsa.PrivateKey:
		return k, nil
	case ed25519.PrivateKey:
		return k, nil
	}
	return nil, fmt.Errorf("a key of a kind that TLS cannot use (%T): want RSA, ECDSA or Ed25519", key)
}

// match puts each key to its certificate, and behind that the issuers that
// follow it. Chains of keys that sign quickly come first.
func match(keys []crypto.Signer, certs []*x509.Certificate) ([]*chain, error) {
	owner := make([]crypto.Signer, len(certs))
	for _, k := range keys {
		found := false
		for i, c := range certs {
			if same(k.Public(), c.PublicKey) {
				owner[i], found = k, true
			}
		}
		if !found {
			return nil, errors.New("the key is not that of the certificate")
		}
	}
	var quick, slow []*chain
	var at *chain
	for i, c := range certs {
		if owner[i] == nil {
			if at != nil {
				at.der = append(at.der, c.Raw)
			}
			continue
		}
		at = &chain{der: [][]byte{c.Raw}, leaf: c, key: owner[i], id: sha256.Sum256(c.RawSubjectPublicKeyInfo)}
		if _, isRSA := at.key.(*rsa.PrivateKey); isRSA {
			slow = append(slow, at)
		} else {
			quick = append(quick, at)
		}
	}
	return append(quick, slow...), nil
}

func same(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

// equal tells whether two readings gave the same.
func equal(a, b []*chain) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if len(a[i].der) != len(b[i].der) {
			return false
		}
		for j := range a[i].der {
			if !bytes.Equal(a[i].der[j], b[i].der[j]) {
				return false
			}
		}
	}
	return true
}
