package resolve

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	// udpSize is the largest message that is asked for over UDP: it fits in
	// one packet of every network of today.
	udpSize = 1232
	// udpBuffer takes what careless servers send beyond that.
	udpBuffer = 4096
)

// A malformedError is a reply to our question that cannot be read.
type malformedError struct{ error }

func (e malformedError) Error() string {
	return "sends a reply that cannot be read: " + e.error.Error()
}

// query asks one server: over UDP with EDNS, over TCP when the reply does not
// fit, without EDNS when the server does not know that (RFC 6891, 7).
func query(ctx context.Context, server netip.AddrPort, q question, c conf) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	send := overUDP
	if c.tcp {
		send = overTCP
	}
	m, err := send(ctx, server, newQuery(q, true))
	if err == nil && m.IsEdns0() == nil && (m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented) {
		m, err = send(ctx, server, newQuery(q, false))
	}
	if err == nil && m.Truncated && !c.tcp {
		return overTCP(ctx, server, newQuery(q, m.IsEdns0() != nil))
	}
	return m, err
}

// newQuery is the message that asks q. Its ID is random, and so is the port
// that it is sent from: the socket is new.
func newQuery(q question, edns bool) *dns.Msg {
	m := &dns.Msg{MsgHdr: dns.MsgHdr{
		Id: dns.Id(), RecursionDesired: true,
		// RFC 6840, 5.7: whether the server has validated interests us.
		AuthenticatedData: true,
	}}
	m.Question = []dns.Question{{Name: dns.Fqdn(q.name), Qtype: q.rrtype, Qclass: dns.ClassINET}}
	if edns {
		m.SetEdns0(udpSize, false)
	}
	return m
}

// A call is a connection to a server, and the question as it goes out.
type call struct {
	net.Conn
	out  []byte
	stop func() // ends the connection
}

// dial connects, and gives up when ctx does, which has a deadline.
func dial(ctx context.Context, network string, server netip.AddrPort, ask *dns.Msg) (*call, error) {
	out, err := ask.Pack()
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, server.String())
	if err != nil {
		return nil, err
	}
	t, _ := ctx.Deadline()
	if err = conn.SetDeadline(t); err != nil {
		conn.Close()
		return nil, err
	}
	unhook := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return &call{conn, out, func() { unhook(); conn.Close() }}, nil
}

func overUDP(ctx context.Context, server netip.AddrPort, ask *dns.Msg) (*dns.Msg, error) {
	c, err := dial(ctx, "udp", server, ask)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	if _, err := c.Write(c.out); err != nil {
		return nil, err
	}
	buf := make([]byte, udpBuffer)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return nil, err
		}
		if m, err := reply(ask, buf[:n]); m != nil || err != nil {
			return m, err
		}
		// Not for us, or somebody's guess: the server's reply may follow.
	}
}

func overTCP(ctx context.Context, server netip.AddrPort, ask *dns.Msg) (*dns.Msg, error) {
	c, err := dial(ctx, "tcp", server, ask)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	// RFC 1035, 4.2.2: the length stands before a message.
	if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(c.out))), c.out...)); err != nil {
		return nil, err
	}
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return nil, fmt.Errorf("over TCP: %w", err)
	}
	in := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(c, in); err != nil {
		return nil, fmt.Errorf("over TCP: %w", err)
	}
	m, err := reply(ask, in)
	if m == nil && err == nil {
		err = malformedError{fmt.Errorf("it answers another question")}
	}
	return m, err
}

// reply reads the reply to ask. It returns nil for a message that is not one;
// an error for one whose header is right and whose rest is not.
func reply(ask *dns.Msg, in []byte) (*dns.Msg, error) {
	if len(in) < 12 || binary.BigEndian.Uint16(in) != ask.Id || in[2]&0x80 == 0 {
		return nil, nil
	}
	var m dns.Msg
	if err := m.Unpack(in); err != nil {
		if in[2]&0x02 != 0 { // cut off in the middle of a record: TC says so
			return &dns.Msg{MsgHdr: dns.MsgHdr{Id: ask.Id, Response: true, Truncated: true}, Extra: ask.Extra}, nil
		}
		return nil, malformedError{err}
	}
	if m.Opcode != dns.OpcodeQuery || !repeats(&m, ask.Question[0]) {
		return nil, nil
	}
	return &m, nil
}

// repeats tells whether m is about q. A server that could not read the question
// cannot repeat it.
func repeats(m *dns.Msg, q dns.Question) bool {
	if len(m.Question) == 0 {
		return m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented
	}
	got := m.Question[0]
	return len(m.Question) == 1 && got.Qtype == q.Qtype && got.Qclass == q.Qclass && strings.EqualFold(got.Name, q.Name)
}
