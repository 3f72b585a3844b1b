package smtpd

import (
	"net"
	"time"

	"yubin/internal/proxyproto"
)

// A proxied connection has the addresses that a load balancer says.
type proxied struct {
	net.Conn
	client, server net.Addr
}

func (p *proxied) RemoteAddr() net.Addr { return p.client }
func (p *proxied) LocalAddr() net.Addr  { return p.server }

// unproxy reads the header of the PROXY protocol, where one is due; nil: there
// was none, and nothing can be said to a client that nobody knows.
func (s *server) unproxy(c net.Conn) net.Conn {
	if s.p.proxy == "" {
		return c
	}
	c.SetReadDeadline(time.Now().Add(s.p.proxyTimeout))
	h, err := proxyproto.Read(c)
	if err != nil {
		s.log.Warn("PROXY protocol header from %v: %v", peerOf(c), err)
		return nil
	}
	c.SetReadDeadline(time.Time{})
	if h.Local {
		return c
	}
	return &proxied{Conn: c, client: net.TCPAddrFromAddrPort(h.Client), server: net.TCPAddrFromAddrPort(h.Server)}
}
