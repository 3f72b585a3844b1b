// Package auth is how smtpd and the login roles of pop3d and imapd let clients
// log in: they pass on what a client says in a SASL exchange (RFC 4422), and
// never learn whether a password is right but by the answer. A Server says it:
// authd, over its role "auth" (package ipc, auth.go; docs/IPC.md has the
// dialogue), or a Dovecot auth service (package dovecotauth).
//
//	auth.go    Server, Exchange, Step
//	client.go  Client, the Server that is authd
//	link.go    its connection, with many exchanges under way
//
// The package knows no mechanism, keeps no secret and logs nothing that a client
// said. Nobody answering is a temporary failure, never a wrong password.
package auth
