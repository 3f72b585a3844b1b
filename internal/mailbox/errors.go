package mailbox

import (
	"errors"

	"golang.org/x/sys/unix"

	"yubin/internal/quota"
)

// Errors that callers tell apart. All others are temporary.
var (
	ErrGone     = errors.New("the message is no longer there")
	ErrInUse    = errors.New("another session has the mailbox locked")
	ErrLocked   = errors.New("another program holds the lock for too long")
	ErrNoFolder = errors.New("there is no such folder")
	ErrExists   = errors.New("a folder of that name exists")
	ErrName     = errors.New("not a name that a folder can have")
	ErrReadOnly = errors.New("the folder cannot be changed here")
	ErrQuota    = quota.ErrFull
	ErrFull     = errors.New("no space is left for the mailbox")
	ErrKeywords = errors.New("the folder has no letter left for another keyword")
	ErrUIDs     = errors.New("the folder has given its last UID")
)

// full makes an error that says why nothing can be written one of ErrFull.
func full(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return errors.Join(ErrFull, err)
	}
	return err
}
