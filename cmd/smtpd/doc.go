// smtpd - receive mail from the network
//
// # Description
//
// Smtpd is the SMTP server. master(8) starts it when a client connects; it
// serves many connections at a time and ends when it has been idle for
// max_idle.
//
// It offers PIPELINING, SIZE, VRFY, ENHANCEDSTATUSCODES, 8BITMIME and DSN, and ETRN when
// there are fast_flush_domains: their mail is tried when somebody asks for it, at
// most once a minute, if smtpd_etrn_restrictions and the lists for clients and
// HELO let him. A message
// goes onto a blank queue file that qmgr(8) lends; the client hears "250 2.0.0
// Ok: queued as ID" when qmgr has made content, envelope and name safe on
// stable storage, and not before.
//
// Recipients that do not exist in our domains are refused at RCPT. Mail for
// other domains is taken from clients in mynetworks only. What else may come in
// is decided by the restriction lists: smtpd_client_restrictions,
// smtpd_helo_restrictions, smtpd_sender_restrictions, smtpd_relay_restrictions,
// smtpd_recipient_restrictions, smtpd_data_restrictions and
// smtpd_end_of_data_restrictions. Their elements are asked in order until one
// permits or rejects. These are known:
//
//	permit, reject, defer
//	permit_mynetworks, permit_auth_destination, permit_sasl_authenticated
//	reject_unauth_destination, defer_unauth_destination
//	reject_unlisted_recipient, reject_unlisted_sender
//	reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname
//	reject_non_fqdn_sender, reject_non_fqdn_recipient
//	reject_multi_recipient_bounce, reject_unauth_pipelining
//	check_client_access, check_helo_access, check_sender_access,
//	check_recipient_access, check_etrn_access, each with a table type:name
//	behind it
//	warn_if_reject, before another one: log, do not refuse
//
// A table answers OK, a number, DUNNO, REJECT, DEFER, or a reply code 4NN or
// 5NN, each of the last four with a text if it likes. A table that cannot be
// read makes the request fail with 451, never with 550. A list with an unknown
// element stops smtpd, and so do lists that let everybody relay.
//
// Only CR LF . CR LF ends a message, from every client. Lines that end in LF
// alone are taken, noted or refused as smtpd_forbid_bare_newline says; a CR
// without LF is content.
//
// Addresses are ASCII; there is no SMTPUTF8, TLS, AUTH or DNS lookup yet. A
// client is called "unknown" in log and Received field, or "localhost" when its
// address is a loopback address.
//
// # Files
//
// Smtpd opens lookup tables, and nothing else.
//
// # Security
//
// It runs as smtpd_user, which owns no file and can open nothing of the queue:
// blanks come as write-only descriptors over the socket public/qmgr. It parses
// what strangers send. Who takes it over can send mail, and can read and
// falsify the mail that it is receiving at that time; not what is queued or
// delivered.
//
// Lines, header fields, messages, recipients, errors and connections are
// limited; see the parameters. Every wait has a limit: smtpd_timeout for a
// command and for a reply to be taken, the same for a message plus the time
// that smtpd_min_data_rate gives.
//
// # Standards
//
//	RFC 5321  SMTP
//	RFC 1870  SIZE
//	RFC 1985  ETRN
//	RFC 2034  enhanced status codes
//	RFC 2920  PIPELINING
//	RFC 3461  DSN
//	RFC 6152  8BITMIME
//
// # Diagnostics
//
// The lines of the log are Postfix's: connect, client=, reject, lost
// connection, timeout, too many errors, improper command pipelining, disconnect.
//
// # Exit status
//
//	0   idle, replaced or terminated
//	1   it cannot start or go on; the log says why
//	64  there is no listening socket
//	71  the inherited sockets are wrong
//	78  the configuration is wrong
//
// # See also
//
// master(8), qmgr(8), sendmail(1), main.cf(5), master.cf(5)
package main
