// Package pop3d is the POP3 server, in two roles: the login role (package login)
// has the commands of the AUTHORIZATION state, the session role (package
// session) those of the TRANSACTION state, and the UPDATE state at QUIT. Both
// read their commands from a table. The mailbox is package mailbox's.
//
// A session's numbering is fixed when it begins. Deletions take effect at QUIT
// and not before; a session that ends otherwise deletes nothing (RFC 1939, 6).
// RETR marks a message as seen, at QUIT too. Mailboxes are shared between
// sessions unless pop3d_lock_session says otherwise, as Dovecot does it: a
// message that another session has removed meanwhile is -ERR.
//
// # Standards
//
//	RFC 1939         POP3; no APOP: stored passwords are hashes   login.go, command.go, cmd_*.go
//	RFC 1734, 5034   AUTH                                         login_auth.go
//	RFC 2449         CAPA, response codes, PIPELINING             login.go, command.go
//	RFC 2595, 4      STLS                                         login.go
//	RFC 3206         AUTH, SYS/TEMP, SYS/PERM                     login_auth.go
//	RFC 6856         UTF8, LANG; messages are given as they are   login.go, lang.go
package pop3d
