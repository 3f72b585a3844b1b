package proxyproto

import (
	"net"
	"time"
)

// A Conn is a connection with the addresses that a load balancer says.
type Conn struct {
	net.Conn
	Client, Server net.Addr
}

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return c.Client }

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return c.Server }

// Accept reads the header of a connection, within patience: a *Conn, or c itself
// where the connection is the proxy's own.
func Accept(c net.Conn, patience time.Duration) (net.Conn, error) {
	c.SetReadDeadline(time.Now().Add(patience))
	defer c.SetReadDeadline(time.Time{})
	h, err := Read(c)
	if err != nil || h.Local {
		return c, err
	}
	return &Conn{c, net.TCPAddrFromAddrPort(h.Client), net.TCPAddrFromAddrPort(h.Server)}, nil
}
