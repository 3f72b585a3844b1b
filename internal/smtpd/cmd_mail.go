package smtpd

import (
	"context"

	"yubin/internal/smtp"
)

// mailParams are the parameters of MAIL.
var mailParams = map[string]func(m *transaction, value string) error{
	"SIZE": func(m *transaction, value string) (err error) { // RFC 1870
		m.size, err = smtp.ParseSize(value)
		return err
	},
	"BODY": func(m *transaction, value string) (err error) { // RFC 6152
		m.body, err = smtp.ParseBody(value)
		return err
	},
}

func (s *session) cmdMail(_ context.Context, args string) smtp.Reply {
	if s.srv.p.heloRequired && s.helo == "" {
		return s.fault(503, smtp.BadCommand, "Error: send HELO/EHLO first")
	}
	sender, params, err := smtp.ParseMail(args, s.srv.p.strict)
	if err != nil {
		return s.faultOf(err)
	}
	m := transaction{sender: s.complete(sender), original: sender}
	for _, p := range params {
		set := mailParams[p.Name]
		if set == nil {
			return s.faultOf(smtp.Unsupported(p))
		}
		if err := set(&m, p.Value); err != nil {
			return s.faultOf(err)
		}
	}
	s.msg, s.st = m, inMail
	if r, refused := s.admitMail(); refused {
		s.reset()
		return r
	}
	return smtp.Reply{Code: 250, Detail: smtp.SenderOK, Text: "Ok"}
}

// admitMail asks whether a message of this sender and size may come now.
func (s *session) admitMail() (r smtp.Reply, refused bool) {
	switch {
	case s.srv.p.messageLimit > 0 && s.msg.size > s.srv.p.messageLimit:
		r = s.fault(552, smtp.TooBig, "Message size exceeds fixed limit")
		s.logRefusal("reject", "MAIL", r)
		return r, true
	case s.srv.depot.Full():
		r = smtp.Reply{Code: 452, Detail: smtp.SystemFull, Text: "Insufficient system storage"}
		s.logRefusal("reject", "MAIL", r)
		return r, true
	case s.srv.p.delayReject:
		return r, false
	}
	return s.check(stageSender, "")
}

// complete adds myorigin to an address without a domain.
func (s *session) complete(addr string) string {
	local, domain := smtp.SplitAddress(addr)
	if local == "" || domain != "" {
		return addr
	}
	return smtp.JoinAddress(local, s.srv.p.origin)
}
