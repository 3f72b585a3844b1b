package smtpd

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"yubin/internal/maillog"
	"yubin/internal/smtp"
)

// What XCLIENT and XFORWARD take, in the order of their lines in EHLO.
var (
	xclientNames  = []string{"NAME", "ADDR", "PROTO", "HELO", "REVERSE_NAME", "PORT", "LOGIN", "DESTADDR", "DESTPORT"}
	xforwardNames = []string{"NAME", "ADDR", "PROTO", "HELO", "SOURCE", "PORT", "IDENT"}
)

// maxClaim bounds a value that is kept, octets.
const maxClaim = 255

// A claim is what a trusted client says of another one: an attribute of XCLIENT
// or XFORWARD. Its value is "" when there is a doubt.
type claim struct {
	name, value string
	why         doubt
}

// parseClaims reads the arguments of XCLIENT or XFORWARD, which take the
// attributes known: NAME=value, values in xtext (RFC 3461, 4).
func parseClaims(args string, known []string) ([]claim, error) {
	var all []claim
	for _, word := range words(args) {
		name, text, found := strings.Cut(word, "=")
		name = strings.ToUpper(name)
		switch {
		case !found:
			return nil, badClaim("Error: attribute=value expected")
		case !slices.Contains(known, name):
			return nil, badClaim("Bad attribute name: " + shown(name))
		}
		value, ok := smtp.ParseXtext(text)
		if !ok || text == "" || len(value) > maxClaim {
			return nil, badClaim("Bad attribute value syntax: " + shown(text))
		}
		c := claim{name: name, value: value}
		switch strings.ToUpper(value) {
		case "[UNAVAILABLE]", "UNKNOWN":
			c.value, c.why = "", hopeless
		case "[TEMPUNAVAIL]":
			c.value, c.why = "", perhaps
		}
		all = append(all, c)
	}
	if all == nil {
		return nil, badClaim("Syntax: attribute=value...")
	}
	return all, nil
}

func badClaim(text string) error { return smtp.Refuse(501, smtp.BadArguments, text) }

// shown is foreign text as a reply repeats it.
func shown(text string) string {
	text = maillog.Clean(text)
	return text[:min(len(text), 100)]
}

// claims are attributes taken together. given says which.
type claims struct {
	peer
	helo, proto, login, ident, source string
	dest                              netip.Addr
	destPort                          uint16
	given                             map[string]bool
}

// take adds what a client claims; on an error nothing counts.
func (c *claims) take(all []claim) error {
	if c.given == nil {
		c.given = map[string]bool{}
	}
	for _, a := range all {
		if !setters[a.name](c, a) {
			return badClaim("Bad " + a.name + " syntax: " + shown(a.value))
		}
		c.given[a.name] = true
	}
	return nil
}

// setters take one claim; false: the value cannot be one.
var setters = map[string]func(c *claims, a claim) bool{
	"NAME":         func(c *claims, a claim) (ok bool) { c.name, c.noName, ok = a.host(); return ok },
	"REVERSE_NAME": func(c *claims, a claim) (ok bool) { c.reverse, c.noReverse, ok = a.host(); return ok },
	"ADDR":         func(c *claims, a claim) (ok bool) { c.ip, ok = a.addr(); return ok },
	"DESTADDR":     func(c *claims, a claim) (ok bool) { c.dest, ok = a.addr(); return ok },
	"PORT":         func(c *claims, a claim) (ok bool) { c.port, ok = a.port(); return ok },
	"DESTPORT":     func(c *claims, a claim) (ok bool) { c.destPort, ok = a.port(); return ok },
	"PROTO":        func(c *claims, a claim) (ok bool) { c.proto, ok = a.oneOf("SMTP", "ESMTP"); return ok },
	"SOURCE":       func(c *claims, a claim) (ok bool) { c.source, ok = a.oneOf("LOCAL", "REMOTE"); return ok },
	"HELO":         func(c *claims, a claim) bool { c.helo = cleanHelo(a.value); return true },
	"IDENT":        func(c *claims, a claim) bool { c.ident = cleanHelo(a.value); return true },
	"LOGIN":        func(c *claims, a claim) bool { c.login = a.value; return maillog.Clean(a.value) == a.value },
}

// host reads the name of a host.
func (a claim) host() (name string, why doubt, ok bool) {
	if a.why != certain {
		return "unknown", a.why, true
	}
	return a.value, certain, nameable(a.value)
}

// addr reads an address; that of IPv6 has IPV6: in front.
func (a claim) addr() (netip.Addr, bool) {
	if a.why != certain {
		return netip.Addr{}, true
	}
	text, six := a.value, false
	if len(text) > 5 && strings.EqualFold(text[:5], "IPV6:") {
		text, six = text[5:], true
	}
	ip, err := netip.ParseAddr(text)
	return ip, err == nil && ip.Zone() == "" && ip.Is6() == six && !ip.Is4In6()
}

func (a claim) port() (uint16, bool) {
	if a.why != certain {
		return 0, true
	}
	n, err := strconv.ParseUint(a.value, 10, 16)
	return uint16(n), err == nil
}

// oneOf reads a word in any letter case.
func (a claim) oneOf(words ...string) (string, bool) {
	word := strings.ToUpper(a.value)
	return word, a.why != certain || slices.Contains(words, word)
}
