// postcat - show the content of a queue file, as Postfix's command does
//
// # Description
//
// Postcat shows messages of the queue: with -q by their queue IDs, else by the names
// of files; without operands the file on standard input. -e shows the envelope, -h
// the header, -b the body; without any of them postcat shows all three.
//
// With the envelope each part begins with a line such as
//
//	*** ENVELOPE RECORDS deferred/660FAA4C78AC10 ***
//	*** MESSAGE CONTENTS deferred/660FAA4C78AC10 ***
//	*** HEADER EXTRACTED deferred/660FAA4C78AC10 ***
//	*** MESSAGE FILE END deferred/660FAA4C78AC10 ***
//
// and the records of the envelope have a name, a colon and a value: message_size,
// message_arrival_time, named_attribute, sender, original_recipient, recipient, and
// done_recipient for who has been dealt with.
//
// # Security
//
// Only root and mail_owner get to see messages; postcat has no rights of its own.
//
// # Exit status
//
// 0 when it was done; 1 when there is no such message or it cannot be read; 64 for a
// wrong command line; 69 when the mail system is down; 77 when the caller may not; 78
// for a wrong configuration.
//
// # See also
//
// postqueue(1), postsuper(1), mailctl(8), queue(5)
package main
