// Package header reads and writes the header of a message (RFC 5322). It does
// no I/O of its own, takes time linear in its input whatever that is, and holds
// a bounded part of it.
//
// Lines end in LF or CRLF. The header is the run of fields at the start of the
// message; it ends at an empty line or at the first line that is neither a
// field nor the continuation of one.
//
//	field = name *WSP ":" value *(LF WSP value) LF
//	name  = 1*76(33..126 except ":")
//
// # Standards
//
//	RFC 5322, 2.2, 4.5   fields           scanner.go
//	RFC 5322, 3.4, 4.4   address lists    address.go, rewrite.go
//	RFC 5322, 3.3        dates            write.go
//	RFC 2047, 4.1, 5     encoded names    write.go
//
// Reading order: scanner.go cuts a stream into fields; Inspector (inspect.go)
// looks at them, Filter (filter.go) drops and adds some.
package header
