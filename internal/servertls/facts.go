package servertls

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"unicode/utf8"

	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/tlswords"
)

// Facts are what is known of a client after the handshake.
type Facts struct {
	ipc.TLSFacts
	Bits     int    // of the cipher
	Summary  string // version, cipher and keys, as log and Received have them
	Trust    string // Anonymous, Untrusted, Trusted: the client's certificate
	Asked    bool   // the client was asked for a certificate
	Verified bool   // an authority that is trusted vouches for it

	// Subject and Issuer are the names in the client's certificate, clean;
	// CertFingerprint and KeyFingerprint are upper case with colons. All are
	// empty without one.
	Subject, Issuer                 string
	CertFingerprint, KeyFingerprint string
}

func (s *Server) facts(cs tls.ConnectionState, h *shake) *Facts {
	cipher, bits := tlswords.Cipher(cs.CipherSuite)
	f := &Facts{
		TLSFacts: ipc.TLSFacts{Version: tlswords.Version(cs.Version), Cipher: cipher, SNI: maillog.Clean(cs.ServerName)}, Bits: bits,
		Trust: "Anonymous", Asked: s.ask,
	}
	f.Summary = fmt.Sprintf("%s with cipher %s (%d/%d bits)%s", f.Version, cipher, bits, bits, keyFacts(&cs, h))
	// RFC 9266, 2: the context is there and is empty. TLS 1.2 without the
	// extended master secret has no exporter.
	if e, err := cs.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32); err == nil {
		f.Exporter = e
	}
	if len(cs.PeerCertificates) > 0 {
		s.judge(f, cs.PeerCertificates)
	}
	return f
}

// judge looks at the client's certificate.
func (s *Server) judge(f *Facts, certs []*x509.Certificate) {
	leaf := certs[0]
	f.Trust = "Untrusted"
	f.Subject, f.Issuer = maillog.Clean(leaf.Subject.CommonName), maillog.Clean(leaf.Issuer.CommonName)
	f.CertFingerprint = tlswords.Colons(tlswords.Fingerprint(s.digest, leaf.Raw))
	f.KeyFingerprint = tlswords.Colons(tlswords.Fingerprint(s.digest, leaf.RawSubjectPublicKeyInfo))
	pool, err := s.roots.Get()
	if err == nil {
		between := x509.NewCertPool()
		for _, c := range certs[1:] {
			between.AddCert(c)
		}
		_, err = leaf.Verify(x509.VerifyOptions{
			Roots: pool, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		})
	}
	if err != nil {
		if s.loglevel >= 2 {
			s.log.Info("certificate verification failed for %q: %s", f.Subject, maillog.Clean(err.Error()))
		}
		return
	}
	f.Trust, f.Verified = "Trusted", true
	if n := leaf.Subject.CommonName; n != "" && utf8.ValidString(n) && n == f.Subject {
		f.CertName = n
	}
}

// Refusal is why a client that has made a handshake must go all the same; "" it
// need not.
func (s *Server) Refusal(f *Facts) string {
	switch {
	case !s.require || f.Verified:
		return ""
	case f.Trust == "Anonymous":
		return "No client certificate presented"
	}
	return "Client certificate not trusted"
}

// LogHandshake writes the line about a handshake with who.
func (s *Server) LogHandshake(who string, f *Facts) {
	if s.loglevel < 1 {
		return
	}
	to := ""
	if f.SNI != "" {
		to = " to " + f.SNI
	}
	s.log.On(maillog.TLS).Info("%s TLS connection established from %s%s: %s", f.Trust, who, to, f.Summary)
}

// keyFacts are what Postfix tells of the keys of TLS 1.3.
func keyFacts(cs *tls.ConnectionState, h *shake) string {
	if cs.Version < tls.VersionTLS13 {
		return ""
	}
	var b strings.Builder
	b.WriteString(" key-exchange " + exchangeName(cs.CurveID))
	if h.cert == nil || len(h.signed) == 0 {
		return b.String() // a session taken up again
	}
	switch k := h.cert.Leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		fmt.Fprintf(&b, " server-signature RSA-PSS (%d bits)", k.Size()*8)
	case *ecdsa.PublicKey:
		fmt.Fprintf(&b, " server-signature ECDSA (%s)", curveName(k.Curve.Params().Name))
	case ed25519.PublicKey:
		b.WriteString(" server-signature Ed25519")
	}
	if hash := h.signed[0].HashFunc(); hash != crypto.Hash(0) {
		b.WriteString(" server-digest " + strings.ReplaceAll(hash.String(), "-", ""))
	}
	return b.String()
}

// exchangeName is a key exchange as OpenSSL names it.
func exchangeName(id tls.CurveID) string {
	switch id {
	case tls.CurveP256, tls.CurveP384, tls.CurveP521:
		return "ECDHE (" + curveName(strings.Replace(strings.TrimPrefix(id.String(), "Curve"), "P", "P-", 1)) + ")"
	}
	return id.String()
}

func curveName(name string) string {
	if n, ok := map[string]string{"P-256": "prime256v1", "P-384": "secp384r1", "P-521": "secp521r1"}[name]; ok {
		return n
	}
	return name
}
