// mailq - list the mail queue
//
// # Description
//
// mailq prints the messages that wait in the queue, as qmgr(8) knows them, in
// the format of Postfix's mailq: for each message its queue ID, the size of
// its content, the time when it arrived, its sender, and each recipient who
// has not got it yet. A line in parentheses says why the last delivery to the
// recipients below it failed. The last line gives the sum.
//
// An asterisk behind a queue ID says that the message is being delivered, an
// exclamation mark that it is on hold, a # that somebody has declared its time to be
// over. MAILER-DAEMON stands for the null sender. With nothing in the queue mailq
// prints "Mail queue is empty".
//
// However long the queue is, mailq and qmgr(8) need no more memory for it. Up to
// 65,536 messages of one state come in the order of their IDs.
//
// # JSON
//
// With --json each message is a line, an object with the keys of Postfix's postqueue -j
// in their order, and more behind them. Times are in seconds since 1970. A key whose
// value is not known is left out.
//
//	queue_name       incoming, active, deferred, hold or maildrop
//	queue_id         its ID
//	arrival_time     when it arrived
//	message_size     of the content, in octets
//	forced_expire    whether somebody has declared its time to be over
//	sender           MAILER-DAEMON is the null sender
//	recipients       those who still wait:
//	  orig_address   the address before aliases, "" when it is the same
//	  address        the recipient
//	  delay_reason   what the last attempt came to: the last reply, or what
//	                 happened in place of one
//	  status         its enhanced status code (RFC 3463)
//	  remote_host    the host that replied
//	  transport      how the next attempt will be made, by the configuration of now
//	  nexthop        and to where
//	  route_rule     and what chose that
//	  attempts       how often delivery was tried
//	  last_attempt   when it was last tried
//	next_attempt     when the message will be tried again
//	expires          when it goes back to its sender
//
// While the system is down transport, nexthop, route_rule and expires are not known.
//
// mailq takes the letters of sendmail(1) as well, which scripts call by this name: -C
// is -c, and those that mean nothing here (-Ac, -bp, -oX and others) are accepted
// and ignored. With -q alone mailq lists nothing: it is sendmail -q by another name. For
// -qI, -qR and other modes call sendmail.
//
// Everyone may list the queue, unless authorized_mailq_users says otherwise, and
// have it tried, unless authorized_flush_users does; root always may.
//
// # Files
//
//	queue_directory/public/qmgr
//	    where qmgr answers
//	/etc/yubin/main.cf
//	    the configuration
//
// # Security
//
// mailq runs with the rights of its caller. qmgr learns who that is from the
// kernel. Text that came from the network is shown without control characters.
//
// # Diagnostics
//
// When the system is down, a caller who may read the queue directory (root and
// mail_owner) gets the list as it stands on disk, with a warning on standard
// error; others get a message that the queue report is unavailable.
//
// # Exit status
//
//	0   the queue was listed, or is being tried
//	64  wrong usage
//	69  the mail system is down
//	74  the list could not be written
//	77  authorized_mailq_users or authorized_flush_users does not have the caller
//	78  the configuration is wrong
//
// # See also
//
// mailctl(8), sendmail(8), qmgr(8), main.cf(5)
package main
