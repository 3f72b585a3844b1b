package config

import "time"

// A Client is a parameter of the SMTP and LMTP client: smtp_NAME, and lmtp_NAME
// for the same in LMTP.
type Client[T interface{ row() *Def }] struct{ SMTP, LMTP T }

// In returns the one for SMTP or for LMTP.
func (c Client[T]) In(lmtp bool) T {
	if lmtp {
		return c.LMTP
	}
	return c.SMTP
}

// Rows returns the rows of the table for both.
func (c Client[T]) Rows() []*Def { return []*Def{c.SMTP.row(), c.LMTP.row()} }

func (d *Def) row() *Def { return d }

// both makes the rows of a Client; what gives one for a name and its text.
func both[T interface{ row() *Def }](name, doc string, what func(name, doc string) T) Client[T] {
	return Client[T]{what("smtp_"+name, doc), what("lmtp_"+name, "Like smtp_"+name+", for LMTP.")}
}

func bothDuration(name, def string, low time.Duration, doc string) Client[Duration] {
	return both(name, doc, func(n, d string) Duration { return duration(n, def, low, d) })
}

func bothInt(name string, def, low, high int, doc string) Client[Int] {
	return both(name, doc, func(n, d string) Int { return integer(n, def, low, high, d) })
}

func bothBool(name, def, doc string) Client[Bool] {
	return both(name, doc, func(n, d string) Bool { return boolean(n, def, d) })
}

func bothString(name, def, doc string) Client[String] {
	return both(name, doc, func(n, d string) String { return str(n, def, d) })
}

func bothList(name, def, doc string) Client[List] {
	return both(name, doc, func(n, d string) List { return list(n, def, d) })
}

// Levels of smtp_tls_security_level; "" is none.
var tlsLevels = []string{"", "none", "may", "encrypt", "dane", "dane-only", "fingerprint", "verify", "secure"}

