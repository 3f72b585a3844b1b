// local - deliver mail to mailboxes of this system
//
// # Description
//
// Local takes delivery requests from qmgr(8) and delivers to mailboxes, files and
// commands of this system. It is started by master(8) when there is work, under
// two names of master.cf:
//
// local, for the domains of mydestination. The local part of the address is
// looked up in alias_maps (aliases(5)), then as a user of the system, whose .forward
// file (forward(5)) may send mail elsewhere. What is left goes to the first of these
// that is set: mailbox_transport_maps, mailbox_transport (another transport, for
// users that nobody knows too), mailbox_command_maps, mailbox_command,
// home_mailbox, mail_spool_directory. Mail for users that nobody knows goes to
// fallback_transport_maps, fallback_transport or luser_relay, or back. The names
// postmaster, abuse and MAILER-DAEMON are root where they are neither an alias nor
// a user.
//
// virtual, for the domains of virtual_mailbox_domains. The address, the address
// without its extension, and the domain behind an @ are looked up in
// virtual_mailbox_maps for a path below virtual_mailbox_base, and in
// virtual_uid_maps and virtual_gid_maps for its owner.
//
// A mailbox whose name ends in a slash is a Maildir. What is missing of it is made,
// but not the home directory or the base. Any other is an mbox file: it is locked
// as mailbox_delivery_lock says, a message is appended with a From_ line and a >
// before lines that begin with "From ", flushed, and taken back where that fails.
// Before the message come the fields Return-Path, X-Original-To and Delivered-To. A
// message counts as delivered when the file and its name are on stable storage;
// when it may have been delivered already, before a crash, local looks for it
// first.
//
// What an alias or a .forward file stands for goes back to qmgr(8), which sends the
// message on with a recipient for each member. One that is no address is kept by
// its text, and is looked for in the list again when it is delivered to: the queue
// holds no rights. A single command, file or own mailbox is delivered to at once.
//
// # Commands
//
// A command gets the message, with a From_ line and the fields above, on standard
// input, and a clean environment: PATH, what export_environment lists, and HOME,
// SHELL, LOGNAME, USER, SENDER, RECIPIENT, ORIGINAL_RECIPIENT, LOCAL, DOMAIN,
// EXTENSION, ENVID, CLIENT_ADDRESS, CLIENT_HELO, CLIENT_HOSTNAME, CLIENT_PROTOCOL,
// SASL_METHOD, SASL_SENDER and SASL_USERNAME as far as they are known, with
// characters that command_expansion_filter does not have replaced by _. It is run
// without a shell where its text needs none. When command_time_limit is over it is
// killed. Output that begins with an enhanced status code decides, else the exit
// status as sysexits.h has it: 0 delivered, 75 and 71 tried again, others returned.
//
// # Files
//
//	private/local, private/virtual   the sockets, below queue_directory
//	public/pamd                      who knows the users of the system: pamd(8)
//	/etc/passwd                      users, where pamd(8) is not installed
//	/etc/aliases                     the default of alias_maps
//	~/.forward                       the default of forward_path
//	~/Maildir/{tmp,new,cur}          with home_mailbox = Maildir/
//	/var/mail/USER, USER.lock        an mbox file and its lock
//
// # Security
//
// Local runs as root, since mailboxes have many owners. The file work of each
// delivery is done by a thread whose effective user and group are the recipient's,
// without supplementary groups; a process in which a thread cannot be switched
// back ends. A link in a home directory is followed, with that user's rights; a
// path below virtual_mailbox_base or mail_spool_directory never leads out of it,
// and in mail_spool_directory the Maildir must belong to the user.
//
// Local speaks only to root, mail_owner and its own user. It gets each message as
// one open descriptor for reading, and reads no more of it than its Delivered-To
// fields; it opens no file of the queue.
//
// In a private instance, as an ordinary user, it delivers to mailboxes of that
// user alone.
//
// # Quota
//
// The limit of a mailbox is the account's (userdb_quota_rule in users(5)),
// else quota_rule's, else the one in the mailbox's file maildirsize. A letter
// that has no room goes back to its sender with 5.2.2 and quota_exceeded_message, or,
// with quota_full_tempfail, waits (4.2.2). A mailbox that is not full yet takes
// one last letter that goes up to quota_grace beyond the limit. Users of the
// system have quota_rule's limit.
//
// # Standards
//
// RFC 3463 (enhanced status codes), RFC 5321, 4.4 (Return-Path) and 4.5.1
// (postmaster), RFC 2142, 4 (abuse).
//
// # Diagnostics
//
// Qmgr(8) logs what becomes of each recipient. Local logs a warning with the cause
// and the path for every delivery that it puts off. A full disk, a home that is
// missing, a table that cannot be read and a directory that cannot be written put
// mail off; an unknown user, a loop, a mailbox beyond mailbox_size_limit or its
// quota, a command or file where none may stand, and a command that says so send
// it back.
//
// # Exit status
//
// 0 at the end of its work; 1 when it cannot start or go on; 64 for a wrong command
// line; 71 when a thread could not be given its identity back; 78 for a wrong
// configuration.
//
// # See also
//
// master(8), qmgr(8), smtpd(8), aliases(5), forward(5),
// main.cf(5), master.cf(5)
package main
