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

Programs that speak TLS, smtpd(8) and the login processes of POP3 and IMAP, ask for
certificates, and have handshakes signed: the keys stay here. They are named by
tls_cert_file and tls_key_file, or tls_chain_files, for all services, by smtpd_tls_...,
pop3d_tls_... and imapd_tls_... for one, and by tls_server_sni_maps for server names.
The files are looked at when they are used, once a second at most: a renewed
certificate is used from then on, without a reload. A pair that cannot be used, since
the key is not that of the certificate, say, is logged once, and the one from before
is used on. A certificate that ends within 14 days is logged once a day.

With tls_acme_domains authd gets a certificate by ACME and renews it after two thirds
of its life; acmed(8) proves to the authority that the names are this host's. An order
that failed is repeated after an hour, then after longer and longer, at most a day.

Where no certificate is configured, or the files that are configured are not there,
as RHEL's stock main.cf names some that Postfix's package makes, authd makes one that
vouches for itself, for $myhostname, in tls_self_signed_directory, and a warning in
the second case. Servers of other domains take it; people's mail programs ask whether
they trust it.

smtpd(8), qmgr(8) and local(8) ask which accounts there are, and where their mail
is, through tables of type userdb (users(5)). The answer is from the backends in
auth_backends. A backend that cannot say is an error, and mail waits.

Passwords are checked as many at a time as there are processors. Cheap ones do not
wait for dear ones, and clients take turns: many attempts from one address hold up
no other. Hashes that cost too much are refused before any work is done.

# Logins

smtpd(8) and the login processes of POP3 and IMAP pass on what a client says when
it logs in; authd answers whether it may. It looks users up in auth_backends, and
offers the mechanisms that serve every account as its password is kept:

	{PLAIN}          PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256
	{SCRAM-SHA-256}  PLAIN LOGIN SCRAM-SHA-256
	{SCRAM-SHA-1}    PLAIN LOGIN SCRAM-SHA-1
	other hashes     PLAIN LOGIN

SCRAM has -PLUS beside it within TLS 1.3. Each service decides what of it may be
used in the clear. auth_mechanisms names others, or fewer. EXTERNAL must be named
there; a client certificate that TLS has verified then lets in the user whose name
is in it. authd has the name from the program that made the handshake: with EXTERNAL
a login process that was taken over can log in as anybody who has an account.

OAUTHBEARER and XOAUTH2 take access tokens: JSON Web Tokens, whose signature is
checked with oauth2_local_validation_keys, or others, which
oauth2_introspection_url is asked about. oauth2_username_attribute in it must be
a user of auth_backends. Set oauth2_audience and oauth2_issuers, or a token that
somebody gave to another site lets that site in here.

A login that is refused is answered after auth_failure_delay, and logged with the
name that was tried and the client's address.

Programs that know Dovecot's authentication protocol, such as Postfix
(smtpd_sasl_type = dovecot) and Exim (the dovecot authenticator), can ask authd at
the socket of auth_dovecot_socket. They vouch for the client's address, for TLS and
for client certificates.

# Guessing

After three failures a client, an IPv4 address or the /64 of an IPv6 address,
waits before each further attempt: 1, 2, 4, 8, then 15 seconds, and its attempts
are made one after the other. A failure is forgotten after three minutes, ten are
remembered at most. A client that has failed also waits for what others have
failed with the user's name, so that many addresses which guess one password get
little further than one. At most 256 attempts of a client wait, each for 30 seconds
at most; what is beyond that is told to try again later, as is a client with more
than 1000 exchanges under way.

This does not lock owners out. A client without failures of its own does not wait,
whatever others do with the name. A client that has logged in as a user before does
not wait for what others fail from the same address, only for its own failures with
that name. To try the same wrong password again counts once: telephones do. authd
does not end for want of work while failures are remembered; a reload forgets them.

# Files

/etc/yubin/users, or what auth_backends names: accounts, mode 0600.

/etc/pki/yubin/certs/yubin.pem and /etc/pki/yubin/private/yubin.key: the certificate
of its own making, and its key, mode 0600.

/etc/pki/yubin/acme: account.key and yubin.pem, certificate and key; failures, a line
for each order that failed since one went well.

/etc/yubin/sasl_passwd, or what smtp_sasl_password_maps names: servers and
passwords, mode 0600.

data_directory/authd.key: what salts for users who do not exist are made of, so
that they stay the same. It opens nothing. authd writes it when it is missing.

# Security

authd runs as root and parses what root has written, requests of a few fixed
fields from users that it knows, and answers of token endpoints and of a certificate authority that root has
chosen. It listens to nobody on the network. Whoever owns it owns the system.
No secret is logged; a line of a table that cannot be used is named by its
number alone. Whoever owns smtp(8) can ask for the passwords of relays that
smtp_sasl_password_maps has, if they know their names, and for nothing else. Whoever
owns smtpd(8) can make TLS handshakes as this host while that lasts, and has no key
afterwards: digests of TLS's hashes are signed, and for Ed25519, which takes no digest,
what looks like a handshake.
Whoever owns smtpd(8), or a login process, can try passwords, with what addresses
it likes, and reads those that clients send it.

# Standards

RFC 4422 (SASL), RFC 6749, 6 (refreshing an access token), RFC 6750 (bearer tokens),
RFC 7519 (JSON Web Tokens), RFC 7662 (introspection).

# Diagnostics

Warnings in the mail log: certificates that cannot be used or end soon, tables and
token files that cannot be read, endpoints that give no token, users that may not
ask, backends that cannot answer.

With the tag of login_syslog_name, in Dovecot's form:

	auth-worker(PID): passwd-file(bob,192.0.2.10,<SESSION>): Password mismatch
	auth: passwd-file(bob,192.0.2.10,<SESSION>): unknown user

# Exit status

0: there was no work for max_idle, or the service was told to stop.
64: wrong option.
78: the configuration is wrong.

# See also

smtp(8), master(8), mailctl(8), main.cf(5), users(5)
*/
package main
