// postfix - start, stop and reload the mail system, as Postfix's command does
//
// # Description
//
// The operand says what is to be done:
//
//	start        start the mail system in the background
//	start-fg     start it in the foreground, in the place of this program
//	stop, abort  end it and wait until it has ended
//	reload       have it read its configuration again, if every program can use it
//	flush        have it try all that waits
//	check        print what is wrong with the configuration (mailctl check)
//	status       say whether it runs
//	logrotate    give maillog_file and maillog_json_file the date as a suffix and begin new ones
//	tls          set up TLS, see below
//	non-bdb      do nothing, and say so: no Berkeley DB is used
//
// postfix tls with one of these, as in Postfix's postfix-tls(1):
//
//	enable-client                   smtp uses TLS where it is offered, unless main.cf says something of it
//	enable-server [-a KIND] [-b BITS] [HOST...]
//	                                make a key and a certificate, and have smtpd offer TLS with them, likewise
//	new-server-key [-a KIND] [-b BITS] [HOST...]
//	                                make a key and a certificate that vouches for itself, in the configuration
//	                                directory, and say what can be done with them
//	new-server-cert [-a KIND] [-b BITS] [HOST...]
//	                                the same with the key that is in use
//	deploy-server-cert CERT KEY     have smtpd use them
//	output-server-csr [-k KEY] [HOST...]
//	                                print a request for an authority
//	output-server-tlsa [-h HOST] [KEY...]
//	                                print TLSA records for DANE, of the keys in use where none is named
//	all-default-client, all-default-server
//	                                tell by the exit status whether main.cf says nothing of TLS
//
// A KIND is rsa, with BITS, or ecdsa, with a curve in their place; a KEY is a file or a
// kind. Without any of this authd(8) makes a key and a certificate by itself when a
// service offers TLS: smtpd_tls_security_level = may is enough.
//
// set-permissions, upgrade-configuration and post-install do nothing: packages and the start of
// the system see to what they do in Postfix. Where systemd runs the mail system, use
// systemctl: what is started here is none of its units.
//
// # Diagnostics
//
// Postfix says what it does in the log, and on a standard error that is a terminal, in
// the name of postfix-script: "refreshing the Postfix mail system". What went wrong, and
// what status finds ("the Postfix mail system is running: PID: 123"), it says on any
// standard error.
//
// # Exit status
//
// 0 when it was done, or, of status, when the system runs; 1 when it was not, or does
// not run; 64 for a wrong command line; 69 when master cannot be started; 77 when the
// caller may not; 78 for a wrong configuration.
//
// # See also
//
// mailctl(8), maillog(5), master(8), postqueue(1)
package main
