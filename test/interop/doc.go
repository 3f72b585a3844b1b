// Package interop holds the tests with mail programs that other people wrote:
// swaks, msmtp, git send-email, mutt, Postfix's smtp-source. Each sends or
// reads as it does on a user's desk, through a private instance of the
// programs in bin/, and the files in the mailboxes are the witness.
//
// A program that is not installed skips its tests. run.sh (make interop)
// installs them all and sets YUBIN_INTEROP, with which a missing one fails.
package interop
