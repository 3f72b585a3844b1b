package config

// Certificates that smtp(8) shows to servers which ask for one.
var (
	SmtpKeys = keySet("smtp", "", "smtp(8), for servers that ask for one,", true)
	LmtpKeys = keySet("lmtp", "", "smtp(8), for LMTP servers that ask for one,", true)

	// ClientKeys are the sets of clients.
	ClientKeys = []KeySet{SmtpKeys, LmtpKeys}
)
