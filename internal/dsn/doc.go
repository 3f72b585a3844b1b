// Package dsn writes delivery status notifications: the letter that tells a
// sender what became of his message. It does no I/O, decides nothing (whether
// to notify at all is qmgr's question), and never sends what a remote host said
// without cleaning and bounding it.
//
// In reading order:
//
//	notice.go      a Notice, its header and parts
//	text.go        the part for people
//	words.go       words of an administrator's in place of ours
//	explain.go     what a lay person can make of a refusal: a table
//	status.go      the part for programs
//	fold.go        lines of bounded length
//	transcript.go  the other letter: to the postmaster, of a session that went wrong
//	dialogue.go    what such a session is kept in
//
//	multipart/report; report-type=delivery-status      RFC 3462 (RFC 6522)
//	  text/plain                     what happened, for people
//	  message/delivery-status        the same for programs      RFC 3464
//	  message/rfc822                 the message, or
//	  text/rfc822-headers            its header when it is large, has arrived, or RET=HDRS (RFC 3461, 4.3)
//
// Of a message whose sender has asked for SMTPUTF8 the second part is
// message/global-delivery-status where addresses need it, the third
// message/global or message/global-headers where its header does (RFC 6533, 4).
//
// The same Notice gives the same octets: a notice that is made twice is one.
package dsn
