package smtpd

import (
	"slices"

	"yubin/internal/config"
	"yubin/internal/servertls"
)

// tlsParams are the parameters of TLS.
var tlsParams = slices.Concat(servertls.Params("smtpd"), []*config.Def{
	config.SmtpdTLSAuthOnly.Def, config.SmtpdTLSReceivedHeader.Def, config.RelayClientcerts.Def,
})
