package config

import "time"

// A KeySet is where the certificates and keys of one service are.
type KeySet struct {
	Set       string // smtpd, pop3d, imapd: servers; smtp, lmtp: clients; as in SET_tls_cert_file
	Cert, Key String
	// ECCert and ECKey are a second pair, in Postfix only; Def is nil where
	// there is none.
	ECCert, ECKey String
	Chains        List
}

// Rows returns the rows of the table.
func (k KeySet) Rows() []*Def {
	rows := []*Def{k.Cert.Def, k.Key.Def, k.Chains.Def}
	if k.ECCert.Def != nil {
		rows = append(rows, k.ECCert.Def, k.ECKey.Def)
	}
	return rows
}

// keySet makes the rows of a service; those of a server default to tls_NAME.
func keySet(set, shared, who string, ec bool) KeySet {
	certName, keyName, chainsName := set+"_tls_cert_file", set+"_tls_key_file", set+"_tls_chain_files"
	cert, whose := "", " It is empty where there is none."
	if shared != "" {
		cert, whose = "$"+shared+"_cert_file", ""
	}
	k := KeySet{Set: set}
	k.Cert = str(certName, cert, `
		The file with the certificate of `+who+` in PEM form, its issuers behind it, and perhaps its key.`+whose)
	k.Key = computed(keyName, certName+" where that is set, else "+orElse(shared, "_key_file", "empty"), func(c *Config) string {
		if _, own := c.Raw(certName); own || shared == "" {
			return "$" + certName
		}
		return "$" + shared + "_key_file"
	}, `
		The file with the private key of `+certName+` in PEM form, without a passphrase. Only authd(8) reads it.`)
	k.Chains = computedList(chainsName, "empty where "+certName+" is set, else "+orElse(shared, "_chain_files", "empty"), func(c *Config) string {
		if _, own := c.Raw(certName); own || shared == "" {
			return ""
		}
		return "$" + shared + "_chain_files"
	}, `
		Files that each hold one or more private keys with their certificates in PEM form. Where it is not empty, `+certName+`
		is not looked at.`)
	if ec {
		k.ECCert = str(set+"_tls_eccert_file", "", `
			A second certificate, which is like that of `+certName+`, with a key of another kind (ECDSA).`)
		k.ECKey = str(set+"_tls_eckey_file", "$"+set+"_tls_eccert_file", `
			The file with the private key of `+set+`_tls_eccert_file.`)
	}
	return k
}

func orElse(shared, suffix, none string) string {
	if shared == "" {
		return none
	}
	return shared + suffix
}

// Certificates and keys, which authd(8) alone reads.
var (
	TLSCertFile = str("tls_cert_file", "", `
		The file with the certificate of this host in PEM form, its issuers behind it, and perhaps its key: for every service.
		Where neither it nor tls_chain_files is set, authd(8) makes a certificate that vouches for itself; see tls_self_signed_directory.`)
	TLSKeyFile = str("tls_key_file", "$tls_cert_file", `
		The file with the private key of tls_cert_file in PEM form, without a passphrase. Only authd(8) reads it: make it
		readable for root alone.`)
	TLSChainFiles = list("tls_chain_files", "", `
		Files that each hold one or more private keys with their certificates in PEM form. Where it is not empty, tls_cert_file
		is not looked at. Several chains, of keys of different kinds, serve clients that know only one of them.`)
	TLSSelfSigned = computed("tls_self_signed_directory", "/etc/pki/yubin, or CONFIG_DIRECTORY/pki with a configuration directory other than /etc/yubin", func(c *Config) string {
		if c.Dir == DefaultDir {
			return "/etc/pki/yubin"
		}
		return "$config_directory/pki"
	}, `
		Where authd(8) makes a certificate for $myhostname that vouches for itself, when no certificate is configured,
		or its files are not there: certs/yubin.pem, and its key, private/yubin.key, which only root can read. It is made anew a month before it ends, with
		the same key. Empty: none is made.`)
	TLSServerSNIMaps = list("tls_server_sni_maps", "", `
		Tables from the server name that a client asks for to files with keys and certificates, as in tls_chain_files. A key
		".example.com" stands for all names below that domain. Names in no table get the certificate of the service.`)

	SmtpdKeys = keySet("smtpd", "tls", "smtpd(8)", true)
	Pop3dKeys = keySet("pop3d", "tls", "the POP3 service", false)
	ImapdKeys = keySet("imapd", "tls", "the IMAP service", false)

	// ServerKeys are the sets of servers.
	ServerKeys = []KeySet{SmtpdKeys, Pop3dKeys, ImapdKeys}
)

