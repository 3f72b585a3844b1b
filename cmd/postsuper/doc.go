// postsuper - hold, release, expire and delete messages, as Postfix's command does
//
// # Description
//
// Postsuper changes messages in the queue. Each option takes a queue ID, the word ALL
// for every message, or - for the IDs on standard input; options may be repeated, and
// all are carried out, in the order -d, -e, -f, -h, -H, -r. Operands are queues to
// which this is limited: hold, incoming, active, deferred. An ID that is not there is
// passed over.
//
// -e and -f have a message go back to its sender as if maximal_queue_lifetime were over;
// -f looks in hold too. One that is being tried goes back when this attempt fails.
//
// -r ends the hold of a message and has it tried at once. Routing is asked anew at
// every attempt, with the configuration of that moment; the ID stays the same.
//
// -p, -s and -S do nothing: qmgr(8) looks after the queue's structure whenever it starts.
//
// # Diagnostics
//
// For each message a line "ID: removed", "ID: placed on hold", "ID: released from
// hold", "ID: expired" or "ID: requeued" on standard error, and at the end how many
// there were: "Deleted: 2 messages".
//
// # Exit status
//
// 0 when it was done, whether or not a message was there; 1 for a queue ID that is none;
// 64 for a wrong command line; 69 when the mail system is down; 77 when the caller is
// neither root nor mail_owner; 78 for a wrong configuration.
//
// # See also
//
// postqueue(1), postcat(1), mailctl(8), qmgr(8)
package main
