// Package quota keeps the Maildir++ quota of mailboxes: how much mail there may
// be in a Maildir with its folders, and how much there is. Delivery and sessions
// use it alike.
//
//	rules.go   limits, in the words of Dovecot's quota_rule
//	format.go  the file maildirsize: text to values and back
//	file.go    that file in a Maildir: read, locked, appended to, replaced
//	change.go  what a delivery or a session does with it
//	count.go   counting the messages anew
//
// # The file
//
// The first line of maildirsize has the limits, "1000000S,500C": octets and
// messages. Each further line is a pair of numbers, octets and messages, that were
// added or, negative, removed; their sums are the usage. Who adds or removes
// messages appends a line with one write. The file is believed unless it is torn
// or has more than 5120 octets; when it refuses a message, only if it has one line
// of usage that is younger than 15 minutes. Otherwise the messages are counted
// and a new file takes its place, made in tmp/ and renamed. This is what Courier
// and Dovecot 2.3 (quota = maildir) do.
//
// A message counts with the octets that its file has, which its name says
// (",S="). Those in folders that a rule ignores do not count; all others do,
// marked as deleted or not.
//
// # Concurrency
//
// Who changes the mailbox holds flock(2) on maildirsize shared from before the change to
// the line about it, who counts holds it exclusively: among programs of this
// system a count is exact. Others, who do not know the lock, can come between; what
// they make wrong goes with the next count. Nobody waits long for the lock.
//
// A Maildir is reached through an *os.Root alone: no link leads out of it.
package quota
