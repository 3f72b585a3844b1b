// Package interop holds the tests with mail programs that other people wrote:
// swaks, msmtp, git send-email, mutt, Postfix's smtp-source. Each sends or
// reads as it does on a user's desk, through a private instance of the
// programs in bin/, and the files in the mailboxes are the witness. mbsync,
// offlineimap and others read and sync by IMAP, and imapd answers as Dovecot does,
// but for the differences of testdata/imap_differences.txt. Mail of the
// instance goes into Exim, OpenSMTPD, Postfix and Dovecot, and through a Postfix
// that wants a login, which Dovecot judges (server.sh). PHP, MIME::Lite, Symfony's
// mailer, cron and others call the sendmail command (beside.sh), and pflogsumm,
// logwatch and fail2ban understand the log.
//
// The tests are built with the tag interop; run.sh (make interop) installs the
// programs and runs them.
package interop
