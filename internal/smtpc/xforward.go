package smtpc

import (
	"net/netip"
	"strings"

	"yubin/internal/queue"
	"yubin/internal/smtp"
)

// forwardStep is Postfix's XFORWARD: it says where a message came from, to a
// content filter that offers to pass that on.
const forwardStep = "XFORWARD command"

// forwards are the commands that tell the server of the message's client; none
// where it does not offer to listen.
func (t *transaction) forwards() []command {
	s := t.s
	if !s.o.xforward || len(s.ext.xforward) == 0 {
		return nil
	}
	var cs []command
	for _, names := range [][]string{{"NAME", "ADDR", "PORT"}, {"PROTO", "HELO", "IDENT", "SOURCE"}} {
		var b strings.Builder
		for _, name := range names {
			if s.ext.xforward[name] {
				b.WriteString(" " + name + "=" + forwarded(name, t.m.req.ID, t.m.req.Attrs))
			}
		}
		if b.Len() > 0 {
			cs = append(cs, command{step: forwardStep, text: "XFORWARD" + b.String()})
		}
	}
	return cs
}

// forwarded is the value of an attribute of XFORWARD, in xtext.
func forwarded(name, id string, attrs map[string]string) string {
	value := ""
	switch name {
	case "NAME":
		value = attrs[queue.AttrClientName]
	case "ADDR":
		value = attrs[queue.AttrClientAddress]
		if a, err := netip.ParseAddr(value); err == nil && a.Is6() {
			value = "IPV6:" + value
		}
	case "PORT":
		if value = attrs[queue.AttrClientPort]; value == "0" {
			value = ""
		}
	case "PROTO":
		value = attrs[queue.AttrProtocol]
	case "HELO":
		value = attrs[queue.AttrHelo]
	case "IDENT":
		if value = attrs[queue.AttrIdent]; value == "" {
			value = id
		}
	case "SOURCE":
		if value = "LOCAL"; attrs[queue.AttrSource] != "" {
			value = "REMOTE"
		}
	}
	if value == "" || value == "unknown" {
		return "[UNAVAILABLE]"
	}
	return smtp.Xtext(value)
}
