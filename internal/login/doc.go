// Package login is the login role of the programs that people read mail with:
// it takes connections from strangers, does their TLS, passes their logins to
// authd (package auth), and hands the connection of whoever has logged in on to
// a session process (docs/sessions.md). What the client and the server say until
// then is the program's: a Protocol.
//
// It runs without rights, holds no key, sees no password but those on their way
// to authd, and opens no file. What it goes on carrying is TLS: the inner end of
// a connection goes to the session process, and the login process pumps what
// passes, at most 32 KiB each way at a time.
//
// # Log
//
// Lines have the form of Dovecot 2.3, which fail2ban and logwatch know:
//
//	pop3-login: Login: user=<ann>, method=PLAIN, rip=192.0.2.9, lip=192.0.2.1, mpid=77, TLS, session=<...>
//	pop3-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<ann>, method=PLAIN, rip=...
//	pop3-login: Disconnected: Inactivity (no auth attempts in 180 secs): user=<>, rip=...
package login
