package route

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"yubin/internal/config"
	"yubin/internal/smtp"
)

// A Hop is one place that mail can go to, as a next hop names it.
type Hop struct {
	Host string     // a name in lower case; "" when Addr or Unix is there
	Addr netip.Addr // an address; not valid when Host or Unix is there
	Port uint16     // 0: the protocol's
	MX   bool       // the mail exchangers of Host are meant, not Host
	Unix string     // the path of a socket; a relative one begins at queue_directory
}

// String is the next hop that reads as h.
func (h Hop) String() string {
	host := h.Host
	switch {
	case h.Unix != "":
		return "unix:" + h.Unix
	case h.Addr.IsValid():
		host = "[" + h.Addr.String() + "]"
	case !h.MX:
		host = "[" + h.Host + "]"
	}
	if h.Port == 0 {
		return host
	}
	return fmt.Sprintf("%s:%d", host, h.Port)
}

// ParseHops reads the next hop of an SMTP transport: one or more of these,
// apart by commas or blanks, to be tried in this order.
//
//	domain  domain:port      the mail exchangers of a domain
//	[host]  [host]:port      a host
//	[192.0.2.1]:port         an address; [2001:db8::1] and [ipv6:2001:db8::1] likewise
//
// A port is a number or a name.
func ParseHops(nexthop string) ([]Hop, error) { return parseHops(nexthop, parseSMTP) }

// ParseLMTP reads the next hop of an LMTP transport. Nothing has mail
// exchangers there, and these can be among them:
//
//	unix:path                a socket
//	inet:host  inet:host:port  the same without inet:
//	192.0.2.1:port           an address without brackets
func ParseLMTP(nexthop string) ([]Hop, error) { return parseHops(nexthop, parseLMTP) }

func parseHops(nexthop string, parse func(string) (Hop, error)) ([]Hop, error) {
	var hops []Hop
	for _, text := range strings.FieldsFunc(nexthop, func(c rune) bool { return strings.ContainsRune(", \t\r\n", c) }) {
		h, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("next hop %q: %w", text, err)
		}
		hops = append(hops, h)
	}
	if len(hops) == 0 {
		return nil, fmt.Errorf("next hop %q: it is empty", nexthop)
	}
	return hops, nil
}

func parseSMTP(text string) (Hop, error) {
	h, err := parseHost(text)
	if err == nil && h.MX && h.Addr.IsValid() {
		return Hop{}, fmt.Errorf("want brackets around an address: [%s]", h.Addr)
	}
	return h, err
}

// parseHost reads a host with or without a port. MX tells that it has no brackets.
func parseHost(text string) (Hop, error) {
	host, port, literal, err := splitHop(text)
	if err != nil {
		return Hop{}, err
	}
	h := Hop{Host: strings.ToLower(strings.TrimSuffix(host, ".")), MX: !literal}
	if port != "" {
		if h.Port, err = config.Port(context.Background(), port); err != nil {
			return Hop{}, err
		}
		if h.Port == 0 {
			return Hop{}, fmt.Errorf("port %q: want a number or a name from /etc/services", port)
		}
	}
	if addr, ok := address(h.Host); ok {
		return Hop{Addr: addr, Port: h.Port, MX: h.MX}, nil
	}
	if !smtp.ValidDomain(h.Host) {
		return Hop{}, fmt.Errorf("%q is neither a domain nor an address", host)
	}
	return h, nil
}

func parseLMTP(text string) (Hop, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if path == "" || strings.ContainsRune(path, 0) {
			return Hop{}, fmt.Errorf("want unix: and the path of a socket")
		}
		return Hop{Unix: path}, nil
	}
	// Without mail exchangers an address can be nothing else, with brackets or not.
	h, err := parseHost(strings.TrimPrefix(text, "inet:"))
	h.MX = false
	return h, err
}

// splitHop parts "host:port" and "[host]:port"; the port may be missing.
func splitHop(text string) (host, port string, literal bool, err error) {
	rest := ""
	if inner, ok := strings.CutPrefix(text, "["); ok {
		if host, rest, ok = strings.Cut(inner, "]"); !ok {
			return "", "", false, fmt.Errorf("'[' without ']'")
		}
		literal = true
	} else {
		i := strings.IndexByte(text, ':')
		if i < 0 {
			return text, "", false, nil
		}
		host, rest = text[:i], text[i:]
	}
	port, ok := strings.CutPrefix(rest, ":")
	if ok == (port == "") {
		return "", "", false, fmt.Errorf("want host:port, have %q behind the host", rest)
	}
	return host, port, literal, nil
}

// address reads an address with or without the "IPv6:" of address literals
// (RFC 5321, 4.1.3).
func address(host string) (netip.Addr, bool) {
	plain, tagged := strings.CutPrefix(host, "ipv6:")
	a, err := netip.ParseAddr(plain)
	if err != nil || a.Zone() != "" || tagged && !a.Is6() {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}
