package smtpc

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"yubin/internal/maillog"
	"yubin/internal/tlswords"
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
		InsecureSkipVerify: true, MinVersion: p.versions.Low, MaxVersion: p.versions.High,
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
	pool, err := trusted.Get()
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
		if slices.Contains(match, tlswords.Fingerprint(digest, der)) {
			return true
		}
	}
	return false
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
	cipher, bits := tlswords.Cipher(t.cs.CipherSuite)
	s.log.On(maillog.TLS).Info("%s TLS connection established to %s: %s with cipher %s (%d/%d bits)",
		t.trust, s.peer.relay(), tlswords.Version(t.cs.Version), cipher, bits, bits)
}
