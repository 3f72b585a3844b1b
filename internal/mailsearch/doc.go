// Package mailsearch decides which messages SEARCH finds (RFC 9051, 6.4.4), how
// SORT orders them (RFC 5256, RFC 5957). What can be
// known without a message's text its caller answers; what is of the header comes
// from a cache where there is one; texts are read in bounded memory and once for
// all strings. Strings are compared by i;unicode-casemap (RFC 5051) after transfer
// encodings, charsets and encoded words are decoded.
//
//	program.go  a search program
//	search.go   whether it finds a message
//	text.go     TEXT and BODY
//	sort.go     keys of SORT
package mailsearch
