// postqueue - list and flush the queue, as Postfix's command does
//
// # Description
//
// Postqueue lists the queue, or has the mail system try what waits. One of -p, -j,
// -f, -i and -s says which. Qmgr(8) does the work; authorized_mailq_users and
// authorized_flush_users say who may ask. Postqueue needs no rights of its own.
//
// The listing of -p is that of mailq(1). With -j each message is a line of JSON:
// queue_name, queue_id, arrival_time, message_size, forced_expire, sender and
// recipients, with address, orig_address and delay_reason, as in Postfix; further
// keys say when a message is tried next, and where it goes.
//
// # Diagnostics
//
// "Mail queue is empty" is all that an empty queue prints. When the mail system is
// down, who may read the queue directory gets the listing from there, with a warning.
//
// # Exit status
//
// 0 when it was done; 64 for a wrong command line; 69 when the mail system is down; 77
// when the caller may not; 78 for a wrong configuration.
//
// # See also
//
// mailq(1), postsuper(1), postcat(1), mailctl(8), qmgr(8)
package main
