// Package local is the delivery agent for mailboxes of this system: the
// transports local (aliases, users) and virtual (mailboxes in tables).
//
// Package ipc has the conversation (deliver.go): requests come from qmgr, many
// at a time, and are answered in any order. For each recipient a transport
// finds a mailbox, or the addresses that an alias stands for, which go back to
// qmgr: nothing is forwarded here. The file work of a delivery (package
// maildir) is done by a thread that has the recipient's identity for as long;
// then one shared flush (package durable) covers all recipients of the request,
// and those of other requests that wait too; then comes the reply.
//
// Reading order: agent.go, request.go, users.go and alias.go, virtual.go,
// identity.go.
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
