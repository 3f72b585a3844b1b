package smtpd

import (
	"context"

	"yubin/internal/queue"
	"yubin/internal/smtp"
)

// rcptParams are the parameters of RCPT, and the attributes that keep them.
var rcptParams = map[string]struct {
	attr  string
	parse func(string) (string, error)
}{
	"NOTIFY": {queue.AttrNotify, func(value string) (string, error) { // RFC 3461, 4.1
		n, err := smtp.ParseNotify(value)
		return n.String(), err
	}},
	"ORCPT": {queue.AttrOrcpt, smtp.ParseOrcpt}, // RFC 3461, 4.2
}

// recipientAttrs reads the parameters of RCPT.
func (s *session) recipientAttrs(params []smtp.Param) (attrs map[string]string, err error) {
	for _, p := range params {
		if err := s.withheld(p); err != nil {
			return nil, err
		}
		known, ok := rcptParams[p.Name]
		if !ok {
			return nil, smtp.Unsupported(p)
		}
		if err := setAttr(&attrs, known.attr, p.Value, known.parse); err != nil {
			return nil, err
		}
	}
	return attrs, nil
}

func (s *session) cmdRcpt(_ context.Context, args string) smtp.Reply {
	if r, refused := s.limited(eventRecipient, "too many recipients"); refused {
		return r
	}
	rcpt, params, err := smtp.ParseRcpt(args, s.srv.p().strict)
	var attrs map[string]string
	if s.srv.local && err == nil && len(params) > 0 {
		err = smtp.Unsupported(params[0]) // DSN is not offered
	}
	if err == nil {
		err = s.international(rcpt, s.msg.utf8, smtp.BadRecipientSyntax)
	}
	if err == nil {
		attrs, err = s.recipientAttrs(params)
	}
	if err != nil {
		return s.faultOf(err)
	}
	if len(s.msg.recipients) >= s.srv.p().recipients {
		return s.tooMany()
	}
	if r, refused := s.checkRecipient(rcpt); refused {
		s.msg.refused++
		return r
	}
	s.msg.recipients = append(s.msg.recipients, queue.Recipient{Address: s.complete(rcpt), Original: rcpt, Attrs: attrs})
	s.st = inRcpt
	return smtp.Reply{Code: 250, Detail: smtp.DestinationOK, Text: "Ok"}
}

// tooMany refuses a recipient beyond the limit. A client that sends the rest
// in another message is within its rights (RFC 5321, 4.5.3.1.10).
func (s *session) tooMany() smtp.Reply {
	if s.msg.overshoot++; s.msg.overshoot > s.srv.p().overshoot {
		s.errors++
	}
	return smtp.Reply{Code: 452, Detail: smtp.TooManyRecipients, Text: "Error: too many recipients"}
}

// checkRecipient asks the restrictions that are due at RCPT.
func (s *session) checkRecipient(rcpt string) (r smtp.Reply, refused bool) {
	if s.srv.p().delayReject {
		return s.check(rcpt, stageClient, stageHelo, stageSender, stageRelay, stageRecipient)
	}
	return s.check(rcpt, stageRelay, stageRecipient)
}
