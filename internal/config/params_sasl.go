package config

// Logging in to other hosts (RFC 4954): smtp(8) and authd(8).
var (
	SmtpSASLAuthEnable = bothBool("sasl_auth_enable", "no", `
		The client logs in where smtp_sasl_password_maps has a password for the server and the server offers AUTH.`)
	SmtpSASLPasswordMaps = bothList("sasl_password_maps", "", `
		Tables from a server to user:password. A server is looked up by the sender of the message where
		smtp_sender_dependent_authentication says so, then by its host name, then as the next hop that routing wrote, with
		brackets and port: [smtp.example.com]:587. authd(8) alone reads them: they can and should be readable by root only.
		user:oauth2:/FILE in place of a password stands for an access token; authd(8) tells what FILE has.`)
	SmtpSenderDependentAuth = bothBool("sender_dependent_authentication", "no", `
		smtp_sasl_password_maps is asked for the sender first: address, address without extension, @domain. Connections are
		then shared by mail of one sender only.`)
	SmtpSASLSecurityOptions = bothList("sasl_security_options", "noplaintext, noanonymous", `
		What a mechanism must be where there is no TLS: noplaintext (the password is not sent), noanonymous, noactive,
		nodictionary, forward_secrecy, mutual_auth (the server proves that it knows the password).`)
	SmtpSASLTLSSecurityOptions = Client[List]{
		list("smtp_sasl_tls_security_options", "$smtp_sasl_security_options", `
			What a mechanism must be within TLS. Most providers need noanonymous here: they offer PLAIN and LOGIN alone.`),
		list("lmtp_sasl_tls_security_options", "$lmtp_sasl_security_options", `
			Like smtp_sasl_tls_security_options, for LMTP.`),
	}
	SmtpSASLTLSVerifiedSecurityOptions = Client[List]{
		list("smtp_sasl_tls_verified_security_options", "$smtp_sasl_tls_security_options", `
			What a mechanism must be within TLS with a server whose certificate is the one that the policy asks for.`),
		list("lmtp_sasl_tls_verified_security_options", "$lmtp_sasl_tls_security_options", `
			Like smtp_sasl_tls_verified_security_options, for LMTP.`),
	}
	SmtpSASLMechanismFilter = bothList("sasl_mechanism_filter", "", `
		The mechanisms that may be used, as a list: names, !name, /file, type:table. Empty: all that are known, which are
		SCRAM-SHA-256-PLUS, SCRAM-SHA-256, SCRAM-SHA-1-PLUS, SCRAM-SHA-1, CRAM-MD5, PLAIN, LOGIN, and for access tokens OAUTHBEARER and XOAUTH2.`)
	SmtpSASLAuthSoftBounce = bothBool("sasl_auth_soft_bounce", "yes", `
		A login that the server refuses for good leaves mail waiting: the password can be mended. Otherwise it goes back.`)

	SmtpTLSMTASTS = boolean("smtp_tls_mta_sts", "yes", `
		Domains that say so (MTA-STS, RFC 8461) get their mail over TLS with a verified certificate only, from the hosts that
		they name. It matters where the level is may or encrypt, the next hop is a domain that smtp_tls_policy_maps does not
		have, and there are no TLSA records for the level dane. The authorities that the system trusts are trusted.`)
)
