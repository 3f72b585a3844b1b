// Package downgrade makes a message with 8-bit octets one of seven bits, for
// servers that do not take 8BITMIME (RFC 6152, 3): the bodies of MIME parts
// that have such octets become quoted-printable (RFC 2045, 6.7), and their
// header says so. A message that is not MIME is labelled as text in an unknown
// character set (RFC 1428). Everything else stays as it is, octet by octet.
//
// A message is read twice: once to learn which parts have 8-bit octets, once
// to write it. Lines end in LF on both sides; structure is followed down to
// maxDepth, and memory is bounded.
//
// Octets above 127 in header fields are left alone: no transfer encoding
// reaches them. So are parts whose encoding claims that there are none (base64,
// quoted-printable). A signature over a part that is converted (RFC 1847) is
// lost; its signer should have sent seven bits.
//
// A binary message (RFC 3030, 3), whose lines end in CRLF, becomes a text in the
// same way (Text): parts that no line can hold become base64. It is read by
// whoever wants it, from the start or piece by piece, and never stored.
//
// # Standards
//
//	RFC 2045, 6      Content-Transfer-Encoding      walk.go, convert.go
//	RFC 2045, 6.8    base64                         texter.go
//	RFC 3030, 3      BINARYMIME                     text.go, texter.go
//	RFC 2046, 5.1.1  boundaries                     walk.go
//	RFC 2046, 5.2.1  message/rfc822                 walk.go
package downgrade
