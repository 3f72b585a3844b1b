package config

// What Postfix's client had before smtp_tls_security_level, and old main.cf files
// have still.
var (
	SmtpUseTLS = bothBool("use_tls", "no", `
		An old name: yes is the level may, where smtp_tls_security_level is empty.`)
	SmtpEnforceTLS = bothBool("enforce_tls", "no", `
		An old name: yes is the level verify, or encrypt where smtp_tls_enforce_peername is no, if smtp_tls_security_level is
		empty or not set.`)
	SmtpTLSEnforcePeername = bothBool("tls_enforce_peername", "yes", `
		Whether smtp_enforce_tls looks at certificates.`)
)
