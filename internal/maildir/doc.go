// Package maildir puts messages into Maildirs. It knows no protocol, starts no
// goroutine and never flushes: Deliver hands out what must be flushed before
// the message counts as delivered.
//
// # The format
//
// A Maildir is a directory that holds three, made with mode 0700 when they are
// missing:
//
//	tmp/   files being written; nobody reads them
//	new/   complete messages that no reader has taken up
//	cur/   messages that a reader has taken up
//
// The name of a delivered file says which delivery made it, so that the same
// delivery, repeated after a crash, replaces its own file and makes no second:
//
//	1700000000.Q0A1B2C3D4E5F60R0.mx.example,S=1044,W=1071
//	|          |              | |           |      octets with CRLF line ends
//	|          |              | |           octets of the file
//	|          |              | host; all but letters, digits, ".", "-", "_" as \ooo
//	|          |              number of the recipient in the message's envelope
//	|          queue ID
//	arrival, seconds since 1970
//
// In cur/ a reader adds its flags behind a colon (":2,S"). S= and W= are
// Dovecot's (Maildir++) and spare readers a stat and a scan.
//
// The file is written in tmp/, under a name that no other delivery uses, and
// renamed into new/: new/ never shows a file in part. A file that reached new/
// is never removed here, not even when its flush fails: another attempt at the
// same delivery may have put it there since, and told of success.
package maildir
