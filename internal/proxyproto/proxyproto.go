// Package proxyproto reads the PROXY protocol, by which a load balancer tells
// whose connection it passes on: the first octets of the connection, before
// whatever the client says, and before its TLS.
//
//	version 1  PROXY TCP4 192.0.2.1 198.51.100.7 40000 25 CR LF
//	           PROXY TCP6 2001:db8::1 2001:db8::7 40000 25 CR LF
//	           PROXY UNKNOWN anything CR LF
//	version 2  12 octets of signature, version and command, family, length of
//	           the rest, addresses, and values (TLV) that are skipped
//
// The format is HAProxy's doc/proxy-protocol.txt, sections 2.1 and 2.2. Both
// versions are taken, and not one octet behind the header is read, so that the
// descriptor can be handed on. A header is at most 107 octets in version 1 and
// MaxV2 in version 2. The package does not judge whether the peer may say such
// things: whoever can connect where a header is expected can claim any address.
package proxyproto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
)

// Lengths of headers, octets.
const (
	maxV1 = 107
	// MaxV2 is the longest header of version 2 that is taken: more than any
	// balancer sends, certificates' names included.
	MaxV2 = 16 + 4096
)

// signature begins a header of version 2.
const signature = "\r\n\r\n\x00\r\nQUIT\n"

// A Header is what a proxy says of a connection.
type Header struct {
	// Local is set where the connection is the proxy's own (LOCAL), or of a
	// kind that it does not tell (UNKNOWN): the addresses of the connection
	// itself count then, and those below are not valid.
	Local  bool
	Client netip.AddrPort
	Server netip.AddrPort
}

// ErrFormat is a connection that does not begin with a header.
var ErrFormat = errors.New("no PROXY protocol header")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrFormat}, args...)...)
}

// Read reads one header from r and nothing behind it.
func Read(r io.Reader) (Header, error) {
	var start [len(signature)]byte
	if _, err := io.ReadFull(r, start[:]); err != nil {
		return Header{}, err
	}
	switch {
	case string(start[:]) == signature:
		return readV2(r)
	case bytes.HasPrefix(start[:], []byte("PROXY ")):
		return readV1(r, start[:])
	}
	return Header{}, malformed("it begins with %q", start[:])
}

// readV1 reads the rest of the line, an octet at a time: nothing tells where it
// ends.
func readV1(r io.Reader, line []byte) (Header, error) {
	for !bytes.HasSuffix(line, []byte{'\n'}) {
		if len(line) == maxV1 {
			return Header{}, malformed("a line of more than %d octets", maxV1)
		}
		var b [1]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return Header{}, err
		}
		line = append(line, b[0])
	}
	text, ok := strings.CutSuffix(string(line), "\r\n")
	if !ok {
		return Header{}, malformed("a line that does not end in CR LF")
	}
	return parseV1(text)
}

func parseV1(line string) (Header, error) {
	words := strings.Split(line, " ")
	if words[1] == "UNKNOWN" {
		return Header{Local: true}, nil
	}
	if len(words) != 6 || words[1] != "TCP4" && words[1] != "TCP6" {
		return Header{}, malformed("%q", line)
	}
	var h Header
	for _, side := range []struct {
		to         *netip.AddrPort
		addr, port string
	}{{&h.Client, words[2], words[4]}, {&h.Server, words[3], words[5]}} {
		a, err := netip.ParseAddr(side.addr)
		if err != nil || a.Zone() != "" || a.Is4() != (words[1] == "TCP4") {
			return Header{}, malformed("address in %q", line)
		}
		port, ok := decimal(side.port)
		if !ok {
			return Header{}, malformed("port in %q", line)
		}
		*side.to = netip.AddrPortFrom(a.Unmap(), port)
	}
	return h, nil
}

// decimal reads a port: digits, no zero in front.
func decimal(s string) (uint16, bool) {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' || i == 5 || i > 0 && s[0] == '0' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return uint16(n), s != "" && n <= 65535
}

// Version and command, and the families that have addresses of use here.
const (
	v2Local  = 0x20
	v2Proxy  = 0x21
	v2TCP4   = 0x11
	v2TCP6   = 0x21
	v2Unspec = 0x00
)

func readV2(r io.Reader) (Header, error) {
	var fixed [4]byte
	if _, err := io.ReadFull(r, fixed[:]); err != nil {
		return Header{}, err
	}
	length := int(binary.BigEndian.Uint16(fixed[2:]))
	if len(signature)+len(fixed)+length > MaxV2 {
		return Header{}, malformed("%d octets of addresses and values", length)
	}
	rest := make([]byte, length)
	if _, err := io.ReadFull(r, rest); err != nil {
		return Header{}, err
	}
	switch fixed[0] {
	case v2Local:
		return Header{Local: true}, nil
	case v2Proxy:
		return parseV2(fixed[1], rest)
	}
	return Header{}, malformed("version and command %#x", fixed[0])
}

func parseV2(family byte, b []byte) (Header, error) {
	var size int
	switch family {
	case v2TCP4:
		size = 4
	case v2TCP6:
		size = 16
	case v2Unspec:
		return Header{Local: true}, nil
	default:
		// Datagrams and Unix sockets: a receiver may take them as UNSPEC, but
		// a mail server has no such clients.
		return Header{}, malformed("family and protocol %#x", family)
	}
	if len(b) < 2*size+4 {
		return Header{}, malformed("%d octets where two addresses should be", len(b))
	}
	client, _ := netip.AddrFromSlice(b[:size])
	server, _ := netip.AddrFromSlice(b[size : 2*size])
	ports := b[2*size:]
	return Header{
		Client: netip.AddrPortFrom(client.Unmap(), binary.BigEndian.Uint16(ports)),
		Server: netip.AddrPortFrom(server.Unmap(), binary.BigEndian.Uint16(ports[2:])),
	}, nil
}
