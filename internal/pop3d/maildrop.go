package pop3d

import (
	"errors"
	"io"
)

// A maildrop is a mailbox for the time of a session: its messages are numbered
// from 0, and stay so.
type maildrop interface {
	messages() []message
	// open returns a message with CR LF line ends, and its octets; errGone: it is
	// no longer there.
	open(i int) (text io.ReadCloser, octets int64, err error)
	// remove removes messages; after an error some may be left.
	remove(list []int) error
	// mark marks messages that were retrieved.
	mark(list []int) error
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
