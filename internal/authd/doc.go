// Package authd keeps secrets: it alone reads files that only root may read,
// and tells each program as much as that needs. One file a conversation:
//
//	relay.go   smtp asks how to log in to one server (package ipc, relay.go)
//	lookup.go  its key and value in smtp_sasl_password_maps
//	token.go   access tokens (RFC 6749, 6), where the value names a token file
//
// Letting clients log in (role "auth", package ipc, auth.go):
//
//	login.go           conversations, and what is offered to whom
//	login_exchange.go  one exchange: its steps, its answers and when they go off
//	login_keeper.go    what its mechanism (package sasl) asks of the backends
//	login_guard.go     penalties, and fairness between clients
//	login_oauth.go     whose an access token is (RFC 7519, RFC 7662)
//	login_keys.go      the keys that tokens are signed with (RFC 7517)
//	login_dovecot.go   conversations in Dovecot's protocol (package dovecotauth)
//	login_key.go       what makes the salts of users who do not exist
//
// Nothing tells those who exist from others: a user who does not goes through
// the same steps, every refusal says the same, and goes off on a beat of
// auth_failure_delay; a challenge that an account was looked up for goes off on
// a beat of some milliseconds. Delays are timers: nothing waits in them.
//
// authd.go admits clients by their uid, which the kernel vouches for; what a
// client says decides nothing. A secret goes into a reply and nowhere else: no
// error and no line of the log has one, nor a line of a table that could hold
// one. What cannot be read is an error, never "there is none".
package authd
