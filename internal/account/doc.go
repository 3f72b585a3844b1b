// Package account decides where a mailbox is, and whose: once, for delivery
// (local) and for reading (authd, for pop3d and imapd) alike. It reads the
// configuration and what a backend says of a user, and opens no mailbox.
//
//	place.go    an account of a backend: a user of the system, or user@domain
//	virtual.go  the tables virtual_mailbox_maps, virtual_uid_maps, virtual_gid_maps
//
// A user of the system has a mailbox in the home directory (home_mailbox) or in
// the spool (mail_spool_directory). An account with a domain has one where its
// backend says (userdb_mail), else in its home, else in
// virtual_mailbox_base/DOMAIN/USER. Who is in virtual_mailbox_maps has the one
// that is named there.
//
// What is missing or wrong is an *Error, whose text is for senders, too: it has
// no path.
package account
