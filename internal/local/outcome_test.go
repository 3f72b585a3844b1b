package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"yubin/internal/ipc"
	"yubin/internal/maildir"
	"yubin/internal/smtp"
)

// Whatever goes wrong with a mailbox puts mail off, in words and without paths.
func TestMailboxFailure(t *testing.T) {
	t.Parallel()
	at := func(err error) error { return &fs.PathError{Op: "create", Path: "/home/ann/secret", Err: err} }
	for _, c := range []struct {
		err  error
		want string
	}{
		{at(syscall.EDQUOT), "4.2.2 mailbox is full: disk quota exceeded"},
		{at(syscall.EFBIG), "4.2.2 mailbox is full: file too large"},
		{at(syscall.ENOSPC), "4.3.1 no space left on the device of the mailbox"},
		{at(syscall.EACCES), "4.2.0 cannot write to the mailbox: permission denied"},
		{at(syscall.EPERM), "4.2.0 cannot write to the mailbox: operation not permitted"},
		{at(syscall.EROFS), "4.2.0 cannot write to the mailbox: read-only file system"},
		{at(syscall.ENOTDIR), "4.2.0 cannot write to the mailbox: not a directory"},
		{&os.LinkError{Op: "rename", Old: "/home/ann/a", New: "/home/ann/b", Err: syscall.EIO}, "4.2.0 cannot write to the mailbox: input/output error"},
		{fmt.Errorf("open /home/ann: %w", maildir.ErrNoBase), "4.2.0 the directory that the mailbox is below does not exist"},
		{fmt.Errorf("%w: %w", maildir.ErrContent, at(syscall.EIO)), "4.3.0 the message could not be read from the queue"},
		{maildir.ErrOwner, "4.2.0 the mailbox belongs to another user"},
		{errNotRoot, "4.2.0 delivery as another user needs root, and this system runs without"},
		{at(syscall.EMFILE), "4.3.0 too many open files"},
	} {
		got := brief(result(relayLocal, &ipc.Recipient{}, mailboxFailure(c.err)))
		if got != "deferred "+c.want {
			t.Errorf("%v: %s, want deferred %s", c.err, got, c.want)
		}
	}
}

// An error that nobody thought of is temporary and says nothing.
func TestUnknownError(t *testing.T) {
	t.Parallel()
	r := result(relayVirtual, &ipc.Recipient{Index: 4}, errors.New("/etc/secret"))
	if brief(r) != "deferred 4.3.0 local error in processing" || r.Index != 4 || r.Relay != "virtual" {
		t.Errorf("%+v", r)
	}
}

// A text is one line, and not longer than a reply can carry.
func TestText(t *testing.T) {
	t.Parallel()
	r := result(relayLocal, &ipc.Recipient{}, bounced(smtp.BadMailbox, "unknown user: %q\n<b>\x1b", strings.Repeat("é<", 500)))
	if len(r.Text) > maxText || !utf8.ValidString(r.Text) || strings.ContainsAny(r.Text, "\n\x1b") {
		t.Errorf("%d octets: %q", len(r.Text), r.Text)
	}
}
