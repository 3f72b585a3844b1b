package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"yubin/internal/aliases"
	"yubin/internal/ipc"
	"yubin/internal/maildir"
	"yubin/internal/maillog"
	"yubin/internal/mbox"
	"yubin/internal/smtp"
)

// maxText is the most of a text that is put into a result, octets.
const maxText = 400

// An outcome is an error that says what becomes of a recipient.
type outcome struct {
	status string // ipc.Deferred, ipc.Bounced
	code   string
	text   string // for the sender, the queue listing and the log: no paths
	err    error  // cause, for our log; nil when there is nothing to add
}

func (o *outcome) Error() string {
	if o.err == nil {
		return o.text
	}
	return fmt.Sprintf("%s: %v", o.text, o.err)
}

func (o *outcome) Unwrap() error { return o.err }

func deferred(d smtp.Detail, err error, format string, args ...any) error {
	return &outcome{ipc.Deferred, d.Code(4), fmt.Sprintf(format, args...), err}
}

func bounced(d smtp.Detail, format string, args ...any) error {
	return &outcome{ipc.Bounced, d.Code(5), fmt.Sprintf(format, args...), nil}
}

// misconfigured is the deferral for what the administrator has to mend.
func misconfigured(err error, format string, args ...any) error {
	return deferred(smtp.Detail{Subject: 3, Detail: 5}, err, format, args...)
}

// result turns an error into a recipient's result. An error that is no outcome
// is ours, and says nothing of the recipient: it is tried again.
func result(relay string, r *ipc.Recipient, err error) ipc.Result {
	var o *outcome
	if !errors.As(err, &o) {
		o = &outcome{ipc.Deferred, smtp.LocalProcessing.Code(4), "local error in processing", err}
	}
	return ipc.Result{Index: r.Index, Status: o.status, Code: o.code, Text: clip(o.text), Relay: relay}
}

// clip makes a text fit a result.
func clip(text string) string {
	text = maillog.Clean(text)
	for len(text) > maxText {
		text = maillog.Clean(text[:maxText-3]) + "..."
	}
	return text
}

// unexpanded is the outcome of an address, or of a member of its expansion, that
// package aliases has an error for.
func unexpanded(err error) error {
	var e *aliases.Error
	if !errors.As(err, &e) {
		return err
	}
	status := ipc.Deferred
	if e.Class == 5 {
		status = ipc.Bounced
	}
	return &outcome{status, e.Detail.Code(e.Class), e.Text, e.Err}
}

// failures tells what a failed write to a mailbox means. Everything else is
// deferred with the system's own word for it.
var failures = []struct {
	err  error
	d    smtp.Detail
	text string
}{
	{maildir.ErrContent, smtp.LocalProcessing, "the message could not be read from the queue"},
	{maildir.ErrNoBase, smtp.Detail{Subject: 2}, "the directory that the mailbox is below does not exist"},
	{maildir.ErrOwner, smtp.Detail{Subject: 2}, "the mailbox belongs to another user"},
	{mbox.ErrContent, smtp.LocalProcessing, "the message could not be read from the queue"},
	{mbox.ErrOwner, smtp.Detail{Subject: 2}, "the mailbox belongs to another user"},
	{mbox.ErrLocked, smtp.Detail{Subject: 2}, "the mailbox is locked by another program"},
	{mbox.ErrIrregular, smtp.Detail{Subject: 2}, "the mailbox is not a regular file"},
	{mbox.ErrLinks, smtp.Detail{Subject: 2}, "the mailbox has several names, or is a link that somebody else has made"},
	{mbox.ErrExecutable, smtp.Detail{Subject: 2}, "the file is a program"},
	{mbox.ErrNoReader, smtp.Detail{Subject: 2}, mbox.ErrNoReader.Error()},
	{mbox.ErrSlowReader, smtp.Detail{Subject: 2}, mbox.ErrSlowReader.Error()},
	{errNotRoot, smtp.Detail{Subject: 2}, errNotRoot.Error()},
	{syscall.EDQUOT, smtp.MailboxFull, "mailbox is full: disk quota exceeded"},
	{syscall.EFBIG, smtp.MailboxFull, "mailbox is full: file too large"},
	{syscall.ENOSPC, smtp.SystemFull, "no space left on the device of the mailbox"},
	{syscall.EMFILE, smtp.LocalProcessing, "too many open files"},
	{syscall.ENFILE, smtp.LocalProcessing, "too many open files in the system"},
	{syscall.EACCES, smtp.Detail{Subject: 2}, "cannot write to the mailbox: permission denied"},
	{fs.ErrPermission, smtp.Detail{Subject: 2}, "cannot write to the mailbox: operation not permitted"},
}

// mailboxFailure is the outcome of a mailbox that could not be written.
func mailboxFailure(err error) error {
	if errors.Is(err, mbox.ErrFull) {
		return &outcome{ipc.Bounced, smtp.MailboxFull.Code(5), "mailbox is full: it would be larger than its limit", err}
	}
	for _, f := range failures {
		if errors.Is(err, f.err) {
			return deferred(f.d, err, "%s", f.text)
		}
	}
	return deferred(smtp.Detail{Subject: 2}, err, "cannot write to the mailbox: %s", cause(err))
}

// cause is the innermost reason of a failed file operation, without the path.
func cause(err error) string {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err.Error()
	case errors.As(err, &link):
		return link.Err.Error()
	}
	return "input/output error"
}
