// smtp - deliver mail to other hosts by SMTP and LMTP
//
// # Description
//
// Smtp takes delivery requests from qmgr(8) and sends messages to the servers of
// their next hop. It is started by master(8) when there is work, under the names
// that master.cf has for it: smtp and relay for SMTP, lmtp for LMTP.
//
// A next hop is a domain, whose mail exchangers are asked of the DNS; a host,
// [host], which is asked for its address alone; or an address, [192.0.2.1]; each
// with :port behind it where that is not smtp_tcp_port. Several, apart by commas
// or spaces, are tried in order, and then those of smtp_fallback_relay. For LMTP
// nothing has mail exchangers, and unix:path names a socket.
//
// Mail exchangers are tried by preference, those of one preference in random
// order. This host ends the list: what is behind it is no nearer to the
// destination. A server that cannot be reached, does not want to talk now, or
// puts off all or some recipients leaves them to the next one, up to
// smtp_mx_address_limit addresses and smtp_mx_session_limit sessions. What then
// remains is put off. A refusal for good (5yz) sends the message back, wherever
// in the session it comes; so does a domain that does not exist, or takes no
// mail.
//
// The session uses what the server offers: PIPELINING, SIZE, 8BITMIME, SMTPUTF8,
// DSN, CHUNKING with BINARYMIME, LIMITS. A message with 8-bit octets is made
// quoted-printable for a server without 8BITMIME, and what of a binary message no line can
// hold base64 for one without BINARYMIME. A message with addresses that
// are not ASCII goes back when the server has no SMTPUTF8. Smtp_generic_maps has
// the addresses that mail leaves with in place of others, in the envelope and in the
// header; the log has those that it came with.
//
// Connections are used again for the next message while there is much mail for a
// destination; see smtp_connection_cache_on_demand and the parameters beside it.
//
// A recipient counts as delivered when the server has said so for the whole
// message. When the connection is lost behind its end, nobody can know: the
// message is put off, and may then arrive twice. When it is lost before, the
// server has not got it, and the next one is tried.
//
// With smtp_send_xforward_command, a server that offers XFORWARD, a content filter,
// is told which client a message came from.
//
// Where notify_classes has protocol, qmgr(8) is given what was said in a session whose server
// answered with a code for syntax or order (x0z), or with what is no reply: the
// postmaster hears of it.
//
// # TLS
//
// Smtp_tls_security_level, and smtp_tls_policy_maps for single destinations, say
// how far TLS is insisted on. At the default, may, it is used where it is
// offered, with whatever certificate; what the network carries can then be read
// by those who tamper with it, not by those who only listen. Plain text follows
// a failed handshake at this level alone, and where smtp has no password for the
// server: it would have to say that in the clear as well. Smtp speaks TLS 1.2 and newer.
//
// At the level dane the TLSA records of a mail exchanger say which certificate it
// must have, as far as a name server that validates vouches for them and for the
// way to them (resolver_trust_ad); without records it is may, and records that
// cannot be looked up put mail off.
//
// Where no table has the destination, and the level is may, encrypt, or dane
// without records, a domain can say itself how it wants its mail (MTA-STS):
// policies that it enforces are fetched by HTTPS, kept until they are over, and
// followed. See smtp_tls_mta_sts.
//
// A letter with REQUIRETLS goes over TLS to servers that somebody vouches for, and
// that offer REQUIRETLS themselves; else it goes back with 5.7.30. Whoever vouches:
// DANE, MTA-STS, a level that looks at certificates, or else the DNS (DNSSEC) or
// main.cf for the name and an authority that the system trusts for the certificate.
// A letter with the field TLS-Required: No goes on where DANE and MTA-STS would not
// have it. See requiretls_enable.
//
// A server that asks for a certificate is shown the one of smtp_tls_cert_file or
// smtp_tls_chain_files, whose key stays in authd(8). While it cannot be had, mail for
// servers with TLS waits.
//
// # Logging in
//
// With smtp_sasl_auth_enable smtp logs in to servers that offer it and that
// smtp_sasl_password_maps has a password for, which authd(8) reads. It uses the
// strongest mechanism that both know and that smtp_sasl_security_options and
// smtp_sasl_mechanism_filter allow. A login that is refused leaves mail waiting,
// and so does a password that cannot be had. "mailctl relay set" sets all this for
// one relay.
//
// # Trial
//
// With --trial smtp makes one session with a next hop and prints what is said,
// but for passwords; with a recipient as operand it asks for that too. It sends
// no message. "mailctl relay test" runs it.
//
// # Files
//
//	data_directory/mta-sts                      policies of domains
//	private/smtp, private/relay, private/lmtp   the sockets, below queue_directory
//
// An LMTP server's socket must be open to smtp_user. Below queue_directory that is
// only public/, as in unix:public/dovecot-lmtp; elsewhere it is named by its whole
// path, as in unix:/run/dovecot/lmtp.
//
// # Security
//
// Smtp runs as smtp_user, who owns nothing but policies. It gets each message as one open
// descriptor for reading, and can open no other: whoever takes it over through a
// server's replies reads the messages that it sends, can ask for the passwords of relays, and can have authd sign
// TLS handshakes with the key of smtp_tls_cert_file, which it does not see. It speaks only
// to root, mail_owner and its own user. Replies are bounded in length and time,
// and reach log and notices as one clean line.
//
// # Standards
//
// RFC 5321 (SMTP), RFC 2033 (LMTP), RFC 1870 (SIZE), RFC 2034 (enhanced status
// codes), RFC 2920 (PIPELINING), RFC 3030 (CHUNKING, BINARYMIME), RFC 3207
// (STARTTLS), RFC 3461 (DSN), RFC 4954 (AUTH), RFC 6152 (8BITMIME), RFC 6531 (SMTPUTF8), RFC 7505
// (null MX), RFC 7672 (DANE), RFC 8461 (MTA-STS), RFC 8689
// (REQUIRETLS), RFC 9422 (LIMITS).
//
// # Diagnostics
//
// Qmgr(8) logs what becomes of each recipient. Smtp logs what a server said when
// another one is tried, connections that cannot be made, and, by
// smtp_tls_loglevel, TLS handshakes.
//
// # Exit status
//
// 0 at the end of its work; 69 when a trial has failed; 1 when it cannot start or go on; 64 for a wrong command
// line; 78 for a wrong configuration.
//
// # See also
//
// master(8), qmgr(8), authd(8), mailctl(8), main.cf(5), master.cf(5)
package main
