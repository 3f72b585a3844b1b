/*
pamd - check passwords of system users, and say who they are.

# Description

pamd(8) asks the libraries of the system about its users: PAM whether a password
is right, and the name services of nsswitch.conf(5) who exists, so that users of
SSSD, LDAP or a directory of the company receive mail and log in as those of
/etc/passwd do. It is asked over the socket public/pamd. It is the one program of
the mail system that is linked with the C library; an installation without it
knows the users of /etc/passwd and has no PAM.

authd(8) has it check passwords where auth_backends says pam:SERVICE. SERVICE is
the name of a file in /etc/pam.d. The phases auth and account are run; a right
password of an account that has expired, or that pam_nologin(8) or pam_access(8)
keeps out, is told from a wrong one. There is no session phase: whoever reads mail
does not work on this host, and what the modules of that phase set up would be
gone with the process that asked. PAM_RHOST is the client's address, PAM_RUSER the
user; PAM_TTY is dovecot, the name that rules of that mail system have. A wrong
password is not waited for here (pam_faildelay(8)): authd(8) does that. Empty
passwords are always wrong.

smtpd(8), local(8), qmgr(8) and authd(8) ask it for users and groups. What it has
found out it remembers for pamd_cache_time. "Not found" is believed only when
every name service that is in use has been asked: while SSSD is down its users
are not known, and mail for them waits. Nor do they become unknown when pamd
itself is.

Modules of PAM and of name services can hang or crash. Each question is therefore
answered by a process of its own kind, one at a time: pamd --worker, which pamd
starts. One that takes longer than pamd_time_limit is killed; a crash concerns
one question; and after pamd_max_use questions another process takes its place.
The answer is then that nobody can say now.

# Files

	public/pamd          the socket, below queue_directory
	/etc/nsswitch.conf   name services
	/etc/pam.d/yubin     the PAM service of pam:yubin
	/etc/pam.d/smtp      the one that Cyrus SASL's saslauthd has for SMTP

# Security

pamd runs as root: modules read /etc/shadow, and talk to SSSD. Root and pamd's own
user may have passwords checked; everybody may ask for users
and groups, which are no secret, but others than smtpd_user and mail_owner only
over four connections at once. The daemon parses requests
of a few fixed fields; modules run in the workers. A password is in no argument,
log line or error; it is overwritten in memory when it has been checked, and no
process of this program leaves a core or can be read by others of its user.

# Diagnostics

Warnings in the mail log: modules that fail, hang or crash, name services that do
not answer, users that may not ask. PAM modules write to the log authpriv
themselves.

# Exit status

0: there was no work for max_idle, or the service was told to stop.
64: wrong option.
71: the system does not let it keep memory to itself.
78: the configuration is wrong.

# See also

authd(8), local(8), smtpd(8), master(8), pam(8), nsswitch.conf(5), main.cf(5)
*/
package main
