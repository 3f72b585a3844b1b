package smtpc

import (
	"context"
	"crypto"
	"crypto/tls"
	"io"
	"path/filepath"

	"yubin/internal/config"
	"yubin/internal/fdpass"
	"yubin/internal/queue"
	"yubin/internal/tlskeys"
)

// clientKeys returns who has the certificates that servers may ask for; nil
// where none is configured. Their keys stay in authd.
func clientKeys(c *config.Config, lmtp bool) *tlskeys.Client {
	k := config.SmtpKeys
	if lmtp {
		k = config.LmtpKeys
	}
	if k.Cert.Of(c) == "" && k.ECCert.Of(c) == "" && len(k.Chains.Of(c)) == 0 {
		return nil
	}
	authd := filepath.Join(config.QueueDirectory.Of(c), queue.DirPublic, "authd")
	return tlskeys.New(tlskeys.Options{
		Set: k.Set, Program: "smtp", Dial: func() (*fdpass.Conn, error) { return fdpass.Dial(authd) },
	})
}

// A showing is the certificate of one handshake.
type showing struct {
	chains []tls.Certificate
	failed error // why authd did not sign; nil: it did, or was not asked
}

// show has a handshake show a certificate, if the server asks for one. Its error
// says that there is one and it cannot be had: without it a server may refuse
// for good what it would take.
func (t *tlsSettings) show(ctx context.Context, c *tls.Config) (*showing, error) {
	s := &showing{}
	if t.keys == nil {
		return s, nil
	}
	chains, err := t.keys.Chains(ctx, "")
	if err != nil {
		return nil, err
	}
	s.chains = t.keys.Certificates(ctx, chains, nil)
	for i := range s.chains {
		s.chains[i].PrivateKey = &witness{s.chains[i].PrivateKey.(crypto.Signer), s}
	}
	c.GetClientCertificate = s.choose
	return s, nil
}

// choose returns the first chain with a key that the server can check. What
// authorities it names does not count: many name none that matters, and most
// look for fingerprints.
func (s *showing) choose(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	anybody := *asked
	anybody.AcceptableCAs = nil
	for i := range s.chains {
		c := &s.chains[i]
		if anybody.SupportsCertificate(c) == nil {
			return c, nil
		}
	}
	return &tls.Certificate{}, nil // none
}

// A witness is a key that notes when it cannot sign.
type witness struct {
	crypto.Signer
	s *showing
}

// Sign signs a digest.
func (w *witness) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	b, err := w.Signer.Sign(r, digest, o)
	if err != nil {
		w.s.failed = err
	}
	return b, err
}
