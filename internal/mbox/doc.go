// Package mbox appends messages to mailbox files in the format of mbox(5), as
// Postfix writes them: a From_ line, the message with a ">" before each line that
// begins with "From ", and an empty line.
//
//	From ann@example.org  Wed Nov 25 19:36:03 2026
//	Return-Path: <ann@example.org>
//	...
//
// The time in the From_ line is that of the message's arrival, so that a delivery
// that is repeated after a crash is the same, octet for octet: when a Message is
// Unsure it is looked for first, and a part of it at the end of the file goes.
//
// A delivery is locked, appended and flushed in turn; one that fails leaves the
// file as long as it was. Locks are those of open descriptors (F_OFD_SETLK), which
// conflict with other programs' fcntl locks and with each other's in this process.
//
// What is in the file is never changed otherwise. A file is not followed into by
// a link, unless the link is root's or the deliverer's own; one with a second name,
// or in a spool that is somebody else's, is not written to.
package mbox
