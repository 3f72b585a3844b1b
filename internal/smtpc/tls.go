package smtpc

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// cachedSessions is how many TLS sessions are kept, to be taken up again.
const cachedSessions = 1000

// trustVerified is the trust in a server that is who the policy asks for.
const trustVerified = "Verified"

// A tlsState is TLS of one session.
type tlsState struct {
	cs      *tls.ConnectionState
	trust   string // Untrusted, Trusted, Verified
	refusal error  // why the server is not the one that the policy asks for; nil: it is
	detail  string // more of it, for the log
}

// config is how the handshake is made. The certificate is looked at afterwards.
func (t *tlsSettings) config(at *site) *tls.Config {
	p := at.policy
	c := &tls.Config{
		InsecureSkipVerify: true, MinVersion: p.versions.low, MaxVersion: p.versions.high,
		ClientSessionCache: keyedCache{t.cache, at.relay() + " " + p.key(at.nexthop)},
	}
	switch p.servername {
	case "hostname":
		c.ServerName = at.host
	case "nexthop":
		c.ServerName = at.nexthop
	default:
		c.ServerName = p.servername
	}
	return c
}

// A keyedCache keeps sessions by address and policy: by its name alone a server
// would be taken for another one of that name.
type keyedCache struct {
	cache tls.ClientSessionCache
	key   string
}

func (k keyedCache) Get(string) (*tls.ClientSessionState, bool)  { return k.cache.Get(k.key) }
func (k keyedCache) Put(_ string, state *tls.ClientSessionState) { k.cache.Put(k.key, state) }

// judge decides whether the server is who the policy wants.
func (s *tlsState) judge(t *tlsSettings, at *site) {
	certs := s.cs.PeerCertificates
	s.trust = "Untrusted"
	if len(certs) == 0 {
		s.trust, s.detail = "Anonymous", "no certificate"
	}
	if at.policy.level <= levelEncrypt && t.loglevel == 0 {
		return // nobody asks
	}
	chain := t.verifyChain(certs, at.policy.public)
	if chain == nil {
		s.trust = "Trusted"
	} else if s.detail == "" {
		s.detail = chain.Error()
	}
	switch p := at.policy; p.level {
	case levelDane:
		if err := p.anchor.verify(certs); err != nil {
			s.detail = err.Error()
			s.refusal = fails(4, badTLS, "Server certificate not trusted")
			return
		}
	case levelFingerprint:
		if !matchesFingerprint(certs, p.match, t.digest) {
			s.detail = "no fingerprint matches"
			s.refusal = fails(4, badTLS, "Server certificate not verified")
			return
		}
	case levelVerify, levelSecure:
		if chain != nil {
			s.refusal = fails(4, badTLS, "Server certificate not trusted")
			return
		}
		if !matchesName(certs[0], p.match, at) {
			s.detail = fmt.Sprintf("it is for %s", strings.Join(certs[0].DNSNames, ", "))
			s.refusal = fails(4, badTLS, "Server certificate not verified")
			return
		}
	default:
		return
	}
	s.trust = trustVerified
}

var errNoCertificate = errors.New("no certificate")

// verifyChain checks that a trusted authority vouches for the certificate.
func (t *tlsSettings) verifyChain(certs []*x509.Certificate, public bool) error {
	if len(certs) == 0 {
		return errNoCertificate
	}
	trusted := t.roots
	if public {
		trusted = t.public
	}
	pool, err := trusted.get()
	if err != nil {
		return err
	}
	between := x509.NewCertPool()
	for _, c := range certs[1:] {
		between.AddCert(c)
	}
	_, err = certs[0].Verify(x509.VerifyOptions{Roots: pool, Intermediates: between})
	return err
}

// matchesName tells whether a certificate is for one of the names.
func matchesName(c *x509.Certificate, match []string, at *site) bool {
	for _, m := range match {
		switch m {
		case "hostname":
			m = at.host
		case "nexthop":
			m = at.nexthop
		case "dot-nexthop":
			m = "." + at.nexthop
		}
		parent, below := strings.CutPrefix(m, ".")
		if below && slices.ContainsFunc(c.DNSNames, func(n string) bool { return strings.HasSuffix(strings.ToLower(n), "."+strings.ToLower(parent)) }) {
			return true
		}
		if !below && m != "" && c.VerifyHostname(m) == nil {
			return true
		}
	}
	return false
}

