// Package queuectl is what mailq and mailctl share: the client side of qmgr's
// control conversation (package ipc), the queue read without qmgr, and the
// text of a listing. It changes no file.
//
// # The listing
//
// The text is that of Postfix's mailq, which scripts take apart by columns,
// words and blank lines:
//
//	-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------
//	0644A7B2C1D3E0*    1432 Mon Nov 23 08:00:01  alice@example.net
//	                                         bob@example.com
//
//	0644A7B2C1D3F0    2048 Mon Nov 23 07:10:44  MAILER-DAEMON
//	               (connect to mx.example.org[192.0.2.9]:25: Connection timed out)
//	                                         carol@example.org
//
//	-- 3 Kbytes in 2 Requests.
//
// An ID is followed by * while the message is being delivered and by ! while it
// is on hold; # says that its time was declared to be over. An ID that is longer than its column moves the rest of the line.
package queuectl
