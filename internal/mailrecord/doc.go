// Package mailrecord makes what a store keeps of a message so that FETCH, SEARCH,
// SORT and THREAD need not read it again, and reads it. A record has two parts:
// Keys, which are looked at for many messages at once, and Answers, which are
// ready to send. Both are octets in the store's file, read in place; neither ever
// changes for one message. A record is a cache: what is in it is used to answer, never to
// find a message's text without looking whether it fits the file.
//
//	keys.go     dates, subjects and IDs for sorting and threading; fields
//	answers.go  ENVELOPE, BODY, BODYSTRUCTURE, the structure, PREVIEW
//	fields.go   HEADER.FIELDS of what clients ask for
//
// # Standards
//
//	RFC 5256     what of a message SORT and THREAD look at   keys.go
//	RFC 9051     ENVELOPE, BODY and BODYSTRUCTURE            answers.go
//	RFC 9051     HEADER.FIELDS, 6.4.5.1                      fields.go
//	RFC 8970     PREVIEW                                     answers.go
package mailrecord

// Version is raised when the form of records changes, or what is in them.
const Version = 2
