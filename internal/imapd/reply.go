package imapd

import (
	"errors"

	"yubin/internal/imapmime"
	"yubin/internal/mailbox"
)

// A reply is what a tagged response says beside its status.
type reply struct{ code, text string }

// A refusal is the answer NO.
type refusal struct{ reply }

func (r *refusal) Error() string { return r.text }

func no(code, text string) error { return &refusal{reply{code, text}} }

func isRefusal(err error) bool {
	var r *refusal
	return errors.As(err, &r)
}

const internalError = "Internal error occurred. Refer to server log for more information."

// refusals are the answers to what the packages below say (RFC 5530).
var refusals = []struct {
	err        error
	code, text string
}{
	{mailbox.ErrNoFolder, "NONEXISTENT", "Mailbox doesn't exist."},
	{mailbox.ErrExists, "ALREADYEXISTS", "Mailbox already exists."},
	{mailbox.ErrName, "CANNOT", "Invalid mailbox name."},
	{mailbox.ErrReadOnly, "READ-ONLY", "Mailbox is read-only."},
	{mailbox.ErrFull, "OVERQUOTA", "Not enough disk space."},
	{mailbox.ErrKeywords, "LIMIT", "The mailbox has no room for another keyword."},
	{mailbox.ErrUIDs, "LIMIT", "The mailbox has given its last UID."},
	{mailbox.ErrLocked, "INUSE", "Timeout while waiting for lock."},
	{imapmime.ErrUnknownCTE, "UNKNOWN-CTE", "Unknown Content-Transfer-Encoding."},
	{errNUL, "UNKNOWN-CTE", "A message with NUL octets is not taken."},
	{mailbox.ErrGone, "EXPUNGEISSUED", "Some of the requested messages no longer exist."},
}

// failed is the answer to a failure in the mailbox; one that nobody foresaw is
// logged.
func (v *visit) failed(what string, err error) error {
	if errors.Is(err, mailbox.ErrQuota) {
		return no("OVERQUOTA", v.srv.overQuota)
	}
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return no(r.code, r.text)
		}
	}
	v.complain("%s: %v", what, err)
	return no("SERVERBUG", internalError)
}

// tryCreate is failed for a command that puts messages into a mailbox.
func (v *visit) tryCreate(what string, err error) error {
	if errors.Is(err, mailbox.ErrNoFolder) {
		return no("TRYCREATE", "Mailbox doesn't exist.")
	}
	return v.failed(what, err)
}
