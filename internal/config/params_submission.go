package config

import "time"

// What smtpd(8) has beside plain SMTP between servers.
var (
	SmtpdUpstreamProxyProtocol = choice("smtpd_upstream_proxy_protocol", "", []string{"", "haproxy"}, `
		haproxy: every connection begins with a header of the PROXY protocol, version 1 or 2, which says who the client is.
		Set it for a service of its own in master.cf that only the load balancer can reach: whoever connects there can
		claim any address. A connection without a header is closed.`)
	SmtpdUpstreamProxyTimeout = duration("smtpd_upstream_proxy_timeout", "5s", time.Second, `
		The time a load balancer has for that header.`)
)
