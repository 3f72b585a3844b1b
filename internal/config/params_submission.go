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

	LocalHeaderRewriteClients = list("local_header_rewrite_clients", "permit_inet_interfaces", `
		Clients of smtpd(8) whose letters are completed: Date, From and Message-Id are added where they are missing, Bcc,
		Return-Path and Content-Length are taken out, as for letters that sendmail(1) takes. permit_inet_interfaces: this host;
		permit_mynetworks; permit_sasl_authenticated: who has logged in; type:table or check_address_map type:table, which
		is asked for the client's address and the networks above it (static:all is everybody).`)
	AlwaysAddMissingHeaders = boolean("always_add_missing_headers", "no", `
		Date, From and Message-Id are added to every letter that smtpd(8) takes. It breaks signatures.`)
)