// smtp(8): the client for SMTP and LMTP.
var (
	// Where to connect.
	SmtpTCPPort = Client[String]{
		str("smtp_tcp_port", "smtp", `
			The port of mail exchangers and of next hops that name none: a number, or smtp, submission, submissions.`),
		str("lmtp_tcp_port", "24", `
			The port of LMTP servers where the next hop names none.`),
	}
	SmtpFallbackRelay = list("smtp_fallback_relay", "", `
		Next hops to try when none of a destination's own can be reached or found.`)
	SmtpHostLookup = bothList("host_lookup", "dns", `
		How the addresses of hosts are found: dns; native, which asks the system (/etc/hosts first); or both, in that order. Mail
		exchangers are those of the DNS all the same, unless smtp_dns_support_level is disabled.`)
	SmtpDNSSupportLevel = both("dns_support_level", `
		Whether name servers are asked. disabled: no mail exchangers are looked for, the next hop is itself the host, whose
		address is found as smtp_host_lookup = native has it; there is no DANE and no MTA-STS. This is not for mail to the
		Internet. enabled, dnssec: they are asked, and what they vouch for counts in any case (resolver_trust_ad). Empty: as
		disable_dns_lookups has it.`,
		func(n, d string) String { return choice(n, "", []string{"", "disabled", "enabled", "dnssec"}, d) })
	DisableDNSLookups = boolean("disable_dns_lookups", "no", `
		The older form of smtp_dns_support_level = disabled, for SMTP and LMTP, which counts where that parameter is empty.`)
	SmtpBindAddress = bothString("bind_address", "", `
		The IPv4 address that connections come from. Empty leaves the choice to the system.`)
	SmtpBindAddress6 = bothString("bind_address6", "", `
		The IPv6 address that connections come from.`)
	SmtpAddressPreference = both("address_preference", `
		Which protocol is tried first among mail exchangers of one preference that have both: any (at random), ipv4, ipv6.`,
		func(n, d string) String { return choice(n, "any", []string{"any", "ipv4", "ipv6"}, d) })
	SmtpBalanceInetProtocols = bothBool("balance_inet_protocols", "yes", `
		When a destination has more addresses than smtp_mx_address_limit, addresses of both protocols are kept, so that a
		network that carries only one of them does not stop the mail.`)
	SmtpRandomizeAddresses = bothBool("randomize_addresses", "yes", `
		Addresses of equal preference are tried in random order.`)
	SmtpMXAddressLimit = bothInt("mx_address_limit", 5, 0, 1000, `
		The most addresses that are tried for one destination in one attempt. 0 means no limit.`)
	SmtpMXSessionLimit = bothInt("mx_session_limit", 2, 0, 1000, `
		The most sessions with one destination in one attempt, counting those that got past greeting and TLS. 0 means no limit.`)
	SmtpDeferIfNoMXAddress = bothBool("defer_if_no_mx_address_found", "no", `
		Mail for a domain none of whose mail exchangers has an address is tried again. Otherwise it goes back.`)
	ProxyInterfaces = list("proxy_interfaces", "", `
		Addresses of this host that its interfaces do not have, behind a proxy or an address translator. With
		inet_interfaces they tell which mail exchangers are this host, and mail for user@[address] is its own.`)

	// How sessions begin.
	SmtpHeloName = str("smtp_helo_name", "$myhostname", `
		The name that EHLO and HELO give.`)
	LmtpLhloName = str("lmtp_lhlo_name", "$myhostname", `
		The name that LHLO gives.`)
	SmtpAlwaysSendEhlo = boolean("smtp_always_send_ehlo", "yes", `
		Sessions begin with EHLO. Otherwise only with servers whose greeting has the word ESMTP.`)
	SmtpNeverSendEhlo = boolean("smtp_never_send_ehlo", "no", `
		Sessions begin with HELO, without any extension.`)
	SmtpSkip5xxGreeting = bothBool("skip_5xx_greeting", "yes", `
		A server that refuses to talk at all (5yz instead of its greeting) counts as one that cannot be reached now: the next
		one is tried. Otherwise the mail goes back.`)
	SmtpSkipQuitResponse = Client[Bool]{
		boolean("smtp_skip_quit_response", "yes", `
			The connection is closed behind QUIT without waiting for the answer.`),
		boolean("lmtp_skip_quit_response", "no", `
			Like smtp_skip_quit_response, for LMTP.`),
	}
	SmtpDiscardEhloKeywords = bothList("discard_ehlo_keywords", "", `
		Extensions that are not used although the server offers them, in any case: pipelining, starttls, 8bitmime, dsn, ...`)

	// How long a step may take.
	SmtpConnectTimeout = Client[Duration]{
		duration("smtp_connect_timeout", "30s", 0, `
			How long connecting to one address may take. 0 leaves it to the system.`),
		duration("lmtp_connect_timeout", "0s", 0, `
			Like smtp_connect_timeout, for LMTP.`),
	}
	SmtpHeloTimeout = Client[Duration]{
		duration("smtp_helo_timeout", "300s", time.Second, `
			How long the greeting may take, and the answer to EHLO or HELO (RFC 5321, 4.5.3.2.1).`),
		duration("lmtp_lhlo_timeout", "300s", time.Second, `
			How long the greeting may take, and the answer to LHLO.`),
	}
	SmtpStarttlsTimeout = bothDuration("starttls_timeout", "300s", time.Second, `
		How long the answer to STARTTLS and the TLS handshake may take.`)
	SmtpMailTimeout = bothDuration("mail_timeout", "300s", time.Second, `
		How long the answer to MAIL may take (RFC 5321, 4.5.3.2.2).`)
	SmtpRcptTimeout = bothDuration("rcpt_timeout", "300s", time.Second, `
		How long the answer to each RCPT may take (RFC 5321, 4.5.3.2.3).`)
	SmtpDataInitTimeout = bothDuration("data_init_timeout", "120s", time.Second, `
		How long the answer to DATA may take (RFC 5321, 4.5.3.2.4).`)
	SmtpDataXferTimeout = bothDuration("data_xfer_timeout", "180s", time.Second, `
		How long the server may take for each block of a message (RFC 5321, 4.5.3.2.5).`)
	SmtpMinDataRate = bothInt("min_data_rate", 500, 1, 1<<30, `
		The lowest rate, in octets a second, at which a message must get across beside smtp_data_xfer_timeout.`)
	SmtpDataDoneTimeout = bothDuration("data_done_timeout", "600s", time.Second, `
		How long the answer to a whole message may take (RFC 5321, 4.5.3.2.6). Giving up early makes duplicates.`)
	SmtpRsetTimeout = bothDuration("rset_timeout", "20s", time.Second, `
		How long the answer to RSET may take.`)
	SmtpQuitTimeout = bothDuration("quit_timeout", "300s", time.Second, `
		How long the answer to QUIT may take, where it is waited for.`)

	SmtpLineLengthLimit = bothInt("line_length_limit", 998, 0, 1<<20, `
		The longest line of a message that is sent in one piece (RFC 5321, 4.5.3.1.6), in octets without its end. A longer one
		is continued on lines that begin with a space, unless the server takes binary messages. 0 means no limit.`)

	// Connections that are used again.
	SmtpConnectionCacheOnDemand = bothBool("connection_cache_on_demand", "yes", `
		A connection is kept for the next message while there is more than one message for a destination.`)
	SmtpConnectionCacheDestinations = bothList("connection_cache_destinations", "", `
		Destinations (next hops as routing names them, without brackets and port; /file; type:table) whose connections are
		always kept for the next message.`)
	SmtpConnectionCacheTimeLimit = bothDuration("connection_cache_time_limit", "2s", time.Second, `
		How long a connection is kept without work.`)
	SmtpConnectionReuseTimeLimit = bothDuration("connection_reuse_time_limit", "300s", time.Second, `
		How long one connection may be used for message after message.`)
	SmtpConnectionReuseCountLimit = bothInt("connection_reuse_count_limit", 0, 0, 1<<30, `
		How many messages one connection may carry. 0 means no limit.`)

	// TLS.
	SmtpTLSSecurityLevel = Client[String]{
		choice("smtp_tls_security_level", "may", tlsLevels, `
			How far TLS is insisted on. none (or empty): plain text; may: TLS where the server offers it, plain text where it does
			not, or where that fails and no password would be sent (then the mail waits); encrypt: TLS or no delivery; fingerprint: with a certificate of smtp_tls_fingerprint_cert_match; verify: with a
			certificate of a trusted authority for the server's name; secure: for the name of the next hop, so that forged DNS
			answers lead nowhere; dane: what the domain's TLSA records ask for, else may (RFC 7672); dane-only: the same, and no
			delivery without them.`),
		choice("lmtp_tls_security_level", "", tlsLevels, `
			Like smtp_tls_security_level, for LMTP. On a Unix-domain socket there is no TLS.`),
	}
	SmtpTLSPolicyMaps = bothList("tls_policy_maps", "", `
		Tables from a next hop, as routing names it, to the level for it and attributes: "secure match=.example.com",
		"fingerprint match=AA:BB:...|CC:DD:...", "encrypt protocols=>=TLSv1.3". A domain's subdomains are found as
		.example.com. The attributes are match, protocols, servername; ciphers and exclude change nothing.`)
	SmtpTLSWrappermode = bothBool("tls_wrappermode", "no", `
		The connection begins with TLS, as on port 465; the level must be encrypt or higher.`)
	SmtpTLSCAfile = bothString("tls_CAfile", "", `
		A PEM file of the certificate authorities that are trusted.`)
	SmtpTLSCApath = bothString("tls_CApath", "", `
		A directory of PEM files of certificate authorities that are trusted.`)
	TLSAppendDefaultCA = boolean("tls_append_default_CA", "no", `
		The certificate authorities that the system trusts are trusted too.`)
	SmtpTLSProtocols = bothList("tls_protocols", ">=TLSv1", `
		The versions of TLS at the level may: ">=TLSv1.2", "<=TLSv1.2", or names, "!" before one to exclude it. There is
		nothing below TLSv1.2.`)
	SmtpTLSMandatoryProtocols = bothList("tls_mandatory_protocols", ">=TLSv1", `
		The versions of TLS at the level encrypt and higher.`)
	SmtpTLSVerifyCertMatch = bothList("tls_verify_cert_match", "hostname", `
		The names that a certificate may have at the level verify: hostname (the server's), nexthop (the destination's),
		dot-nexthop (below that), or names and .domains.`)
	SmtpTLSSecureCertMatch = Client[List]{
		list("smtp_tls_secure_cert_match", "nexthop, dot-nexthop", `
			The names that a certificate may have at the level secure.`),
		list("lmtp_tls_secure_cert_match", "nexthop", `
			Like smtp_tls_secure_cert_match, for LMTP.`),
	}
	SmtpTLSFingerprintCertMatch = bothList("tls_fingerprint_cert_match", "", `
		The fingerprints, of certificate or public key, that are trusted at the level fingerprint: hexadecimal, colons
		between, | or spaces between two.`)
	SmtpTLSFingerprintDigest = both("tls_fingerprint_digest", `
		The digest that fingerprints are made by.`,
		func(n, d string) String {
			return choice(n, "sha256", []string{"sha1", "sha256", "sha384", "sha512"}, d)
		})
	SmtpTLSServername = bothString("tls_servername", "", `
		The name that the server is told in the handshake (SNI): a name, hostname, nexthop; empty: none, but for DANE.`)
	SmtpTLSLoglevel = bothInt("tls_loglevel", 0, 0, 4, `
		1 logs a line for each TLS handshake; 2 and more say why a certificate is not trusted.`)
	SmtpTLSNoteStarttlsOffer = bothBool("tls_note_starttls_offer", "no", `
		The log names servers that offer TLS where the level is none.`)
)
