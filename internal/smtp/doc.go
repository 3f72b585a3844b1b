// Package smtp is the vocabulary that SMTP servers and clients share: replies,
// enhanced status codes, paths and addresses. It performs no I/O and looks
// nothing up.
//
// An address has two forms. The internal form, local@domain with the local part
// unquoted, is what the queue, the tables and the log hold: `john doe@example.com`.
// The external form is what goes onto the wire and into headers:
// `"john doe"@example.com`. The domain starts behind the last @ of the internal
// form. Every address that a parser of this package returns is valid UTF-8
// without control characters, at most MaxAddress octets long.
//
// # Standards
//
//	RFC 5321, 4.2       replies                    reply.go
//	RFC 2034, 4         codes inside replies       reply.go
//	RFC 3463            enhanced status codes      detail.go
//	RFC 5321, 4.1.2     paths and mailboxes        path.go
//	RFC 5321, 4.1.1.11  parameters                 param.go
//	RFC 1870, RFC 6152  SIZE, BODY                 param.go
//	RFC 5321, 4.5.3.1   limits                     address.go
//	RFC 3461, 4         DSN parameters, xtext      dsn.go, xtext.go
//	RFC 2852, RFC 4865  BY, HOLDFOR, HOLDUNTIL     timing.go
package smtp
