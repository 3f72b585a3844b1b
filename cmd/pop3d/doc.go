// pop3d - let people fetch their mail over POP3
//
// # Description
//
// Pop3d is the POP3 server. master(8) starts it when a client connects, for
// entries of master.cf such as
//
//	pop3   inet  n  -  n  -  -  pop3d
//	pop3s  inet  n  -  n  -  -  pop3d -o pop3d_tls_wrappermode=yes
//
// It has two roles, each in processes of its own. The login role takes
// connections, does their TLS, and passes what a client says of itself to
// authd(8). When that is true, authd passes the connection on to master, which
// gives it to a process in the session role that runs as the owner of the mailbox.
// Only then is the client told +OK; while no session can be had it is told -ERR
// [SYS/TEMP] and may try again. A system user has a session process of her own;
// users that share a uid are spread over session_processes. mailctl who lists
// sessions, mailctl kick ends a user's.
//
// Passwords are taken over TLS and from this host, unless
// pop3d_disable_plaintext_auth is no. Clients may use USER and PASS, and AUTH
// with the mechanisms that authd has. STLS is offered when there is a
// certificate; pop3d_tls_security_level = encrypt insists on it.
//
// Deletions take effect at QUIT: a session that ends otherwise deletes nothing.
// A mailbox may have several sessions, unless pop3d_lock_session is yes; what
// another session has removed is answered by -ERR. A session's numbering does
// not change. Messages that were retrieved are marked as seen at QUIT, unless
// pop3d_no_flag_updates is yes. Lines end in CR LF on the wire. STAT and LIST take
// sizes from the names of files where these have them, as Dovecot does, and RETR
// corrects those that lie.
// UIDLs are Dovecot's; pop3d_uidl_format makes them another server's.
//
// A command line may have 16384 octets before login and 1024 afterwards. A
// client that has logged in may be silent, or not take what it is sent, for
// pop3d_timeout.
//
// Mutt 2.2 built with GNU SASL chooses SCRAM-SHA-256-PLUS over TLS, cannot do it,
// and does not find its way to another mechanism: it wants
// pop_authenticators="scram-sha-256:user", or auth_mechanisms without those in
// -PLUS here.
//
// # Files
//
// The login role opens no file. The session role opens the mailbox, a Maildir
// with Dovecot's dovecot-uidlist, as its owner.
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
//	pop3-login: Login: user=<ann>, method=PLAIN, rip=..., lip=..., mpid=..., TLS, session=<...>
//	pop3-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<ann>, ...
//	pop3(ann)<pid><session>: Disconnected: Logged out top=0/0, retr=2/2912, del=0/10, size=41
//
// They tell, of a session: TOP and RETR, how often and octets; messages deleted
// and there before; octets of the mailbox.
//
// # Standards
//
// RFC 1939 without APOP, for which passwords would have to be stored as they
// are; RFC 1734 and 5034 (AUTH), RFC 2449 (CAPA, response codes, PIPELINING),
// RFC 2595 (STLS), RFC 3206 (AUTH, SYS/TEMP, SYS/PERM), RFC 6856 (UTF8, LANG).
// Messages with UTF-8 in their header are given as they are to all clients.
//
// # Exit status
//
// 0 after a normal end, 78 for a wrong configuration, 71 when the system lacks
// something.
//
// # See also
//
// master(8), authd(8), mailctl(8), main.cf(5), master.cf(5)
package main
