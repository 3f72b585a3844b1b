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
}
