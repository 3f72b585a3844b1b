// postlog - write to the mail log, as Postfix's command does
//
// # Description
//
// Postlog writes its operands as one line of the mail log, or, without operands, each
// line of standard input. The line goes to maillog_file if the caller may write there,
// else to syslog.
//
// # Exit status
//
// 0 when it was done; 1 for a priority that there is not, or a log that cannot be opened;
// 64 for a wrong command line; 78 for a wrong configuration.
//
// # See also
//
// mailctl(8), main.cf(5), maillog(5)
package main
