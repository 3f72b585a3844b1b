// Package smtpd is the SMTP server: it talks to strangers, decides what may
// come in, and writes it onto blank queue files that qmgr lends (package
// intake). It opens no file of the queue, holds no key and delivers nothing.
//
// One goroutine owns a session; its code is synchronous, with a deadline on
// every wait. Commands are rows of a table (command.go), each in a cmd_*.go;
// restrictions are rows of another (keyword.go). Reading order: server.go,
// session.go, command.go, cmd_data.go.
//
// # End of data
//
// Only CR LF . CR LF ends a message, for every client and whatever
// smtpd_forbid_bare_newline says; that parameter rules over lines which end in
// LF alone. A CR that no LF follows is data and ends nothing. decoder.go has
// the states. A message that comes in chunks has no end to look for: octets are
// counted, and those of a chunk are read whatever the answer is (cmd_bdat.go).
//
// # Standards
//
//	RFC 5321, 4.1, 4.3  commands and their order       command.go, cmd_*.go
//	RFC 5321, 4.4       Received                       message.go
//	RFC 5321, 4.5.2     dots                           decoder.go
//	RFC 5321, 4.5.3     limits and timeouts            wire.go, cmd_rcpt.go
//	RFC 1870            SIZE                           cmd_mail.go
//	RFC 1985            ETRN                           cmd_etrn.go
//	RFC 2034            enhanced status codes          package smtp
//	RFC 2920            PIPELINING                     wire.go, command.go
//	RFC 3030, 2         CHUNKING                       cmd_bdat.go, chunk.go
//	RFC 3030, 3         BINARYMIME                     binary.go
//	RFC 3207            STARTTLS                       cmd_starttls.go, tls.go
//	RFC 3461            DSN                            cmd_mail.go, cmd_rcpt.go; package smtp
//	RFC 2852, 4865      BY, HOLDFOR, HOLDUNTIL         submission.go
//	RFC 3848            names in Received              received.go
//	RFC 4954            AUTH                           cmd_auth.go, login.go
//	RFC 6152            8BITMIME                       cmd_mail.go
//	RFC 6531            SMTPUTF8                       utf8.go, cmd_mail.go, received.go
//	RFC 7372, 3.4       clients without a name         names.go
//	RFC 9422            LIMITS                         cmd_hello.go
//
// XCLIENT and XFORWARD are Postfix's (claim.go, cmd_xclient.go).
package smtpd
