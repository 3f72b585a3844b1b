package smtpd

import (
	"context"

	"yubin/internal/queue"
	"yubin/internal/smtp"
)

// mailParams are the parameters of MAIL.
var mailParams = map[string]func(m *transaction, value string) error{
	"SIZE": func(m *transaction, value string) (err error) { // RFC 1870
		m.size, err = smtp.ParseSize(value)
		return err
	},
	"BODY": func(m *transaction, value string) (err error) { // RFC 6152; RFC 3030, 3
		m.body, err = smtp.ParseBody(value)
		return err
	},
	"SMTPUTF8": func(m *transaction, value string) error { // RFC 6531, 3.4
		if value != "" {
			return smtp.Refuse(501, smtp.BadArguments, "Bad SMTPUTF8 parameter syntax")
		}
		m.utf8 = true
		return nil
	},
	"RET":   once(queue.AttrRet, smtp.ParseRet),     // RFC 3461, 4.3
	"ENVID": once(queue.AttrEnvID, smtp.ParseEnvID), // RFC 3461, 4.4
}

// once is a parameter that is kept as an attribute of the message.
func once(attr string, parse func(string) (string, error)) func(*transaction, string) error {
	return func(m *transaction, value string) error { return setAttr(&m.attrs, attr, value, parse) }
}

// setAttr takes the value of a parameter that may be given once.
func setAttr(attrs *map[string]string, name, value string, parse func(string) (string, error)) error {
	v, err := parse(value)
	if _, given := (*attrs)[name]; err == nil && given {
		err = smtp.Refuse(501, smtp.BadArguments, "A parameter is given twice")
	}
	if err != nil {
		return err
	}
	if *attrs == nil {
		*attrs = map[string]string{}
	}
	(*attrs)[name] = v
	return nil
}

func (s *session) cmdMail(ctx context.Context, args string) smtp.Reply {
	if s.srv.p().heloRequired && s.helo == "" {
		return s.fault(503, smtp.BadCommand, "Error: send HELO/EHLO first")
	}
	if r, refused := s.limited(eventMessage, "too much mail"); refused {
		return r
	}
	sender, params, err := smtp.ParseMail(args, s.srv.p().strict)
	if err != nil {
		return s.faultOf(err)
	}
	m := transaction{sender: s.complete(sender), original: sender, orders: s.orders.clone(), doubts: s.doubts}
	for _, p := range params {
		if err := s.withheld(p); err != nil {
			return s.faultOf(err)
		}
		set := mailParams[p.Name]
		if set == nil {
			set = s.loginParam(p.Name)
		}
		if s.srv.local && (p.Name == "RET" || p.Name == "ENVID") {
			set = nil // DSN is not offered
		}
		if p.Name == "REQUIRETLS" && s.offersRequireTLS() {
			set = once(queue.AttrRequireTLS, requireTLS)
		}
		if set == nil {
			return s.faultOf(smtp.Unsupported(p))
		}
		if err := set(&m, p.Value); err != nil {
			return s.faultOf(err)
		}
	}
	if m.binary() && (s.discards(smtp.BinaryMIME) || s.discards("CHUNKING")) {
		return s.faultOf(smtp.Refuse(501, smtp.BadArguments, "Bad parameter syntax: BODY="+m.body))
	}
	if err := s.international(sender, m.utf8, smtp.BadSenderSyntax); err != nil {
		return s.faultOf(err)
	}
	s.msg, s.st = m, inMail
	if r, refused := s.admitMail(ctx); refused {
		s.reset()
		return r
	}
	return smtp.Reply{Code: 250, Detail: smtp.SenderOK, Text: "Ok"}
}

// admitMail asks whether a message of this sender and size may come now.
func (s *session) admitMail(ctx context.Context) (r smtp.Reply, refused bool) {
	switch {
	case s.srv.p().messageLimit > 0 && s.msg.size > s.srv.p().messageLimit:
		r = s.fault(552, smtp.TooBig, "Message size exceeds fixed limit")
		s.logRefusal("reject", "MAIL", r)
		return r, true
	case s.srv.depot.Full(ctx):
		r = full
		s.logRefusal("reject", "MAIL", r)
		return r, true
	case s.srv.p().delayReject:
		return r, false
	}
	return s.check("", stageSender)
}
