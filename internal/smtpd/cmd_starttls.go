package smtpd

import (
	"context"

	"yubin/internal/maillog"
	"yubin/internal/servertls"
	"yubin/internal/smtp"
)

// mustStartTLS is the reply to what is not done in the clear where TLS is
// insisted on (RFC 3207, 4).
var mustStartTLS = smtp.Reply{Code: 530, Detail: smtp.SecurityOther, Text: "Must issue a STARTTLS command first"}

// cmdStarttls begins TLS (RFC 3207). What the client has sent behind the command
// is dropped, and the session begins anew: neither counts what somebody in
// between may have put in.
func (s *session) cmdStarttls(ctx context.Context, args string) smtp.Reply {
	switch {
	case args != "":
		return s.fault(501, smtp.BadArguments, "Syntax: STARTTLS")
	case s.tls != nil:
		return s.fault(554, smtp.BadCommand, "Error: TLS already active")
	case !s.offersTLS() || s.discards("STARTTLS"):
		return s.fault(502, smtp.BadCommand, "Error: command not implemented")
	}
	if s.tooOften(eventTLS) {
		return s.tooManyTLS()
	}
	if err := s.srv.tls.Available(ctx); err != nil {
		s.srv.log.Warn("no TLS for %v: %v", s.client(), err)
		return s.fault(454, smtp.SecurityOther, "TLS not available due to local problem")
	}
	s.w.reply(smtp.Reply{Code: 220, Text: "Ready to start TLS"})
	if err := s.w.flush(); err != nil {
		s.broken = true
		s.lost(err)
		return smtp.Reply{}
	}
	if !s.startTLS(ctx) {
		s.broken = true
		s.srv.log.On(maillog.LostConnection).Info("lost connection after STARTTLS from %v", s.client())
		return smtp.Reply{}
	}
	s.helo, s.esmtp, s.who = "", false, identity{}
	s.reset()
	if why := s.srv.tls.Refusal(s.tls); why != "" {
		return s.abort(why)
	}
	return smtp.Reply{} // the client speaks next
}

// tooManyTLS ends a session whose client makes too many handshakes.
func (s *session) tooManyTLS() smtp.Reply {
	return s.hangUp(421, smtp.SecurityOther, "too many new TLS sessions from "+s.peer.address())
}

// abort ends a session whose client has not the certificate that it needs.
func (s *session) abort(why string) smtp.Reply {
	s.srv.log.On(maillog.Reject).Info("NOQUEUE: abort: TLS from %v: %s", s.client(), why)
	return s.hangUp(421, smtp.Detail{Subject: 7, Detail: 1}, why)
}

// offersTLS tells whether STARTTLS does something now.
func (s *session) offersTLS() bool {
	return s.tls == nil && s.srv.tls.Level() != servertls.None && !s.srv.tls.Wrapper()
}

// canTLS is false where it is known that STARTTLS would be refused: some clients
// defer mail then that may go in the clear. Where it may not, that is better than
// to be told 530.
func (s *session) canTLS() bool {
	return s.srv.tls.Level() == servertls.Encrypt || !s.srv.tls.Lacking()
}
