package config

// Delivery reports that senders ask for.
var LmtpAssumeFinal = boolean("lmtp_assume_final", "no", `
	An LMTP server without DSN is the end of the way: a sender who has asked to hear of it is told that his message is
	delivered. Otherwise that it was handed to a system that sends no reports.`)
