package login

import (
	"context"
	"errors"
	"net"
	"time"

	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/proxyproto"
	"yubin/internal/servertls"
)

// serverTLS is TLS by package servertls.
type serverTLS struct{ s *servertls.Server }

func (t serverTLS) Wrapper() bool  { return t.s.Wrapper() }
func (t serverTLS) Required() bool { return t.s.Level() == servertls.Encrypt }

// Offered is false as well while there is no certificate: a client that is
// offered TLS and does not get it gives up.
func (t serverTLS) Offered(ctx context.Context) bool {
	return t.s.Level() != servertls.None && t.s.Available(ctx) == nil
}

func (t serverTLS) Handshake(ctx context.Context, raw net.Conn) (net.Conn, *ipc.TLSFacts, error) {
	c, f, err := t.s.Handshake(ctx, raw)
	if err != nil {
		return nil, nil, err
	}
	if why := t.s.Refusal(f); why != "" {
		return nil, nil, errors.New(why)
	}
	return c, &f.TLSFacts, nil
}

// unproxy returns what reads the header of the PROXY protocol; nil where none is
// due.
func unproxy(protocol string, patience time.Duration) func(net.Conn) (net.Conn, error) {
	if protocol == "" {
		return nil
	}
	return func(c net.Conn) (net.Conn, error) { return proxyproto.Accept(c, patience) }
}

// serverOf reads a protocol's parameters of TLS; a wrong one is the error.
func serverOf(c *config.Config, o servertls.Options) (TLS, error) {
	s, err := servertls.New(c, o)
	if err != nil {
		return nil, err
	}
	if s.Level() == servertls.None {
		return noTLS{}, nil
	}
	return serverTLS{s}, nil
}
