// local - deliver mail to mailboxes of this system
//
// # Description
//
// Local takes delivery requests from qmgr(8) and writes messages into Maildirs.
// It is started by master(8) when there is work, under two names of master.cf:
//
// local, for the domains of mydestination. The local part of the address is
// looked up in alias_maps, in lower case, with its extension
// (recipient_delimiter) and then without. What an alias stands for goes back to
// qmgr(8), which sends the message on; an alias that names a user of the same name
// keeps a copy for that user, and \name is a user whose aliases do not count. An
// alias that leads back to itself and to nobody else is returned to the sender as
// a loop, and so is a message that has a Delivered-To field of the recipient.
// Otherwise the local part is a user of the system, with the mailbox that
// home_mailbox or mail_spool_directory says. The names postmaster, abuse and
// MAILER-DAEMON are root where they are neither an alias nor a user.
//
// virtual, for the domains of virtual_mailbox_domains. The address, the address
// without its extension, and the domain behind an @ are looked up in
// virtual_mailbox_maps for a path below virtual_mailbox_base, and in
// virtual_uid_maps and virtual_gid_maps for its owner.
//
// A mailbox is a Maildir; its path ends in a slash. What is missing of it is made,
// but not the home directory or the base. Before the message come the fields
// Return-Path, X-Original-To and Delivered-To. A message counts as delivered when
// the file and its name are on stable storage; when it may have been delivered
// already, before a crash, local looks for it in new and cur first.
//
// Members of an alias that are files, commands or :include: files, and mailboxes in
// mbox format, are not supported yet: such mail waits in the queue, and the log
// says why.
//
// # Files
//
//	private/local, private/virtual   the sockets, below queue_directory
//	public/pamd                      who knows the users of the system: pamd(8)
//	/etc/passwd                      users, where pamd(8) is not installed
//	/etc/aliases                     the default of alias_maps
//	~/Maildir/{tmp,new,cur}          with home_mailbox = Maildir/
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
// and the path for every delivery that it puts off. A full disk, a home
// that is missing, a table that cannot be read and a directory that cannot be
// written put mail off; only an unknown user, a loop and a mailbox that has
// reached its quota send it back.
//
// # Exit status
//
// 0 at the end of its work; 1 when it cannot start or go on; 64 for a wrong command
// line; 71 when a thread could not be given its identity back; 78 for a wrong
// configuration.
//
// # See also
//
// master(8), qmgr(8), smtpd(8), aliases(5), main.cf(5), master.cf(5)
package main
