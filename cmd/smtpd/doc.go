// smtpd - receive mail from the network
//
// # Description
//
// Smtpd is the SMTP server. master(8) starts it when a client connects; it
// serves many connections at a time and ends when it has been idle for
// max_idle.
//
// It offers PIPELINING, SIZE, VRFY, ENHANCEDSTATUSCODES, 8BITMIME, DSN, SMTPUTF8, CHUNKING, BINARYMIME and
// LIMITS (smtpd_recipient_limit), but not what smtpd_discard_ehlo_keywords names, STARTTLS where
// TLS is on (and, unless it is insisted on, there is a certificate), AUTH, DELIVERBY and FUTURERELEASE where users log in, and ETRN when
// there are fast_flush_domains: their mail is tried when somebody asks for it, at
// most once a minute, if smtpd_etrn_restrictions and the lists for clients and
// HELO let him. A message
// goes onto a blank queue file that qmgr(8) lends; the client hears "250 2.0.0
// Ok: queued as ID" when qmgr has made content, envelope and name safe on
// stable storage, and not before.
//
// Recipients that do not exist in our domains are refused at RCPT. Mail for
// other domains is taken from clients in mynetworks and from users who have
// logged in. What else may come in
// is decided by the restriction lists: smtpd_client_restrictions,
// smtpd_helo_restrictions, smtpd_sender_restrictions, smtpd_relay_restrictions,
// smtpd_recipient_restrictions, smtpd_data_restrictions and
// smtpd_end_of_data_restrictions. Their elements are asked in order until one
// permits or rejects. These are known:
//
//	permit, reject, defer
//	defer_if_permit, defer_if_reject: refuse for now when in the end nothing, or the
//	rest of this list, would refuse
//	permit_mynetworks, permit_inet_interfaces, permit_auth_destination
//	permit_sasl_authenticated, reject_plaintext_session
//	reject_sender_login_mismatch, reject_known_sender_login_mismatch,
//	reject_authenticated_sender_login_mismatch,
//	reject_unauthenticated_sender_login_mismatch
//	reject_unauth_destination, defer_unauth_destination
//	reject_unlisted_recipient, reject_unlisted_sender
//	reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname
//	reject_non_fqdn_sender, reject_non_fqdn_recipient
//	reject_multi_recipient_bounce, reject_unauth_pipelining
//	permit_tls_clientcerts, permit_tls_all_clientcerts
//	reject_unknown_client_hostname, reject_unknown_reverse_client_hostname
//	check_client_access, check_reverse_client_hostname_access, check_ccert_access, check_helo_access, check_sender_access,
//	check_recipient_access, check_etrn_access, check_sasl_access, each with a table type:name
//	behind it
//	check_policy_service, with inet:host:port or unix:path behind it, or with
//	{ inet:host:port, name=value ... }
//	warn_if_reject, before another one: log, do not refuse
//	a name in smtpd_restriction_classes: the list that the parameter of this name has
//
// A table answers with one of these actions, in which TEXT may be left out:
//
//	OK, a number             the rest of the list is not asked
//	DUNNO                    the next element is asked
//	REJECT TEXT, 4NN TEXT, 5NN TEXT, DEFER TEXT
//	                         refuse; 421 and 521 hang up
//	DEFER_IF_PERMIT TEXT, DEFER_IF_REJECT TEXT
//	                         as the elements of these names
//	restrictions             elements without tables, and classes, are asked
//	INFO TEXT, WARN TEXT     a line in the log
//	FILTER transport:nexthop the message goes there in place of content_filter
//	HOLD TEXT                it is put on hold
//	DISCARD TEXT             it is taken and forgotten; nothing more is asked
//	REDIRECT user@domain     it goes there instead of to its recipients
//	BCC user@domain          this one gets a copy, once
//	PREPEND name: text       the header field is put in front of the others
//
// The last six are about the whole message, whoever it is for; of FILTER and REDIRECT the
// last one counts. Lists that are asked behind the content (smtpd_end_of_data_restrictions)
// have DISCARD alone of them. A table that cannot be read, and what is no action,
// makes the request fail with 451, never with 550. A list with an unknown
// element stops smtpd, and so do lists that let everybody relay.
//
// A policy server is sent what is known, one name=value to a line, up to an empty line, as
// Postfix's SMTPD_POLICY_README has it, and answers action=ACTION with any of the actions
// above, and an empty line. A path is one in queue_directory, or whole. The values behind
// the server hold for it alone: timeout, max_idle, max_ttl, retry_delay, try_limit,
// request_limit, default_action and policy_context, of which the parameters
// smtpd_policy_service_NAME have what holds for all. Sessions share connections.
//
// Only CR LF . CR LF ends a message, from every client. Lines that end in LF
// alone are taken, noted or refused as smtpd_forbid_bare_newline says; a CR
// without LF is content. A message that comes in chunks (BDAT) needs no end; a chunk that
// is too large, or comes where it may not, is read and dropped, and so are those behind it
// until LAST or RSET. BDAT without a size that can be read ends the session. What was
// announced as BODY=BINARYMIME is kept octet by octet; its header alone is lines.
//
// Addresses may have letters beyond ASCII (smtputf8_enable), with strict_smtputf8 only in
// messages whose client has said SMTPUTF8. A domain with such letters goes into the
// queue in A-labels (xn--...); tables of keys, lists and accounts may have it in either form.
//
// # What the postmaster hears
//
// When a session in which something went wrong has ended, the postmaster is sent what was said
// in it, without content and passwords, if its kind is one of notify_classes: policy,
// protocol, data, resource, software, or bounce for recipients that do not exist. At
// most notify_session_limit such letters leave in an hour. They go through the queue as every
// letter does; when that takes none, the log has to do.
//
// # Names of clients
//
// With smtpd_peername_lookup, DNS is asked for the name of a client as soon as it
// connects. The name counts in log, Received field and restrictions when its own
// addresses have the client's; otherwise the client is "unknown", and the log
// says "hostname NAME does not resolve to address ADDRESS".
// The greeting and all commands that do not depend on the name go on meanwhile; a
// restriction or a line of the log that needs it waits, at most 10 seconds. The
// name of a loopback address is "localhost", and nobody is asked.
// reject_unknown_client_hostname refuses who has no name that counts,
// reject_unknown_reverse_client_hostname who has none at all: with
// unknown_client_reject_code, and with 450 while DNS does not answer.
//
// # Speaking for others
//
// Clients in smtpd_authorized_xclient_hosts may say that they are another one:
//
//	XCLIENT NAME=spike.example ADDR=192.0.2.7 HELO=spike PROTO=ESMTP
//
// The attributes are NAME, ADDR (IPV6: in front of an address of IPv6), PORT, PROTO,
// HELO, REVERSE_NAME, LOGIN (a user who has logged in), DESTADDR and DESTPORT,
// their values in xtext, [UNAVAILABLE] or [TEMPUNAVAIL]. The session begins anew with the
// greeting. The name of an ADDR that comes without NAME is looked for in DNS.
//
// Clients in smtpd_authorized_xforward_hosts may say with XFORWARD where the next
// letter comes from: NAME, ADDR, PORT, PROTO, HELO, IDENT (its queue ID there) and
// SOURCE (LOCAL or REMOTE: whether its header is completed as that of our own
// clients). The log has it behind orig_queue_id= and orig_client=, and delivery
// agents get it in place of the session's own attributes. It permits nothing.
//
// With smtpd_tls_security_level, STARTTLS is offered (may) or insisted on (encrypt);
// with smtpd_tls_wrappermode the connection begins with TLS, as on port 465. What a
// client sent ahead of TLS in the clear is dropped, and the session begins anew. TLS
// is version 1.2 or 1.3. Certificates are authd(8)'s, as are the keys. Clients are
// asked for a certificate with smtpd_tls_ask_ccert.
//
// # Submission
//
// With smtpd_sasl_auth_enable clients log in (AUTH). authd(8) decides whether they
// may, and is the only one to see accounts; smtpd passes on what they say and
// logs none of it. The mechanisms offered are authd's, less those that
// smtpd_sasl_mechanism_filter and smtpd_sasl_security_options rule out, and in the
// clear less those that smtpd_tls_auth_only does. master.cf as shipped has the
// services submission (port 587) and submissions (465) for it.
//
// smtpd_sender_login_maps says which users own a sender's address.
// reject_sender_login_mismatch then refuses senders that are another's:
// reject_authenticated_sender_login_mismatch those that a user who has logged in
// does not own, reject_unauthenticated_sender_login_mismatch those that have an
// owner, from clients who have not logged in; reject_known_sender_login_mismatch
// is both, for senders that the tables have.
//
// A letter of local_header_rewrite_clients gets Date, From and Message-Id where it
// lacks them, and loses Bcc. How often clients and users may do things is limited
// by smtpd_client_..._rate_limit and smtpd_user_..._rate_limit.
//
// A user who has logged in may have a letter wait until a time (MAIL with HOLDFOR or
// HOLDUNTIL), and say by when it is to be delivered (BY): it comes back then, or
// the user is told that it is late.
//
// # One session without the network
//
// "smtpd -S", which "sendmail -bs" runs, is one session on standard input and
// output, with the rights of whoever runs it and without master(8). Letters go to
// sendmail(1) (sendmail_path), which leaves them in maildrop/ whether or not the mail
// system runs; what it refuses the client hears as 451. Nothing is restricted, as for
// sendmail; TLS, AUTH, XCLIENT, XFORWARD and DSN are not offered. Lines may end in LF alone.
//
// # Load balancers
//
// With smtpd_upstream_proxy_protocol = haproxy, a connection begins with a header of
// the PROXY protocol, version 1 or 2, which names the client, before TLS and
// greeting:
//
//	10025 inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy
//
// # Files
//
// Smtpd opens lookup tables, and nothing else; with -S no table, and a file without a
// name in the directory for temporary files.
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
//	RFC 3030  CHUNKING, BINARYMIME
//	RFC 3207  STARTTLS
//	RFC 3461  DSN
//	RFC 6152  8BITMIME
//	RFC 6531  SMTPUTF8
//	RFC 9422  LIMITS
//
//	RFC 2852  DELIVERBY
//	RFC 3848  names of transmission types
//	RFC 4865  FUTURERELEASE
//	RFC 4954  AUTH
//	RFC 6409  submission
//	RFC 7372  the codes of clients without a name
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
