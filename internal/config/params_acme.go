package config

// Certificates by ACME (RFC 8555), which authd(8) gets and acmed(8) proves.
var (
	TLSACMEDomains = list("tls_acme_domains", "", `
		The names of a certificate that authd(8) gets by ACME and renews, for every service that has none of its own. They must
		lead to this host, whose acmed(8) answers at port 80. Until the certificate is there, the one that vouches for itself serves.
		Empty: none is got.`)
	TLSACMEDirectory = str("tls_acme_directory", "https://acme-v02.api.letsencrypt.org/directory", `
		The directory of the certificate authority. Its own certificate must be of an authority that the system trusts, or of one in
		smtp_tls_CAfile.`)
	TLSACMEContact = list("tls_acme_contact", "", `
		Mail addresses that the certificate authority may write to.`)
	TLSACMEAgree = boolean("tls_acme_agree_to_terms", "no", `
		yes: you agree to the terms of service of the certificate authority, which gives no certificate without.`)
	TLSACMEDir = computed("tls_acme_state_directory", "/etc/pki/yubin/acme, or CONFIG_DIRECTORY/pki/acme with a configuration directory other than /etc/yubin", func(c *Config) string {
		if c.Dir == DefaultDir {
			return "/etc/pki/yubin/acme"
		}
		return "$config_directory/pki/acme"
	}, `
		Where the account's key, and the certificate with its key, are kept: account.key and yubin.pem, for root alone.`)

	// ACME are the rows of the table.
	ACME = []*Def{TLSACMEDomains.Def, TLSACMEDirectory.Def, TLSACMEContact.Def, TLSACMEAgree.Def, TLSACMEDir.Def}
)
