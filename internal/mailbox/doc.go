// Package mailbox is what pop3d and imapd see of a user's mail: folders, and in
// each a numbered list of messages that changes only when its session asks.
// docs/mailbox.md has the design and the order of the steps on disk.
//
// Below it is Maildir++ with Dovecot's files, so that an existing Dovecot
// Maildir is served in place and Dovecot can take it back, or use it at the
// same time:
//
//	dovecot-uidlist      version 3: UIDVALIDITY, next UID, a UID for each base name
//	dovecot-keywords     the names of the keyword letters a to z
//	subscriptions        the names that are subscribed, plain or with the header V 2
//	dovecot-uidvalidity  the last UIDVALIDITY given in this Maildir
//	maildirfolder        marks a folder's directory
//	yubin-uses           RFC 6154's uses of folders, given by clients
//	yubin-modseq         mod-sequences (RFC 7162); without it clients read all flags anew
//	yubin-cache          a cache; removing it loses nothing
//	yubin-records        what was found out of messages; removing it loses nothing
//
// Flags are in the file name (":2," and the letters DFPRST and a to z, sorted),
// sizes too (",S=" octets of the file, ",W=" with CRLF). The time at which a
// message was received (RFC 9051, 2.3.3) is the file's modification time.
//
// # What it never does
//
// It never opens a path that leads out of the mailbox (os.Root; links to
// messages are not followed), never gives one UID to two messages or a message
// a lower one, never renumbers because of a change of flags or of directory,
// and never shows one message's content under another's UID: a message is
// known by its base name, and a file is found by the name that holds it.
// It trusts no cache for content.
package mailbox
