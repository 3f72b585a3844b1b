// postconf - print and change the configuration, as Postfix's command does
//
// # Description
//
// Postconf prints parameters of main.cf: those that are named, or all; with -n those
// that main.cf sets, with -d defaults. A value that only Postfix knows, and a name that
// nothing refers to, is warned of.
//
// Operands with a = set parameters. The file is replaced at once and whole, with its
// owner and mode; comments and other lines stay. A parameter gets its new value where
// the old one was, or at the end. -X removes parameters, -# makes comments of their
// lines. A change counts after mailctl reload.
//
// With -M it is entries of master.cf, by SERVICE/TYPE; with -F their fields, by
// SERVICE/TYPE/FIELD, where FIELD is service, type, private, unprivileged, chroot,
// wakeup, process_limit or command; with -P the parameters that they set, by
// SERVICE/TYPE/NAME. What is left out, or is a *, stands for all of them, but an
// edit wants every part, and -Me no *. That nothing fits a name is warned of:
//
//	postconf -Mf submission/inet
//	postconf -Me 'maildrop/unix=maildrop unix - n n - - pipe user=vmail argv=/usr/bin/maildrop'
//	postconf -F '*/inet/command'
//	postconf -Fe smtp/inet/process_limit=200
//	postconf -F '*/*/chroot=n'
//	postconf -P submission/inet/syslog_name
//	postconf -Pe submission/inet/smtpd_tls_security_level=encrypt
//	postconf -PX submission/inet/smtpd_tls_security_level
//	postconf -MX maildrop/unix
//
// A changed entry is written anew, each option on a line of its own.
//
// # Files
//
//	/etc/yubin/main.cf, /etc/yubin/master.cf
//
// # Diagnostics
//
// Warnings do not change the exit status.
//
// # Exit status
//
// 0 when it was done; 1 when it was not; 64 for a wrong command line; 78 when main.cf
// cannot be read.
//
// # See also
//
// mailctl(8), main.cf(5), master.cf(5)
package main
