// Package servertls is the server's side of TLS for every service: what main.cf
// says of it (SET_tls_...), the handshake, and what is then known of a client.
//
//	servertls.go  the settings
//	handshake.go  a handshake; the key stays in authd (package tlskeys)
//	tickets.go    how long a session may be taken up again
//	facts.go      what log lines, Received fields and logins say of it
//	inspect.go    what mailctl check says against the settings
//
// It speaks TLS 1.2 and 1.3 (RFC 5246, RFC 8446) and nothing older (RFC 8996),
// never renegotiates, and never sees a private key. What protocol follows inside
// is the caller's, as is dropping what a client had sent ahead in the clear.
package servertls
