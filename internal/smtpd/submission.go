package smtpd

import "yubin/internal/config"

// submissionParams are the parameters of what smtpd has beside plain SMTP
// between servers.
var submissionParams = []*config.Def{
	config.SmtpdUpstreamProxyProtocol.Def, config.SmtpdUpstreamProxyTimeout.Def,
	config.LocalHeaderRewriteClients.Def, config.AlwaysAddMissingHeaders.Def, config.InetInterfaces.Def,
	config.SmtpdConnectionRateLimit.Def, config.SmtpdMessageRateLimit.Def, config.SmtpdRecipientRateLimit.Def,
	config.SmtpdAuthRateLimit.Def, config.SmtpdTLSSessionRateLimit.Def, config.AnvilRateTimeUnit.Def,
	config.SmtpdUserMessageRateLimit.Def, config.SmtpdUserRecipientRateLimit.Def, config.SmtpdUserRateTimeUnit.Def,
	config.SmtpdSASLAuthEnable.Def, config.SmtpdSASLSecurityOptions.Def, config.SmtpdSASLTLSSecurityOptions.Def,
	config.SmtpdTLSAuthOnly.Def, config.SmtpdSASLLocalDomain.Def, config.SmtpdSASLExceptionsNetworks.Def,
	config.SmtpdSASLMechanismFilter.Def, config.SmtpdSASLResponseLimit.Def, config.BrokenSASLAuthClients.Def,
	config.SmtpdSASLAuthenticatedHeader.Def, config.SmtpdHideClientSession.Def,
	config.SmtpdSenderLoginMaps.Def, config.PlaintextRejectCode.Def,
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
	}
	return nil
}
