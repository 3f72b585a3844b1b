// imapd - let people live in their mailbox over IMAP
//
// # Description
//
// Imapd is the IMAP server. master(8) starts it when a client connects, for
// entries of master.cf such as
//
//	imap   inet  n  -  n  -  -  imapd
//	imaps  inet  n  -  n  -  -  imapd -o imapd_tls_wrappermode=yes
//
// It has two roles, each in processes of its own. The login role takes
// connections, does their TLS, and passes what a client says of itself to
// authd(8). When that is true, authd passes the connection on to master, which
// gives it to a process in the session role that runs as the owner of the mailbox.
// Only then is the client told OK; while no session can be had it is told NO
// [UNAVAILABLE] and may try again. A system user has a session process of her
// own; users that share a uid are spread over session_processes. mailctl who
// lists sessions, mailctl kick ends a user's.
//
// Passwords are taken over TLS and from this host, unless
// imapd_disable_plaintext_auth is no; elsewhere LOGINDISABLED is said. Clients
// may use LOGIN, and AUTHENTICATE with the mechanisms that authd has. STARTTLS is
// offered when there is a certificate; imapd_tls_security_level = encrypt insists
// on it.
//
// Mailboxes are a Maildir++ as Dovecot has it, served in place: names have "/"
// between their levels, in modified UTF-7, or in UTF-8 for clients that have
// enabled IMAP4rev2 or UTF8=ACCEPT. Any number of sessions, deliveries, POP3 and
// other programs may use one mailbox at the same time. A client in IDLE hears of
// a letter as soon as it is delivered, one that has given NOTIFY also of those in
// other mailboxes. That takes two of the kernel's inotify watches a mailbox
// (fs.inotify.max_user_watches); mailboxes for which there are none are looked at
// every 30 seconds.
//
// A command may have imapd_command_size_limit octets; messages that clients put
// into mailboxes go to the disk as they come, and may have
// imapd_append_size_limit octets.
//
// A mailbox with its folders may have a quota: the account's, quota_rule's, or that
// of its file maildirsize (main.cf(5), users(5)). Clients see it by GETQUOTAROOT
// INBOX, as the root "User quota". APPEND and COPY that have no room are answered NO
// [OVERQUOTA]; MOVE within what counts needs none. Nobody sets limits by IMAP.
//
// # Files
//
// The login role opens no file. The session role opens the mailbox, a Maildir
// with Dovecot's dovecot-uidlist and dovecot-keywords, as its owner.
//
// # Security
//
// Who takes over a login process can log in as nobody. He can read the TLS
// sessions that the process carries: login_process_sessions bounds them, down
// to a process for each connection. It holds no key; authd signs for it. A
// session process has what its user has, and nothing else. That several virtual
// users share one contains faults and is no wall between them.
//
// # Diagnostics
//
// Log lines begin with login_syslog_name, dovecot unless it is changed, and have
// Dovecot's form:
//
//	imap-login: Login: user=<ann>, method=PLAIN, rip=..., lip=..., mpid=..., TLS, session=<...>
//	imap-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<ann>, ...
//	imap(ann)<pid><session>: Disconnected: Logged out in=118 out=1422 deleted=0 expunged=0 trashed=0 hdr_count=2 hdr_bytes=900 body_count=0 body_bytes=0
//
// They tell, of a session: octets from and to the client; messages that it
// marked as deleted, removed, and copied to the folder used as \Trash; headers
// and texts that it fetched, how often and octets.
//
// # Standards
//
// RFC 3501 and RFC 9051, and the extensions that CAPABILITY names; docs/imap.md
// has the list, and what differs from Dovecot.
//
// # Exit status
//
// 0 after a normal end, 78 for a wrong configuration, 71 when the system lacks
// something.
//
// # See also
//
// master(8), authd(8), pop3d(8), mailctl(8), main.cf(5), master.cf(5)
package main
