package smtpd

import (
	"context"
	"strings"

	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/queuectl"
	"yubin/internal/smtp"
)

// cmdEtrn has the mail that waits for a domain tried (RFC 1985). "@domain" is the
// domain and those below it (5.3); queues with names ("#queue") there are none.
func (s *session) cmdEtrn(_ context.Context, args string) smtp.Reply {
	if s.srv.p().heloRequired && s.helo == "" {
		return s.fault(503, smtp.BadCommand, "Error: send HELO/EHLO first")
	}
	if s.discards("ETRN") {
		return s.fault(502, smtp.BadCommand, "Error: command not implemented")
	}
	if args == "" || strings.ContainsAny(args, " \t") {
		return s.fault(500, smtp.BadArguments, "Syntax: ETRN domain")
	}
	if !queuectl.ValidSite(args) {
		return s.fault(501, smtp.BadArguments, "Error: invalid parameter syntax")
	}
	domain := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(args, "@"), "."))
	if r, refused := s.checkSite(domain); refused {
		return r
	}
	if err := s.srv.flush(args); err != nil {
		s.srv.log.Warn("ETRN %s from %v: %v", args, s.client(), err)
		return smtp.Reply{Code: 458, Detail: smtp.LocalProcessing, Text: "Unable to queue messages"}
	}
	return smtp.Reply{Code: 250, Text: "Queuing started"}
}

// checkSite asks whether this client may have a domain's mail tried.
func (s *session) checkSite(domain string) (r smtp.Reply, refused bool) {
	due := []stage{stageClient, stageHelo, stageEtrn}
	if !s.srv.p().delayReject {
		due = due[2:]
	}
	if r, refused := s.check(domain, due...); refused {
		return r, true
	}
	switch served, err := s.srv.flushed.Domain(domain); {
	case err != nil:
		s.srv.log.Warn("%s of %s: %v", config.FastFlushDomains.Name, domain, err)
		return smtp.Reply{Code: 458, Detail: smtp.LocalProcessing, Text: "Unable to queue messages"}, true
	case !served:
		return s.fault(459, smtp.NotAuthorized, "<"+domain+">: service unavailable"), true
	}
	return r, false
}

// newFlush asks qmgr, which answers before it has looked.
func newFlush(c *config.Config) func(site string) error {
	client := queuectl.New(c, "smtpd")
	return func(site string) error {
		return client.Do(ipc.ControlRequest{Op: ipc.OpFlush, To: site, Later: true}, queuectl.Ignore)
	}
}
