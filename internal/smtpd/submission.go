package smtpd

import "yubin/internal/config"

// submissionParams are the parameters of what smtpd has beside plain SMTP
// between servers.
var submissionParams = []*config.Def{
	config.SmtpdUpstreamProxyProtocol.Def, config.SmtpdUpstreamProxyTimeout.Def,
	config.LocalHeaderRewriteClients.Def, config.AlwaysAddMissingHeaders.Def, config.InetInterfaces.Def,
}
