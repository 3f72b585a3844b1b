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

	SmtpdConnectionRateLimit = integer("smtpd_client_connection_rate_limit", 0, 0, 1000000, `
		Connections that one client address may make in anvil_rate_time_unit. 0 means no limit. Here and in the limits
		like it, an address of IPv6 stands for its network of 64 bits, each service counts for itself, and the counts are
		lost when the configuration is read again.`)
	SmtpdMessageRateLimit = integer("smtpd_client_message_rate_limit", 0, 0, 1000000, `
		MAIL commands that one client address may give in anvil_rate_time_unit, whether they are taken or not. 0 means
		no limit.`)
	SmtpdRecipientRateLimit = integer("smtpd_client_recipient_rate_limit", 0, 0, 1000000, `
		RCPT commands that one client address may give in anvil_rate_time_unit, whether they are taken or not. 0 means
		no limit.`)
	SmtpdAuthRateLimit = integer("smtpd_client_auth_rate_limit", 0, 0, 1000000, `
		AUTH commands that one client address may give in anvil_rate_time_unit. 0 means no limit but authd(8)'s.`)
	SmtpdTLSSessionRateLimit = integer("smtpd_client_new_tls_session_rate_limit", 0, 0, 1000000, `
		TLS sessions that one client address may begin in anvil_rate_time_unit, except by resuming one. 0 means no limit.`)
	AnvilRateTimeUnit = duration("anvil_rate_time_unit", "60s", time.Second, `
		The time over which the smtpd_client_..._rate_limit count.`)
	SmtpdUserMessageRateLimit = integer("smtpd_user_message_rate_limit", 0, 0, 1000000, `
		MAIL commands that one user who has logged in may give in smtpd_user_rate_time_unit, whether they are taken or not,
		from all addresses together. 0 means no limit. It stops a stolen password from sending the world's spam.`)
	SmtpdUserRecipientRateLimit = integer("smtpd_user_recipient_rate_limit", 0, 0, 1000000, `
		RCPT commands that one user who has logged in may give in smtpd_user_rate_time_unit. 0 means no limit.`)
	SmtpdUserRateTimeUnit = duration("smtpd_user_rate_time_unit", "1h", time.Second, `
		The time over which the smtpd_user_..._rate_limit count.`)
)
