/*
authd - keep secrets, and tell each program as much as it needs.

# Description

authd(8) alone reads the files that only root may read. Programs that face the
network ask it, over the socket public/authd; it knows from the kernel who asks,
and answers nobody else than those who need it.

smtp(8) asks how to log in to one server at a time. The answer is from
smtp_sasl_password_maps: user and password, or user and an access token. Where a
table cannot be read the answer is an error, and mail waits.

The value user:oauth2:/FILE names a token file, for providers that want OAuth 2.0
in place of passwords. It belongs to root, has mode 0600, and has lines

	token_endpoint = https://oauth2.example.com/token
	client_id = ...
	client_secret = ...
	refresh_token = ...
	scope = ...

of which client_secret and scope may be missing. authd asks the endpoint for an
access token when one is needed, keeps it in memory until a minute before its end,
and gets another one when a server does not take it. Where the endpoint gives a
new refresh token with it, that is written into the file: it must lie where authd
can write, as in /var/lib/yubin; the unit for systemd keeps /etc from being written.
The endpoint's
certificate must be of an authority that the system trusts, or of one in
smtp_tls_CAfile. How to get the first refresh token is the provider's business.

smtpd(8), qmgr(8) and local(8) ask which accounts there are, and where their mail
is, through tables of type userdb (users(5)). The answer is from the backends in
auth_backends. A backend that cannot say is an error, and mail waits.

Passwords are checked as many at a time as there are processors. Cheap ones do not
wait for dear ones, and clients take turns: many attempts from one address hold up
no other. Hashes that cost too much are refused before any work is done.

# Files

/etc/yubin/users, or what auth_backends names: accounts, mode 0600.

/etc/yubin/sasl_passwd, or what smtp_sasl_password_maps names: servers and
passwords, mode 0600.

# Security

authd runs as root and parses what root has written, requests of a few fixed
fields from users that it knows, and answers of token endpoints that root has
chosen. It listens to nobody on the network. Whoever owns it owns the system.
No secret is logged; a line of a table that cannot be used is named by its
number alone. Whoever owns smtp(8) can ask for the passwords of relays that
smtp_sasl_password_maps has, if they know their names, and for nothing else.

# Standards

RFC 6749, 6 (refreshing an access token), RFC 6750 (bearer tokens).

# Diagnostics

Warnings in the mail log: tables and token files that cannot be read, endpoints
that give no token, users that may not ask.

# Exit status

0: there was no work for max_idle, or the service was told to stop.
64: wrong option.
78: the configuration is wrong.

# See also

smtp(8), master(8), mailctl(8), main.cf(5), users(5)
*/
package main