// matchesFingerprint tells whether the certificate, or its public key, is one
// of those.
func matchesFingerprint(certs []*x509.Certificate, match []string, digest string) bool {
	if len(certs) == 0 {
		return false
	}
	for _, der := range [][]byte{certs[0].Raw, certs[0].RawSubjectPublicKeyInfo} {
		if slices.Contains(match, hash(digest, der)) {
			return true
		}
	}
	return false
}

func hash(digest string, b []byte) string {
	switch digest {
	case "sha1":
		h := sha1.Sum(b)
		return hex.EncodeToString(h[:])
	case "sha384":
		h := sha512.Sum384(b)
		return hex.EncodeToString(h[:])
	case "sha512":
		h := sha512.Sum512(b)
		return hex.EncodeToString(h[:])
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// roots are the authorities that are trusted, read at their first use.
type roots struct {
	file, dir string
	system    bool
	once      sync.Once
	pool      *x509.CertPool
	err       error
}

func (r *roots) get() (*x509.CertPool, error) {
	r.once.Do(func() { r.pool, r.err = r.read() })
	return r.pool, r.err
}

func (r *roots) read() (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if r.system {
		var err error
		if pool, err = x509.SystemCertPool(); err != nil {
			return nil, err
		}
	}
	var files []string
	if r.file != "" {
		files = append(files, r.file)
	}
	if r.dir != "" {
		entries, err := os.ReadDir(r.dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			files = append(files, filepath.Join(r.dir, e.Name()))
		}
	}
	if len(files) == 0 && !r.system {
		return nil, errors.New("no certificate authority is trusted: set smtp_tls_CAfile, smtp_tls_CApath or tls_append_default_CA")
	}
	found := r.system
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil && f == r.file {
			return nil, err
		}
		found = pool.AppendCertsFromPEM(b) || found
	}
	if !found {
		return nil, fmt.Errorf("no certificate in %s", strings.Join(files, ", "))
	}
	return pool, nil
}

// ciphers are the suites by the names that OpenSSL gives them, as logs have
// them, with their bits.
var ciphers = map[uint16]struct {
	name string
	bits int
}{
	tls.TLS_AES_128_GCM_SHA256:                        {"TLS_AES_128_GCM_SHA256", 128},
	tls.TLS_AES_256_GCM_SHA384:                        {"TLS_AES_256_GCM_SHA384", 256},
	tls.TLS_CHACHA20_POLY1305_SHA256:                  {"TLS_CHACHA20_POLY1305_SHA256", 256},
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:       {"ECDHE-ECDSA-AES128-GCM-SHA256", 128},
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:       {"ECDHE-ECDSA-AES256-GCM-SHA384", 256},
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: {"ECDHE-ECDSA-CHACHA20-POLY1305", 256},
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:         {"ECDHE-RSA-AES128-GCM-SHA256", 128},
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:         {"ECDHE-RSA-AES256-GCM-SHA384", 256},
	tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256:   {"ECDHE-RSA-CHACHA20-POLY1305", 256},
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA:          {"ECDHE-ECDSA-AES128-SHA", 128},
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA:          {"ECDHE-ECDSA-AES256-SHA", 256},
	tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA:            {"ECDHE-RSA-AES128-SHA", 128},
	tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA:            {"ECDHE-RSA-AES256-SHA", 256},
}

// logTLS writes the line about a handshake.
func (s *session) logTLS() {
	t := s.tls
	if s.o.tls.loglevel >= 1 && t.refusal != nil || s.o.tls.loglevel >= 2 && t.detail != "" {
		s.log.Info("certificate verification failed for %s: %s", s.peer.relay(), shorten(t.detail))
	}
	if s.o.tls.loglevel < 1 {
		return
	}
	version := "TLSv1.2"
	if t.cs.Version == tls.VersionTLS13 {
		version = "TLSv1.3"
	}
	cipher, ok := ciphers[t.cs.CipherSuite]
	if !ok {
		cipher.name, cipher.bits = tls.CipherSuiteName(t.cs.CipherSuite), 128
	}
	s.log.Info("%s TLS connection established to %s: %s with cipher %s (%d/%d bits)",
		t.trust, s.peer.relay(), version, cipher.name, cipher.bits, cipher.bits)
}
