// Package dovecotauth is Dovecot's authentication protocol, version 1, as
// Dovecot's documentation publishes it: Postfix, Exim and others ask a Dovecot
// auth service over it, and may ask authd; smtpd may ask a Dovecot auth service.
//
//	line.go    lines and their escapes
//	client.go  New: a Dovecot auth service as an auth.Server
//	wire.go    its connection, as an auth.Wire
//	server.go  the server's side: requests and replies as lines
//
// A line has words, with tabs between them; the first says what it is:
//
//	S: VERSION 1 2 / MECH PLAIN plaintext / SPID 7 / CUID 1 / COOKIE 00ff.. / DONE
//	C: VERSION 1 2 / CPID 8
//	C: AUTH 1 PLAIN service=smtp rip=192.0.2.10 secured resp=AGJvYgB4
//	S: FAIL 1 user=bob   or   OK 1 user=bob   or   CONT 1 BASE64
//	C: CONT 1 BASE64
//
// The package reads no line longer than maxLine, puts no secret into an error,
// and takes what a server says for text to be cleaned.
package dovecotauth
