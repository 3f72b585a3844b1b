// Package dsn writes delivery status notifications: the letter that tells a
// sender what became of his message. It does no I/O, decides nothing (whether
// to notify at all is qmgr's question), and never sends what a remote host said
// without cleaning and bounding it.
//
//	multipart/report; report-type=delivery-status      RFC 3462 (RFC 6522)
//	  text/plain                     what happened, for people
//	  message/delivery-status        the same for programs      RFC 3464
//	  message/rfc822                 the message, or
//	  text/rfc822-headers            its header when it is large, has arrived, or RET=HDRS (RFC 3461, 4.3)
//
// The same Notice gives the same octets: a notice that is made twice is one.
package dsn
