// Package mailtext makes readable text of what mail carries: it decodes
// transfer encodings (RFC 2045, 6), charsets and encoded words (RFC 2047), and
// folds text for comparison by i;unicode-casemap (RFC 5051), as RFC 9051, 6.4.4
// wants of SEARCH. It works in bounded memory, and nothing that it is given makes
// it fail: what cannot be decoded is taken for what it looks like.
//
//	transfer.go  base64 and quoted-printable
//	charset.go   charsets
//	words.go     encoded words
//	fold.go      i;unicode-casemap
//	match.go     substrings in a stream
package mailtext
