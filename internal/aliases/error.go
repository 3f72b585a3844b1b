package aliases

import (
	"fmt"

	"yubin/internal/smtp"
)

// An Error says why an expansion, or a member of it, cannot be delivered to.
// Text is for senders: it has no path.
type Error struct {
	Class  int // 4: now, 5: at all
	Detail smtp.Detail
	Text   string
	Err    error // the cause, for the log; nil when there is nothing to add
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Text
	}
	return fmt.Sprintf("%s: %v", e.Text, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// misconfigured is what somebody has to mend, while mail waits.
func misconfigured(err error, format string, args ...any) *Error {
	return &Error{4, smtp.Detail{Subject: 3, Detail: 5}, fmt.Sprintf(format, args...), err}
}

// unread is a lookup that could not be made.
func unread(parameter string, err error) *Error {
	return &Error{4, smtp.LocalProcessing, parameter + ": lookup failed", err}
}

// restricted is a member that may not stand where it does.
func restricted(what string) *Error {
	return &Error{5, smtp.Detail{Subject: 7, Detail: 1}, "mail to " + what + " is restricted", nil}
}

func looped(format string, args ...any) *Error {
	return &Error{5, smtp.RoutingLoop, fmt.Sprintf(format, args...), nil}
}
