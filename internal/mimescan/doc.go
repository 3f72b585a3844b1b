// Package mimescan finds the parts of a stored message in one pass: where header
// and body of each part lie in the file, and how many octets and lines they have
// as they are sent, with CRLF at the end of every line (RFC 2045, RFC 2046, RFC
// 9051, 7.5.2). The file may have LF, CRLF or both. Nothing of a message makes the
// scan fail; only a failed read does.
//
//	scan.go    the pass: headers, bodies, boundaries
//	limits.go  how much of it
//	lines.go   the file line by line, in bounded memory
//	field.go   what of a header is kept
//	param.go   media types and parameters (RFC 2231)
//	reader.go  a range of the file with CRLF line ends
//	binary.go  a part's structure as octets for a cache
//
// # Broken messages
//
// As Dovecot reads them: a line that begins with "--" and an open boundary is a
// delimiter, the innermost and the longest boundary first; an outer delimiter
// ends all inner parts; a delimiter ends a header as well; a line without a colon
// belongs to the header; the end of the file ends everything; a multipart without
// a boundary has no parts.
//
// # Limits
//
// Limits: parts that are deeper, or beyond their number, are content of the part
// around them, and offsets and counts stay exact. What of a field or a header is
// longer is sent, but is in no structure.
package mimescan
