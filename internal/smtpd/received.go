package smtpd

import (
	"fmt"
	"strings"
	"time"

	"yubin/internal/header"
	"yubin/internal/smtp"
)

// received is the trace field (RFC 5321, 4.4). It names the recipient only
// when there is no other who would learn of it (RFC 5321, 7.6).
func (s *session) received(now time.Time) string {
	var b strings.Builder
	b.WriteString("Received: ")
	with := ""
	if !s.srv.p().hideClient {
		b.WriteString(s.from() + "\n\t")
		with = " with " + s.transmission()
	}
	fmt.Fprintf(&b, "by %s (%s)%s id %s", s.srv.p().hostname, s.srv.p().mailName, with, s.msg.id)
	if len(s.msg.recipients) == 1 && (s.msg.utf8 || smtp.ASCII(s.msg.recipients[0].Address)) { // as the client gave it: what it stands for is nobody's business
		fmt.Fprintf(&b, "\n\tfor <%s>", smtp.Quote(s.msg.recipients[0].Address))
	}
	fmt.Fprintf(&b, "; %s\n", header.FormatDate(now))
	return b.String()
}

// from is what the trace field says of the client.
func (s *session) from() string {
	helo := s.helo
	if helo == "" {
		helo = s.client().name
	}
	literal := s.peer.address()
	if s.peer.ip.Is6() {
		literal = "IPv6:" + literal
	}
	text := fmt.Sprintf("from %s (%s [%s])%s", helo, s.client().name, literal, s.tlsTrace())
	if s.srv.p().showUser && s.user() != "" {
		text += "\n\t(Authenticated sender: " + comment(s.user()) + ")"
	}
	return text
}

// transmission is the protocol with what was in force (RFC 3848).
func (s *session) transmission() string {
	name := s.proto()
	if s.msg.utf8 {
		name = "UTF8SMTP" // RFC 6531, 4.3
	}
	if s.esmtp && s.encrypted() {
		name += "S"
	}
	if s.esmtp && s.user() != "" {
		name += "A"
	}
	return name
}

// comment makes text fit to stand in a comment of a header field (RFC 5322,
// 3.2.2).
func comment(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || strings.ContainsRune(`()\`, c) {
			return '?'
		}
		return c
	}, text)
}
