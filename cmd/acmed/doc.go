/*
acmed - show a certificate authority that a name is this host's.

# Description

Where tls_acme_domains is set, authd(8) gets a certificate by ACME and renews it.
The authority then asks, at port 80 of each name, for a proof, which acmed(8) gives:
authd tells it what to show. master.cf wants a line

	http inet n - n - - acmed

Where a web server has port 80 already, let it hand on what is below
/.well-known/acme-challenge/, and give acmed another address:

	127.0.0.1:8080 inet n - n - - acmed

Everything else is answered with 404.

# Files

None.

# Security

acmed runs as smtpd_user, which owns no file. It reads one HTTP request of at most
8 KiB from strangers, within ten seconds. Whoever owns it can have the authority
believe nothing that authd has not asked for.

# Standards

RFC 8555, 8.3 (http-01).

# Diagnostics

A line in the mail log for each proof that was asked for, and warnings when
authd(8) does not answer.

# Exit status

0: there was no work for max_idle, or the service was told to stop.
64: wrong option.
78: the configuration is wrong.

# See also

authd(8), master(8), main.cf(5)
*/
package main
