package servertls

import (
	"context"
	"crypto"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

// A shake is one handshake, for what package tls tells nobody.
type shake struct {
	cert   *tls.Certificate    // the chosen one
	signed []crypto.SignerOpts // how its key signed, once
}

type shakeKey struct{}

// ErrNoCertificate says that authd had no certificate to show.
var ErrNoCertificate = errors.New("no certificate can be had")

// Handshake runs the server's side of a handshake on raw, within ctx and
// SET_starttls_timeout. Nothing of what came before it may have been read from
// raw ahead. On an error the caller closes raw.
func (s *Server) Handshake(ctx context.Context, raw net.Conn) (*tls.Conn, *Facts, error) {
	h := new(shake)
	bounded, cancel := context.WithTimeout(context.WithValue(ctx, shakeKey{}, h), s.timeout)
	defer cancel()
	c := tls.Server(raw, s.config)
	raw.SetDeadline(time.Now().Add(s.timeout))
	if err := c.HandshakeContext(bounded); err != nil {
		if ctx.Err() == nil && bounded.Err() != nil {
			err = fmt.Errorf("timeout after %v", s.timeout)
		}
		return nil, nil, err
	}
	raw.SetDeadline(time.Time{})
	return c, s.facts(c.ConnectionState(), h), nil
}

// certificate finds the certificate for a client: by the name that it asks for,
// and by the kinds of keys that it knows.
func (s *Server) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	ctx := hello.Context()
	h, _ := ctx.Value(shakeKey{}).(*shake)
	if h == nil {
		h = new(shake)
	}
	name := ""
	if s.sni {
		name = hello.ServerName
	}
	chains, err := s.keys.Chains(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoCertificate, err)
	}
	certs := s.keys.Certificates(ctx, chains, func(o crypto.SignerOpts) { h.signed = append(h.signed, o) })
	if len(certs) == 0 {
		return nil, ErrNoCertificate
	}
	h.cert = &certs[0]
	// Which name is in it does not matter: it is the one that there is.
	nameless := *hello
	nameless.ServerName = ""
	for i := range certs {
		if nameless.SupportsCertificate(&certs[i]) == nil {
			h.cert = &certs[i]
			break
		}
	}
	return h.cert, nil
}