// A TLSServer is the TLS of one service but for its keys: SET_tls_NAME.
type TLSServer struct {
	Set                                     string
	SecurityLevel                           String
	Wrappermode                             Bool
	Protocols, MandatoryProtocols           List
	Ciphers, MandatoryCiphers               String
	ExcludeCiphers, MandatoryExcludeCiphers List
	AskCcert, ReqCcert                      Bool
	CAfile, CApath                          String
	FingerprintDigest                       String
	Loglevel                                Int
	SessionCacheTimeout, HandshakeTimeout   Duration
	LegacyUse, LegacyEnforce                Bool // Def is nil but for smtpd
}

// Rows returns the rows of the table.
func (s TLSServer) Rows() []*Def {
	rows := []*Def{
		s.SecurityLevel.Def, s.Wrappermode.Def, s.Protocols.Def, s.MandatoryProtocols.Def, s.Ciphers.Def, s.MandatoryCiphers.Def,
		s.ExcludeCiphers.Def, s.MandatoryExcludeCiphers.Def, s.AskCcert.Def, s.ReqCcert.Def, s.CAfile.Def, s.CApath.Def,
		s.FingerprintDigest.Def, s.Loglevel.Def, s.SessionCacheTimeout.Def, s.HandshakeTimeout.Def,
	}
	if s.LegacyUse.Def != nil {
		rows = append(rows, s.LegacyUse.Def, s.LegacyEnforce.Def)
	}
	return rows
}

func tlsServer(set, level, command string) TLSServer {
	n := func(name string) string { return set + "_tls_" + name }
	grades := []string{"null", "export", "low", "medium", "high"}
	return TLSServer{
		Set: set,
		SecurityLevel: choice(n("security_level"), level, []string{"", "none", "may", "encrypt"}, `
			Whether clients get TLS: none (or empty), no; may, `+command+` is offered; encrypt, nothing of worth is done without it.`),
		Wrappermode: boolean(n("wrappermode"), "no", `
			The connection begins with TLS, as on a port of its own, in place of `+command+`. Set it in master.cf for that service.`),
		Protocols: list(n("protocols"), ">=TLSv1.2", `
			The versions of TLS at the level may: ">=TLSv1.2", "<=TLSv1.2", or names, "!" before one to exclude it. There is
			nothing below TLSv1.2.`),
		MandatoryProtocols: list(n("mandatory_protocols"), ">=TLSv1.2", `
			The versions of TLS at the level encrypt.`),
		Ciphers: choice(n("ciphers"), "medium", grades, `
			The grade of the cipher suites of TLSv1.2 at the level may: medium and high are those that encrypt and authenticate in
			one (AEAD); below, also those with CBC. All exchange keys by ECDHE. TLSv1.3 has one set of suites.`),
		MandatoryCiphers: choice(n("mandatory_ciphers"), "medium", grades, `
			The grade at the level encrypt.`),
		ExcludeCiphers: list(n("exclude_ciphers"), "", `
			Cipher suites of TLSv1.2 that are not used: names as OpenSSL has them, or parts of names, as AES128.`),
		MandatoryExcludeCiphers: list(n("mandatory_exclude_ciphers"), "", `
			Cipher suites that are not used at the level encrypt, besides `+n("exclude_ciphers")+`.`),
		AskCcert: boolean(n("ask_ccert"), "no", `
			Clients are asked for a certificate, and need not have one.`),
		ReqCcert: boolean(n("req_ccert"), "no", `
			At the level encrypt clients must have a certificate that an authority of `+n("CAfile")+` or `+n("CApath")+` vouches for.`),
		CAfile: str(n("CAfile"), "", `
			A PEM file with the authorities that are trusted with the certificates of clients.`),
		CApath: str(n("CApath"), "", `
			A directory of such files.`),
		FingerprintDigest: choice(n("fingerprint_digest"), "sha256", []string{"sha256", "sha384", "sha512", "sha1"}, `
			The digest of fingerprints of client certificates.`),
		Loglevel: integer(n("loglevel"), 0, 0, 4, `
			1 logs a line for each TLS handshake; 2 and more say why a certificate is not trusted.`),
		SessionCacheTimeout: duration(n("session_cache_timeout"), "3600s", 0, `
			How long a TLS session may be taken up again, by a ticket that the client keeps. 0: never.`),
		HandshakeTimeout: duration(set+"_starttls_timeout", "300s", time.Second, `
			How long a TLS handshake may take.`),
	}
}

