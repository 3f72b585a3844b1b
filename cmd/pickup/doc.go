/*
pickup - take local letters from maildrop to the queue.

# Description

pickup(8) waits to be told by sendmail(1) that a letter lies in maildrop, and looks
by itself when master(8) wakes it. It copies each letter onto a blank file that
qmgr(8) lends it, under the queue ID that sendmail gave, with a Received field on top and
without Bcc, Resent-Bcc, Return-Path and Content-Length. qmgr removes the file
from maildrop once the message is safe. While the queue takes no mail, letters
stay where they are.

Users take turns: one with ten thousand letters does not keep another's waiting.
A file without sendmail's mark of completeness is taken when it is a minute old
and its checksums are right, and removed when it is unfinished after a day.
Everything else that is no letter is moved to corrupt, with a line in the log.

# Files

/var/spool/yubin/maildrop: letters of sendmail(1).

/var/spool/yubin/corrupt: what could not be read; for a human to look at.

# Security

pickup runs as mail_owner and parses files that local users had sendmail write.
It believes nothing in them: who submitted a letter is who owns the file; links
are not followed and files with two names are refused; addresses, attributes,
lengths and checksums are checked. It has no network. Whoever owns it can read
and forge local letters and reach what mail_owner can.

# Standards

RFC 5322 (message format), RFC 5321, 4.4 (trace information).

# Diagnostics

Lines in the mail log: "ID: uid=N from=<sender>" and "ID: message-id=..." for
each letter; warnings for what was moved to corrupt, and when the queue takes no mail.

# Exit status

0: there was no work for max_idle, or the service was told to stop.
1: maildrop cannot be opened.
64: wrong option.
78: the configuration is wrong.

# See also

sendmail(1), qmgr(8), master(8), main.cf(5)
*/
package main
