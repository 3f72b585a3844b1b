// pipe - deliver mail to external programs
//
// # Description
//
// Pipe takes delivery requests from qmgr(8) and runs a program for each, with the
// message on its standard input. It serves the transports of master.cf whose command
// is pipe, each in a process of its own that master(8) starts when there is work:
//
//	maildrop  unix  -  n  n  -  -  pipe
//	  flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${recipient}
//
// Routing names the transport as any other: virtual_transport = maildrop, or a line
// of transport_maps. The unpriv field must be n. The maxproc field is how many programs
// run at once; a - stands for default_process_limit, and 0 for 1000.
//
// Behind the name of the program, and its -o options, come the attributes. What has
// blanks in it goes into braces: { argument with blanks }.
//
//	user=USER[:GROUP]   whom the program runs as: required
//	argv=PROGRAM ...    the program and its arguments: required, and the last
//	flags=LETTERS       how the message and the arguments are changed, see below
//	directory=DIR       where the program starts; the default is queue_directory
//	chroot=DIR          the program's root directory; directory= and argv= are below it
//	eol=STRING          what ends a line, \n without it; as in C, \r\n and \015\012 are known
//	size=OCTETS         larger messages go back to their senders
//	null_sender=TEXT    what stands for the sender of a notice, MAILER-DAEMON without it;
//	                    the empty text is the one to use for filters that send mail on
//
// The flags:
//
//	B   an empty line follows the message
//	D   the field Delivered-To comes first; a message that has it already, for the
//	    same recipient, goes back as a loop
//	F   a From_ line comes first, as in mbox files and UUCP
//	O   the field X-Original-To comes first: the recipient as it came in
//	R   the field Return-Path comes first: the sender
//	X   the program's delivery is the last one: who asked for a notice of success is told
//	    "delivered", and not "relayed"
//	h   the domains of recipients and the next hop are in lower case in arguments
//	u   the local parts of recipients are in lower case in arguments
//	q   the addresses in arguments are quoted as in message headers where they need it
//	.   a line that begins with a dot gets another one before it
//	>   a line that begins with "From " gets a > before it
//
// With D or O each recipient gets a program of its own, whatever the recipient limit.
//
// In arguments $NAME, ${NAME} and $(NAME) stand for what is known of the message, and
// $$ for a dollar sign. An argument with one of the macros of recipients is there once for each
// recipient of the delivery; TRANSPORT_destination_recipient_limit says how many
// there may be.
//
//	recipient             of recipients: the address
//	original_recipient    of recipients: the address as it came in
//	user                  of recipients: the local part, without its extension
//	extension             of recipients: the extension (recipient_delimiter)
//	mailbox               of recipients: the whole local part
//	domain                of recipients: the domain
//	sender                the envelope sender, or null_sender=
//	nexthop               the next hop that routing has found
//	size                  octets of the message
//	queue_id              the queue ID
//	envid                 the ENVID that the sender has given (RFC 3461)
//	client_address, client_hostname, client_port, client_helo, client_protocol
//	                      the client that the message came from; empty for local mail
//	sasl_method, sasl_username, sasl_sender
//	                      its login
//
// Arguments go to the program as they are; no shell sees them. The environment
// is PATH and export_environment. An argument that begins with a macro never begins
// with a hyphen: an address that would make it an option goes back to the sender.
//
// TRANSPORT_time_limit is how long the program may take, command_time_limit without
// it. Then it is killed with all that it has started, and the message waits.
//
// # Files
//
//	private/NAME     the socket, below queue_directory
//	/etc/passwd      users, where pamd(8) is not installed
//
// # Security
//
// Pipe runs as root, in order to run programs as the user that master.cf names. It
// runs none as root, as mail_owner, or in their groups or setgid_group. The program
// has its rights from its first instruction on, in a session of its own, and no descriptor
// but the message and a pipe for its output. Pipe speaks only to root, mail_owner
// and its own user; of the message it looks at the Delivered-To fields.
//
// In a private instance, as an ordinary user, it runs programs as that user alone.
//
// # Standards
//
// RFC 3463 (enhanced status codes), RFC 5321, 4.4 (Return-Path), RFC 3464, 2.3.3
// (delivered, relayed).
//
// # Diagnostics
//
// Exit status 0 is success: status=sent (delivered via NAME service), with what the
// program has said in parentheses. Otherwise, when its output begins with an enhanced status
// code of class 4 or 5, that decides, and the text behind it is the reason. Otherwise
// the exit status is read as in sysexits.h: 75 (temporary failure) and 71 (system resource
// problem) put the mail off; the others, and every number that sysexits.h does not have,
// send it back. A program that is killed, that takes too long or that cannot be run, and
// an account that does not exist, put mail off. The output is kept up to 4096 octets.
//
// # Exit status
//
// 0 at the end of its work; 1 when it cannot start; 64 for a wrong command line; 78 for a
// wrong configuration.
//
// # See also
//
// master(8), qmgr(8), local(8), main.cf(5), master.cf(5)
package main
