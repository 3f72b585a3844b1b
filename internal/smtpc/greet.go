package smtpc

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"

	"yubin/internal/maillog"
	"yubin/internal/smtp"
)

// A site is a server to try, and how.
type site struct {
	endpoint
	socket  string // of a Unix socket, absolute
	port25  bool   // where mail exchangers listen: it might be this host
	best    bool   // of the destination's servers one of the first
	nexthop string // the domain or host that mail is for
	policy  *policy
	client  client // who logs in

	// For DANE (RFC 7672, 2.2).
	secure    bool   // the DNS vouches that this is a host for the destination
	vouched   bool   // and for its addresses, through all aliases
	canonical string // where its aliases end; "": the host is an address
}

// key names the site among connections that wait for work.
func (s *site) key() string { return s.relay() + " " + s.policy.key(s.nexthop) + s.client.key() }

// greet brings a session to where mail can be sent: greeting, EHLO or HELO, TLS
// as the policy wants it, authentication.
func (s *session) greet(ctx context.Context, at *site) error {
	if at.policy.wrapper {
		if err := s.encrypt(ctx, at); err != nil {
			return err
		}
	}
	if err := s.greeting(at); err != nil {
		return err
	}
	if err := s.hello(at); err != nil {
		return err
	}
	if err := s.upgrade(ctx, at); err != nil {
		return err
	}
	return s.authenticate(at)
}

// greeting reads the server's greeting (RFC 5321, 3.1) and decides whether EHLO
// is tried.
func (s *session) greeting(at *site) error {
	s.within(s.o.wait.helo)
	r, err := s.reply("receiving the initial server greeting")
	if err != nil {
		return err
	}
	if r.class() != 2 {
		f := said(s, r, "host %s refused to talk to me: %s", s.name, r.text)
		if s.o.skip5xx {
			f = f.temporary()
		}
		return f
	}
	words := strings.Fields(r.lines[0])
	esmtp := len(words) > 1 && strings.Contains(strings.ToUpper(r.lines[0]), "ESMTP")
	s.ext.esmtp = (s.o.alwaysEhlo || esmtp || at.policy.level >= levelEncrypt) && !s.o.neverEhlo
	return nil
}

func helloPhase(verb string) string { return "performing the " + verb + " handshake" }

// hello says EHLO, or HELO where that is not understood (RFC 5321, 3.2), or
// LHLO.
func (s *session) hello(at *site) error {
	verb := "HELO"
	switch {
	case s.o.lmtp:
		verb = "LHLO"
	case s.ext.esmtp:
		verb = "EHLO"
	}
	r, err := s.command(helloPhase(verb), s.o.wait.helo, verb+" "+s.o.heloName)
	if err != nil {
		return err
	}
	if verb == "EHLO" && r.class() != 2 && !s.ended {
		verb, s.ext = "HELO", extensions{}
		if r, err = s.command(helloPhase(verb), s.o.wait.helo, "HELO "+s.o.heloName); err != nil {
			return err
		}
	}
	if r.class() != 2 {
		return said(s, r, "host %s refused to talk to me: %s", s.name, r.text)
	}
	// A server of this name at a port where mail exchangers listen is this
	// very system: the message would go round for ever.
	if at.port25 && !s.o.lmtp && strings.EqualFold(serverName(r), s.o.hostname) {
		s.log.Warn("host %s replied to HELO/EHLO with my own hostname %s", s.name, s.o.hostname)
		if at.best {
			return fails(5, smtp.RoutingLoop, "mail for %s loops back to myself", at.nexthop)
		}
	}
	if verb != "HELO" {
		s.ext = parseEhlo(r.lines, s.o.discard)
	}
	return nil
}

// upgrade begins TLS (RFC 3207) where the policy wants it.
func (s *session) upgrade(ctx context.Context, at *site) error {
	p := at.policy
	switch {
	case s.tls != nil:
		return nil
	case p.level == levelNone:
		if s.ext.startTLS && s.o.tls.noteOffer {
			s.log.Info("Host offered STARTTLS: [%s]", s.peer.host)
		}
		return nil
	case s.ext.startTLS:
	case p.level >= levelEncrypt:
		return fails(4, noTLS, "TLS is required, but was not offered by host %s", s.name)
	default:
		return nil
	}
	r, err := s.command("performing the STARTTLS handshake", s.o.wait.startTLS, "STARTTLS")
	if err != nil {
		return &handshakeError{err}
	}
	if r.class() != 2 {
		if p.level < levelEncrypt && !s.ended {
			return nil
		}
		f := said(s, r, "TLS is required, but host %s refused to start TLS: %s", s.name, r.text)
		return f.temporary()
	}
	// Anything behind the reply was put there by somebody who cannot speak
	// TLS with us, and would be taken for what the server says in it.
	if s.r.Buffered() > 0 {
		s.ended = true
		return fails(4, badTLS, "host %s sent plain text behind its reply to STARTTLS", s.name)
	}
	if err := s.encrypt(ctx, at); err != nil {
		return err
	}
	// RFC 3207, 4.2: what was learnt before is forgotten.
	s.ext = extensions{esmtp: true}
	err = s.hello(at)
	var l *lost
	if errors.As(err, &l) {
		// With TLS 1.3 a server that is not content with the handshake says so
		// when this side takes it for done (RFC 8446, 4.4.2.4).
		return &handshakeError{err}
	}
	return err
}

// encrypt makes the TLS handshake. Whether the server is who it must be is
// decided when that has ended, for a clear word of what is wrong.
func (s *session) encrypt(ctx context.Context, at *site) error {
	s.within(s.o.wait.startTLS)
	state := &tlsState{}
	setup := s.o.tls.config(at)
	shown, err := s.o.tls.show(ctx, setup)
	if err != nil {
		return s.certificateless(err)
	}
	c := tls.Client(s.conn, setup)
	if err := c.HandshakeContext(context.WithoutCancel(ctx)); err != nil {
		s.ended = true
		if shown.failed != nil {
			return s.certificateless(shown.failed)
		}
		s.log.On(maillog.TLS).Info("SSL_connect error to %s: %v", s.peer.relay(), shorten(err.Error()))
		return &handshakeError{fails(4, badTLS, "Cannot start TLS: handshake failure")}
	}
	cs := c.ConnectionState()
	state.cs = &cs
	s.use(c)
	s.tls = state
	state.judge(s.o.tls, at)
	s.logTLS()
	s.showTLS()
	return state.refusal
}

// certificateless ends a session that would show a certificate and cannot.
func (s *session) certificateless(err error) error {
	s.ended = true
	s.log.Warn("the certificate for %s cannot be shown: %v", s.peer.relay(), err)
	return fails(4, badTLS, "client TLS configuration problem: the certificate of this host cannot be used now")
}

// A handshakeError is one that leaves plain text to be tried, where the policy
// allows it.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }
