package config

import (
	"context"
	"fmt"
	"net"
	"strconv"
)

// ports are the services whose port does not depend on /etc/services
// (Postfix's known_tcp_ports, and ours).
var ports = map[string]uint16{
	"smtp": 25, "lmtp": 24, "submission": 587, "submissions": 465, "smtps": 465,
	"pop3": 110, "pop3s": 995, "imap": 143, "imaps": 993,
}

// Port returns the number of a TCP port that is written as a number or a name.
func Port(ctx context.Context, port string) (uint16, error) {
	if n, err := strconv.ParseUint(port, 10, 16); err == nil {
		return uint16(n), nil
	}
	if n := ports[port]; n != 0 {
		return n, nil
	}
	n, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil || port == "" {
		return 0, fmt.Errorf("port %q: want a number or a name from /etc/services", port)
	}
	return uint16(n), nil
}
