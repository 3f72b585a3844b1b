// Package imapd is the IMAP server, in two roles: the login role (package login)
// has the commands before login, the session role (package session) all others.
// Both read commands by package imap, from tables: the loops know no names. The
// mailbox is package mailbox's; messages are read by packages mimescan,
// imapmime and mailsearch, and threaded by package thread.
//
//	login.go, login_auth.go  before login
//	server.go, session.go    a session: commands in, answers out
//	command.go               the table, and commands of a few lines
//	vigil.go                 waiting while things may happen
//	box.go                   the selected mailbox as its client knows it
//	cmd_*.go                 commands
//	search.go                what package mailsearch asks
//	message.go               a message that is looked into
//	names.go, flags.go       names and flags, ours and IMAP's
//	condstore.go, qresync.go mod-sequences, and clients that come back
//	objectid.go              FETCH and SEARCH of what the mailbox knows of a message
//
// # What a client knows
//
// A client's sequence numbers are indexes of one immutable Snapshot (box.snap),
// so that they mean what the client means by them whatever happens meanwhile. A
// command looks at the mailbox as it is now, by UID. What has changed is told
// behind a command's own answers, and in IDLE and after NOTIFY when it happens; EXPUNGE not in
// FETCH, STORE and SEARCH by sequence numbers (RFC 9051, 7.5.1), and then nothing
// else that would renumber either.
//
// # What it never does
//
// It keeps no message in memory, says nothing of a message before it is open,
// ends a connection rather than a literal that is too short, and gives no
// capability that it has only in part.
//
// # Standards
//
//	RFC 3501, 9051   IMAP4rev1, IMAP4rev2
//	RFC 2177         IDLE                                       cmd_idle.go
//	RFC 2342         NAMESPACE                                  command.go
//	RFC 2971         ID                                         capability.go
//	RFC 3502         MULTIAPPEND                                cmd_append.go
//	RFC 3516         BINARY                                     cmd_fetch.go
//	RFC 3691         UNSELECT                                   cmd_select.go
//	RFC 4315         UIDPLUS                                    cmd_append.go, cmd_store.go
//	RFC 4469         CATENATE                                   cmd_catenate.go
//	RFC 4731, 5182   ESEARCH, SEARCHRES                         cmd_search.go
//	RFC 4959         SASL-IR                                    login_auth.go
//	RFC 4978         COMPRESS=DEFLATE                           cmd_compress.go
//	RFC 5032         WITHIN                                     search.go
//	RFC 5161         ENABLE                                     command.go
//	RFC 5255         I18NLEVEL=1
//	RFC 5256, 5957   SORT, THREAD, SORT=DISPLAY                 cmd_sort.go
//	RFC 5267         ESORT                                      cmd_search.go
//	RFC 5465         NOTIFY                                     cmd_notify.go, notify.go
//	RFC 5258, 5819   LIST-EXTENDED, LIST-STATUS                 cmd_list.go
//	RFC 5530         response codes                             reply.go, login_auth.go
//	RFC 6154, 8457   SPECIAL-USE, CREATE-SPECIAL-USE            cmd_list.go, cmd_mailbox.go
//	RFC 6851         MOVE                                       cmd_append.go
//	RFC 7162         CONDSTORE, QRESYNC                         condstore.go, qresync.go, cmd_store.go
//	RFC 7888         LITERAL+
//	RFC 7889         APPENDLIMIT                                cmd_append.go
//	RFC 8438         STATUS=SIZE                                cmd_status.go
//	RFC 8474, 8514   OBJECTID, SAVEDATE                         objectid.go
//	RFC 8508         REPLACE                                    cmd_replace.go
//	RFC 8970         PREVIEW                                    cmd_fetch.go
//	RFC 9755         UTF8=ACCEPT                                names.go, cmd_append.go
package imapd
