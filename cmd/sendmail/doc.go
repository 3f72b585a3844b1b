/*
sendmail - hand a letter to the mail system.

# Description

sendmail reads a letter from standard input, up to the end or to a line of a
single dot, and leaves it in the queue for the recipients that are named on the
command line. It works whether or not the mail system runs: an exit status of 0
means that the letter and its name are on stable storage, and that it will be
delivered or come back.

The command line is that of the historic program. Options may be clustered
(-ti) and arguments glued (-fann); "--" ends them. Accepted and ignored are
-A, -c, -e, -G, -h, -L, -m, -n, -O but for requiretls, -p, -U, -x, and -oX for any X
but i and A; -r is -f. Called as mailq or with -bp it runs mailq(1), as newaliases or
with -bi newaliases(1), for the file that -oA names instead of alias_database. -q
asks qmgr(8) to try everything that waits, -qI and a queue ID one message, -qR and a
domain the mail for that. -bv finds out what would become of a letter to the
recipients on the command line: standard input is not read, nothing is delivered, and
a report is mailed to the sender, as with -v. -bs speaks SMTP on standard input and
output: it runs smtpd(8) -S, without the set-gid group, which comes back to sendmail
with each letter. -XV is not supported yet, and says so.

Lines may end in LF or CRLF. A From, Date or Message-ID field that is missing
is added; Bcc, Resent-Bcc, Return-Path and Content-Length are removed. Lines
"From ..." at the start are dropped. An address without a domain is completed with
myorigin. With -t recipients are those of To, Cc and Bcc, or of Resent-To,
Resent-Cc and Resent-Bcc when there are any, beside those of the command line.
With -v a report on the delivery is mailed to the sender.

# Files

/etc/yubin/main.cf: the configuration; -C or MAIL_CONFIG name another
directory.

/var/spool/yubin/maildrop: where letters wait for pickup(8).

# Security

sendmail runs with the caller's user ID and, set-gid, the group that may create
files in maildrop. It parses what the caller says and types. Before it reads a
configuration directory that is neither the default nor in
alternate_config_directories it gives up the group; so it does before it runs another
program. It keeps only the environment that import_environment lists, opens no
log file, and searches no path. Whoever owns it can put files into maildrop,
which pickup(8) does not trust. maildrop_uid_limit bounds the letters that one
user may have waiting.

# Standards

RFC 5322 (message format), RFC 3461 (options -N, -R, -V), RFC 8689 (-O requiretls=yes), the command line of
Sendmail as Postfix has it.

# Diagnostics

"sendmail: fatal: ..." on standard error, and the same in the mail log;
"sendmail: warning: ..." for what can be done without.

# Exit status

0: the letter is queued, or there was nothing to do.
64: wrong option or argument, or no recipient.
65: the letter or an address cannot be read.
69: the letter is too large, the queue cannot be reached, or the feature is not there.
71: the caller has no login name and named no sender.
75: for now there is no room, or an error of the disk, or the configuration is
wrong: try again later.
77: authorized_submit_users does not list the caller.

# See also

mailq(1), newaliases(1), main.cf(5), pickup(8), qmgr(8)
*/
package main
