// Package authd keeps secrets: it alone reads files that only root may read,
// and tells each program as much as that needs. One file a conversation:
//
//	relay.go   smtp asks how to log in to one server (package ipc, relay.go)
//	lookup.go  its key and value in smtp_sasl_password_maps
//	token.go   access tokens (RFC 6749, 6), where the value names a token file
//
// authd.go admits clients by their uid, which the kernel vouches for; what a
// client says decides nothing. A secret goes into a reply and nowhere else: no
// error and no line of the log has one, nor a line of a table that could hold
// one. What cannot be read is an error, never "there is none".
package authd
