package smtpd

import (
	"context"

	"yubin/internal/queue"
	"yubin/internal/smtp"
)

func (s *session) cmdRcpt(_ context.Context, args string) smtp.Reply {
	rcpt, params, err := smtp.ParseRcpt(args, s.srv.p.strict)
	if err == nil && len(params) > 0 {
		err = smtp.Unsupported(params[0])
	}
	if err != nil {
		return s.faultOf(err)
	}
	if len(s.msg.recipients) >= s.srv.p.recipients {
		return s.tooMany()
	}
	if r, refused := s.checkRecipient(rcpt); refused {
		s.msg.refused++
		return r
	}
	s.msg.recipients = append(s.msg.recipients, queue.Recipient{Address: s.complete(rcpt), Original: rcpt})
	s.st = inRcpt
	return smtp.Reply{Code: 250, Detail: smtp.DestinationOK, Text: "Ok"}
}

// tooMany refuses a recipient beyond the limit. A client that sends the rest
// in another message is within its rights (RFC 5321, 4.5.3.1.10).
func (s *session) tooMany() smtp.Reply {
	if s.msg.overshoot++; s.msg.overshoot > s.srv.p.overshoot {
		s.errors++
	}
	return smtp.Reply{Code: 452, Detail: smtp.TooManyRecipients, Text: "Error: too many recipients"}
}

// checkRecipient asks the restrictions that are due at RCPT.
func (s *session) checkRecipient(rcpt string) (r smtp.Reply, refused bool) {
	first := stageRelay
	if s.srv.p.delayReject {
		first = stageClient
	}
	for stage := first; stage <= stageRecipient; stage++ {
		if r, refused := s.check(stage, rcpt); refused {
			return r, true
		}
	}
	return r, false
}
