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

	SmtpdSASLAuthEnable = boolean("smtpd_sasl_auth_enable", "no", `
		Clients of smtpd(8) may log in (AUTH, RFC 4954). The shipped master.cf has it for submission and submissions.`)
	SmtpdSASLSecurityOptions = list("smtpd_sasl_security_options", "noanonymous", `
		What a mechanism must be that is offered where there is no TLS: noplaintext (the password is not sent), noanonymous,
		noactive, nodictionary, forward_secrecy, mutual_auth.`)
	SmtpdSASLTLSSecurityOptions = list("smtpd_sasl_tls_security_options", "$smtpd_sasl_security_options", `
		What a mechanism must be that is offered within TLS.`)
	SmtpdTLSAuthOnly = boolean("smtpd_tls_auth_only", "no", `
		AUTH is offered within TLS only; so it is where smtpd_tls_security_level is encrypt. The shipped master.cf has it wherever there is AUTH.`)
	SmtpdSASLLocalDomain = str("smtpd_sasl_local_domain", "", `
		The domain that the name of a user gets who has logged in under a name without one: in the log, in
		smtpd_sender_login_maps, in the queue. Empty: none. It does not change what authd(8) looks up.`)
	SmtpdSASLExceptionsNetworks = list("smtpd_sasl_exceptions_networks", "", `
		Clients that AUTH is not offered to, as in mynetworks.`)
	SmtpdSASLMechanismFilter = list("smtpd_sasl_mechanism_filter", "", `
		The mechanisms that may be used, as a list: names, !name, /file, type:table. Empty: all that authd(8) has.`)
	SmtpdSASLResponseLimit = integer("smtpd_sasl_response_limit", 12288, 12288, 1<<20, `
		The longest line of a client that logs in, octets (RFC 4954, 4).`)
	BrokenSASLAuthClients = boolean("broken_sasl_auth_clients", "no", `
		EHLO has the mechanisms a second time, behind AUTH=, for clients that are older than RFC 2554.`)
	SmtpdSASLAuthenticatedHeader = boolean("smtpd_sasl_authenticated_header", "no", `
		The Received field names the user who has logged in. Everybody whom the letter reaches learns it.`)
	SmtpdHideClientSession = boolean("smtpd_hide_client_session", "no", `
		The Received field says nothing of the client: not its name, address, TLS and login. For submission.`)
	SmtpdSenderLoginMaps = list("smtpd_sender_login_maps", "", `
		Tables from a sender to the users that may send as it, apart by commas or blanks. They are asked for the address, for
		it without its extension, for the local part alone in myorigin and mydestination, and for @domain. See
		reject_sender_login_mismatch in smtpd(8).`)
	SmtpdFutureReleaseLimit = duration("smtpd_future_release_limit", "30d", 0, `
		For how long ahead a user who has logged in may have a message wait for its release (FUTURERELEASE, RFC 4865); 0: not
		at all. maximal_queue_lifetime is counted from the release on.`)
	PlaintextRejectCode = integer("plaintext_reject_code", 450, 400, 599, `
		The reply of reject_plaintext_session.`)
)
