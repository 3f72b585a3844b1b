package config

// Clients' names, and who may speak for clients.
var (
	SmtpdPeernameLookup = boolean("smtpd_peername_lookup", "yes", `
		smtpd(8) asks DNS for the name of a client's address. The name counts where its own addresses have the client's; else the
		client is "unknown", as it is without an answer within 10 seconds. Nobody is made to wait before the name matters:
		the log has the connection when the name is known.`)
	UnknownClientRejectCode = integer("unknown_client_reject_code", 450, 400, 599, `
		The reply of reject_unknown_client_hostname and reject_unknown_reverse_client_hostname, except that it is 450 where DNS
		does not answer.`)
	SmtpdAuthorizedXclientHosts = list("smtpd_authorized_xclient_hosts", "", `
		Clients, as in mynetworks, that may say with XCLIENT that they speak for another: restrictions, limits, log and letters
		are that other's then, and LOGIN needs no password. For proxies in front of smtpd(8) and for tests of restrictions.`)
	SmtpdAuthorizedXforwardHosts = list("smtpd_authorized_xforward_hosts", "", `
		Clients, as in mynetworks, that may say with XFORWARD where the next letter comes from: content filters, whose letters keep
		in the log and for programs such as pipe(8)'s the client that brought them. Nothing is permitted by it.`)

	SmtpSendXforward = bothBool("send_xforward_command", "no", `
		Servers that offer XFORWARD, such as content filters that hand letters back to smtpd(8), are told which client a
		letter came from.`)
)
