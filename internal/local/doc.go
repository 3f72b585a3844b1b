// Package local is the delivery agent for mailboxes of this system: the
// transports local (aliases, users) and virtual (mailboxes in tables).
//
// Package ipc has the conversation (deliver.go): requests come from qmgr, many
// at a time, and are answered in any order. For each recipient a transport finds
// what is to be done (an action): something to deliver to, or results at once.
// What an alias or a .forward file stands for (package aliases) goes back to qmgr:
// nothing is forwarded here.
//
//	users.go     the transport local: alias, .forward, mailbox or last resort
//	expanded.go  what becomes of an expansion, and of its members
//	virtual.go   the transport virtual
//	mailbox.go   Maildirs (package maildir) and mbox files (package mbox)
//	program.go   commands (package command)
//	open.go      the parameters and tables
//	system.go    files read with the rights of users
//	identity.go  threads with another user's rights
//	request.go   a request and its recipients; crew.go, finish.go: when
//
// The file work of a delivery is done by a thread that has the recipient's identity
// for as long. One shared flush (package durable) covers all Maildirs of the
// request, and those of other requests that wait too; then comes the reply. An mbox
// file is flushed while it is locked. Commands are executed with their credentials,
// from a thread that has none but its own.
//
// # Standards
//
//	RFC 5321, 4.4     Return-Path              letter.go
//	RFC 5321, 4.5.1   postmaster               users.go
//	RFC 2142, 4       abuse                    users.go
//	RFC 3463          enhanced status codes    outcome.go
//
// It never reads what is in a message but the Delivered-To fields, never
// answers "sent" before the flush, never changes the real user ID, and never
// drops a member of an alias that it cannot deliver to: the message waits.
package local
