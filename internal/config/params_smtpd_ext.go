package config

// Which extensions smtpd(8) offers.
var (
	SmtpdDiscardEhloKeywords = list("smtpd_discard_ehlo_keywords", "", `
		Extensions that smtpd(8) keeps from clients, in any letter case: pipelining, size, vrfy, etrn, starttls, auth,
		requiretls, enhancedstatuscodes, 8bitmime, dsn, smtputf8, chunking, binarymime, limits, deliverby,
		futurerelease. The answer to EHLO
		does not name them; starttls, auth, requiretls, etrn, dsn, smtputf8, chunking, binarymime, deliverby and futurerelease are
		refused, too; binarymime goes with chunking.
		With silent-discard among them the log does not tell of it.`)
	SMTPUTF8Enable = boolean("smtputf8_enable", "yes", `
		smtpd(8) offers SMTPUTF8: addresses may have letters beyond ASCII.`)
	StrictSMTPUTF8 = boolean("strict_smtputf8", "no", `
		Such an address is refused in a message whose client has not asked for SMTPUTF8 at MAIL.`)
	SmtpdDiscardEhloKeywordAddressMaps = list("smtpd_discard_ehlo_keyword_address_maps", "", `
		Tables of such lists, for the address of a client, which count in place of smtpd_discard_ehlo_keywords.`)
)
