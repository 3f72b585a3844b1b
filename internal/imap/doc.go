// Package imap is the grammar of IMAP: how a command is read from a connection
// and how a response is written. It follows IMAP4rev2 (RFC 9051, 9), IMAP4rev1
// (RFC 3501, 9), and the syntax of the extensions that imapd has. It knows no
// mailbox, keeps no session, and never decides what a command means.
//
//	decoder.go   tokens: atoms, strings, numbers, lists
//	literal.go   strings that announce their length, small and streamed
//	set.go       sequence sets and UID sets
//	date.go      dates
//	flag.go      flags and keywords
//	select.go    SELECT, EXAMINE, CREATE, STATUS (RFC 7162, 6154)
//	list.go      LIST (RFC 5258, 5819)
//	append.go    APPEND, CATENATE, REPLACE (RFC 3502, RFC 4469, RFC 8508)
//	url.go       URLs of messages (RFC 5092)
//	fetch.go     FETCH (RFC 3516, 7162, 8474, 8514, 8970)
//	search.go    SEARCH, SORT, THREAD (RFC 4731, 5182, 5256, 5032, 7162)
//	quota.go     SETQUOTA (RFC 9208)
//	notify.go    NOTIFY (RFC 5465)
//	encoder.go   responses
//
// # Errors
//
// A Decoder remembers its first error and reads nothing more; a parser need not
// look after each token, but nobody uses what it returned before Err is nil. A
// *SyntaxError is the client's fault and the connection goes on behind the
// command (Skip); any other error ends the connection.
//
// # Limits
//
// What a command may occupy in memory is bounded by Limits. The literals of
// messages are not read into memory at all.
package imap
