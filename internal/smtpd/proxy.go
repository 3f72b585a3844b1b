package smtpd

import (
	"net"

	"yubin/internal/proxyproto"
)

// unproxy reads the header of the PROXY protocol, where one is due; nil: there
// was none, and nothing can be said to a client that nobody knows.
func (s *server) unproxy(c net.Conn) net.Conn {
	if s.p().proxy == "" {
		return c
	}
	inner, err := proxyproto.Accept(c, s.p().proxyTimeout)
	if err != nil {
		s.log.Warn("PROXY protocol header from %v: %v", peerOf(c), err)
		return nil
	}
	return inner
}
