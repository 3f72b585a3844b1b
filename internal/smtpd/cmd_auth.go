package smtpd

import (
	"context"
	"encoding/base64"
	"strings"

	"yubin/internal/auth"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
	"yubin/internal/sasl"
	"yubin/internal/smtp"
)

var (
	badBase64   = smtp.Refuse(501, smtp.BadSyntax, "Error: cannot decode the response")
	aborted     = smtp.Refuse(501, smtp.SecurityOther, "Authentication aborted")
	longAnswer  = smtp.Refuse(500, smtp.TooLong, "SASL response limit exceeded")
	unencrypted = smtp.Refuse(538, smtp.NeedsEncryption, "Encryption required for requested authentication mechanism")
	noMechanism = smtp.Refuse(504, smtp.BadArguments, "Error: unsupported authentication mechanism")
)

// cmdAuth lets the client log in (RFC 4954, 4). What the client says here is
// never logged.
func (s *session) cmdAuth(ctx context.Context, args string) smtp.Reply {
	switch {
	case !s.mayLogin():
		return s.fault(503, smtp.BadCommand, "Error: authentication not enabled")
	case s.helo == "" || !s.esmtp:
		return s.fault(503, smtp.BadCommand, "Error: send EHLO first")
	case s.srv.login.tlsOnly && !s.encrypted():
		return s.faultOf(unencrypted)
	case s.user() != "":
		return s.fault(503, smtp.BadCommand, "Error: already authenticated")
	}
	given := words(args)
	if len(given) < 1 || len(given) > 2 || !validMechanism(given[0]) {
		return s.fault(501, smtp.BadArguments, "Syntax: AUTH mechanism")
	}
	if s.tooOften(eventAuth) {
		return s.fault(450, smtp.NotAuthorized, "Error: too many AUTH commands from "+s.peer.address())
	}
	a := &attempt{s: s, mechanism: strings.ToUpper(given[0])}
	var initial []byte
	if len(given) == 2 {
		var err error
		if initial, err = decodeInitial(given[1]); err != nil {
			return a.refused(err)
		}
	}
	return a.run(ctx, initial)
}

// validMechanism is RFC 4422's sasl-mech, in any letter case.
func validMechanism(name string) bool {
	for i := range len(name) {
		c := name[i]
		if !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return len(name) >= 1 && len(name) <= 20
}

// decodeInitial reads an initial response; "=" is the empty one.
func decodeInitial(text string) ([]byte, error) {
	if text == "=" {
		return []byte{}, nil
	}
	return decodeResponse(text)
}

func decodeResponse(text string) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, badBase64
	}
	return b, nil
}

// An attempt is one AUTH command.
type attempt struct {
	s         *session
	mechanism string // upper case
	exchange  auth.Exchange
}

func (a *attempt) run(ctx context.Context, initial []byte) smtp.Reply {
	s := a.s
	now, others, err := s.mechanisms(ctx)
	switch {
	case err != nil:
		s.srv.log.Warn("%v: SASL %s authentication: %v", s.client(), a.mechanism, err)
		return a.outcome(auth.Unavailable())
	case contains(others, a.mechanism):
		return s.faultOf(unencrypted)
	case !contains(now, a.mechanism):
		return a.refused(noMechanism)
	}
	facts := s.facts()
	if facts.TLS != nil && !sasl.Binds(now) { // smtpd_sasl_mechanism_filter
		without := *facts.TLS
		without.Exporter = nil
		facts.TLS = &without
	}
	x, step := s.srv.login.server.Begin(ctx, a.mechanism, initial, facts, nil)
	a.exchange = x
	for step.State == ipc.AuthGoOn {
		response, err := a.ask(ctx, step.Challenge)
		if err != nil {
			x.Cancel()
			return a.failed(err)
		}
		step = x.Next(ctx, response)
	}
	if step.State == ipc.AuthOK && len(step.Challenge) > 0 {
		// What the mechanism says with success is a challenge, too, and wants an
		// empty response (RFC 4954, 4).
		response, err := a.ask(ctx, step.Challenge)
		if err == nil && len(response) > 0 {
			err = aborted
		}
		if err != nil {
			return a.failed(err)
		}
	}
	return a.outcome(step)
}

// A gone client is one that the session has ended for.
type gone struct{ error }

// A logged refusal is one of what the client does besides logging in. It has been
// counted and is in the log.
type logged struct{ error }

// ask sends a challenge and returns the response. An *smtp.Error ends the
// attempt, gone the session.
func (a *attempt) ask(ctx context.Context, challenge []byte) ([]byte, error) {
	s := a.s
	if err := s.w.reply(smtp.Reply{Code: 334, Text: base64.StdEncoding.EncodeToString(challenge), Plain: true}); err != nil {
		return nil, gone{err}
	}
	line, bare, err := s.w.line(ctx)
	switch {
	case err == errLong:
		return nil, longAnswer
	case err != nil:
		return nil, gone{err}
	}
	if bare {
		if r, refused := s.bareNewline(); refused {
			return nil, logged{&smtp.Error{Reply: r}}
		}
	}
	if r, refused := s.synchronize(true); refused {
		return nil, logged{&smtp.Error{Reply: r}}
	}
	if string(line) == "*" {
		return nil, aborted
	}
	return decodeResponse(string(line))
}

// failed is the reply where the dialogue has gone wrong.
func (a *attempt) failed(err error) smtp.Reply {
	s := a.s
	if g, ok := err.(gone); ok {
		s.broken = true
		s.lost(g.error)
		return smtp.Reply{Code: 421}
	}
	if l, ok := err.(logged); ok {
		return smtp.ReplyTo(l.error)
	}
	if err == aborted {
		s.srv.log.Warn("%v: SASL %s authentication aborted", s.client(), a.mechanism)
		return s.faultOf(err)
	}
	return a.refused(err)
}

// refused is the reply to what no server of accounts has seen.
func (a *attempt) refused(err error) smtp.Reply {
	a.logFailure(smtp.ReplyTo(err).Text, "")
	return a.s.faultOf(err)
}

// outcome is the reply to the end of the exchange.
func (a *attempt) outcome(step auth.Step) smtp.Reply {
	s := a.s
	text := maillog.Clean(step.Text)
	switch step.State {
	case ipc.AuthOK:
		s.who = identity{method: a.mechanism, user: maillog.Clean(s.srv.login.completeUser(step.User))}
		return smtp.Reply{Code: 235, Detail: smtp.SecurityOther, Text: "Authentication successful"}
	case ipc.AuthFailed:
		a.logFailure(text, step.User)
		switch step.Code {
		case ipc.AuthCodePrivacy:
			return s.faultOf(unencrypted)
		case ipc.AuthCodeUnknown:
			return s.faultOf(noMechanism)
		}
		return s.fault(535, smtp.BadCredentials, withReason("Error: authentication failed", text))
	}
	a.logFailure(text, step.User)
	const temporary = "Temporary authentication failure"
	if text == temporary {
		text = ""
	}
	return s.fault(454, smtp.SecurityOther, withReason(temporary, text))
}

func withReason(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}

// logFailure writes the line that intrusion filters look for.
func (a *attempt) logFailure(why, user string) {
	if why == "" {
		why = "(reason unavailable)"
	}
	if user == "" {
		user = "(unavailable)"
	}
	a.s.srv.log.On(maillog.AuthFailure).Warn("%v: SASL %s authentication failed: %s, sasl_username=%.100s",
		a.s.client(), a.mechanism, why, maillog.Clean(user))
}
