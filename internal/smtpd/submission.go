package smtpd

import (
	"fmt"
	"time"

	"yubin/internal/config"
	"yubin/internal/queue"
	"yubin/internal/smtp"
)

// submissionParams are the parameters of what smtpd has beside plain SMTP
// between servers.
var submissionParams = []*config.Def{
	config.SmtpdUpstreamProxyProtocol.Def, config.SmtpdUpstreamProxyTimeout.Def,
	config.LocalHeaderRewriteClients.Def, config.AlwaysAddMissingHeaders.Def, config.InetInterfaces.Def,
	config.SmtpdConnectionRateLimit.Def, config.SmtpdMessageRateLimit.Def, config.SmtpdRecipientRateLimit.Def,
	config.SmtpdAuthRateLimit.Def, config.SmtpdTLSSessionRateLimit.Def, config.AnvilRateTimeUnit.Def, config.AnvilStatusUpdateTime.Def,
	config.SmtpdUserMessageRateLimit.Def, config.SmtpdUserRecipientRateLimit.Def, config.SmtpdUserRateTimeUnit.Def,
	config.SmtpdSASLAuthEnable.Def, config.SmtpdSASLType.Def, config.SmtpdSASLPath.Def, config.SmtpdSASLSecurityOptions.Def, config.SmtpdSASLTLSSecurityOptions.Def,
	config.SmtpdTLSAuthOnly.Def, config.SmtpdSASLLocalDomain.Def, config.SmtpdSASLExceptionsNetworks.Def,
	config.SmtpdSASLMechanismFilter.Def, config.SmtpdSASLResponseLimit.Def, config.BrokenSASLAuthClients.Def,
	config.SmtpdSASLAuthenticatedHeader.Def, config.SmtpdHideClientSession.Def,
	config.SmtpdSenderLoginMaps.Def, config.PlaintextRejectCode.Def,
	config.SmtpdFutureReleaseLimit.Def,
}

// loginParam returns what reads a parameter of MAIL that is offered to clients
// that may log in; nil: it is not one, or not offered.
func (s *session) loginParam(name string) func(*transaction, string) error {
	if !s.mayLogin() {
		return nil
	}
	switch name {
	case "AUTH": // RFC 4954, 5
		return s.mailAuth
	case "HOLDFOR", "HOLDUNTIL": // RFC 4865, 4
		if s.srv.p().futureRelease > 0 {
			return s.forUsers(s.holdParam(name))
		}
	case "BY": // RFC 2852, 4
		return s.forUsers(setDeliverBy)
	}
	return nil
}

// forUsers refuses a parameter of MAIL from clients that have not logged in.
func (s *session) forUsers(set func(*transaction, string) error) func(*transaction, string) error {
	if s.user() != "" {
		return set
	}
	return func(*transaction, string) error {
		return smtp.Refuse(530, smtp.SecurityOther, "Authentication required")
	}
}

// holdParam reads HOLDFOR or HOLDUNTIL.
func (s *session) holdParam(name string) func(*transaction, string) error {
	return func(m *transaction, value string) error {
		now := time.Now()
		var until time.Time
		var err error
		if name == "HOLDFOR" {
			var wait time.Duration
			wait, err = smtp.ParseHoldFor(value)
			until = now.Add(wait)
		} else {
			until, err = smtp.ParseHoldUntil(value)
		}
		switch {
		case err != nil:
			return err
		case !m.release.IsZero():
			return smtp.Refuse(501, smtp.BadArguments, "A message has one time of release")
		case until.Before(now):
			return smtp.Refuse(501, smtp.BadArguments, "The time of release is over")
		case until.Sub(now) > s.srv.p().futureRelease:
			return smtp.Refuse(501, smtp.BadArguments, "The time of release is too far ahead")
		}
		m.release = until
		return nil
	}
}

// setDeliverBy reads BY.
func setDeliverBy(m *transaction, value string) error {
	d, err := smtp.ParseDeliverBy(value)
	if err == nil && m.deliverBy != nil {
		err = smtp.Refuse(501, smtp.BadArguments, "A parameter is given twice")
	}
	m.deliverBy = &d
	return err
}

// timing puts into the envelope when the message may go and when it must have
// arrived, which is counted from its release on.
func (m *transaction) timing(env *queue.Envelope, now time.Time) {
	from := now
	if !m.release.IsZero() {
		env.SetRelease(m.release)
		from = m.release
	}
	if d := m.deliverBy; d != nil {
		env.SetDeadline(queue.Deadline{At: from.Add(d.In), Return: d.Return, Trace: d.Trace})
	}
}

// userKeywords are the extensions for users, offered to clients that have logged
// in or may.
func (s *session) userKeywords(auth []string) []string {
	if len(auth) == 0 && s.user() == "" {
		return nil
	}
	words := []string{"DELIVERBY"}
	if limit := s.srv.p().futureRelease; limit > 0 {
		words = append(words, fmt.Sprintf("FUTURERELEASE %d %s", limit/time.Second, time.Now().Add(limit).UTC().Format(time.RFC3339)))
	}
	return words
}
