package pop3d

import (
	"errors"
	"io"
)

// A maildrop is a mailbox for the time of a session: its messages are numbered
// from 0, and stay so.
type maildrop interface {
	messages() []message
	// open returns a message with CR LF line ends; errGone: it is no longer there.
	open(i int) (io.ReadCloser, error)
	// update removes and marks messages.
	update(remove, seen []int) error
	close()
}

// A message is what STAT, LIST and UIDL tell.
type message struct {
	octets int64
	uidl   string
}

var (
	errGone  = errors.New("the message is no longer there")
	errInUse = errors.New("mailbox is locked by another POP3 session")
)