// smtpTLSServer is that of smtpd, which has old names too.
func smtpTLSServer() TLSServer {
	s := tlsServer("smtpd", "", "STARTTLS")
	s.LegacyUse = boolean("smtpd_use_tls", "no", `
		An old name: yes is smtpd_tls_security_level = may, where that is empty.`)
	s.LegacyEnforce = boolean("smtpd_enforce_tls", "no", `
		An old name: yes is smtpd_tls_security_level = encrypt, where that is empty.`)
	return s
}

// TLS of servers.
var (
	SmtpdTLS = smtpTLSServer()
	Pop3dTLS = tlsServer("pop3d", "may", "STLS")
	ImapdTLS = tlsServer("imapd", "may", "STARTTLS")

	// TLSServers are all services with TLS.
	TLSServers = []TLSServer{SmtpdTLS, Pop3dTLS, ImapdTLS}

	TLSProfile = choice("tls_profile", "system", []string{"", "system"}, `
		system: what the policy of the system (crypto-policies of RHEL: DEFAULT, LEGACY, FUTURE, FIPS) forbids is not used in TLS,
		whatever else is set. Empty: it is not asked.`)
	TLSHighCipherlist = str("tls_high_cipherlist", "", `
		The cipher suites of TLSv1.2 in the grade high, by the names that OpenSSL has, apart by colons. A list of rules, as
		Postfix's own, stands for what the grade is without it.`)
	TLSMediumCipherlist = str("tls_medium_cipherlist", "", `
		As tls_high_cipherlist, for the grade medium.`)

	SmtpdTLSReceivedHeader = boolean("smtpd_tls_received_header", "no", `
		Received fields tell the TLS version, the cipher, and the names in a client's certificate.`)
	RequireTLSEnable = boolean("requiretls_enable", "yes", `
		REQUIRETLS (RFC 8689) is offered within TLS, and kept: such a letter goes on over TLS only, to servers that somebody
		vouches for (DNSSEC, DANE, MTA-STS, or a destination that is configured) and that offer it too, else back to its sender. A
		Unix-domain socket, and a destination that smtp_tls_policy_maps has at the level none, count as private. The field
		TLS-Required: No has a letter go on even where DANE or MTA-STS forbid it.`)
	RelayClientcerts = list("relay_clientcerts", "", `
		Tables whose keys are fingerprints of client certificates or of their public keys (smtpd_tls_fingerprint_digest; upper
		case, colons between octets): clients that permit_tls_clientcerts lets through. It needs smtpd_tls_ask_ccert.`)
)
