package pop3d

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"yubin/internal/ipc"
	"yubin/internal/mailbox"
)

// An inbox is a maildrop in a Maildir.
type inbox struct {
	tree   *mailbox.Tree
	lock   *mailbox.SessionLock // nil: shared
	view   *mailbox.View
	stop   chan struct{} // ends touching the lock
	order  []int         // the snapshot's index of each message
	list   []message
	marked bool // RETR marks messages as seen
}

// How the POP3 lock is kept: others wait for it, and it shows that its session
// lives.
const (
	lockWait  = 5 * time.Second
	lockTouch = time.Minute
)

// An opener opens the mailboxes of a process.
type opener struct {
	store *mailbox.Store
	uidl  uidlFormat
	lock  bool // pop3d_lock_session
	seen  bool // RETR marks messages
}

// open opens a user's INBOX.
func (o *opener) open(a *ipc.Account) (maildrop, error) {
	tree, err := o.store.Tree(a)
	if err != nil {
		return nil, err
	}
	b := &inbox{tree: tree, marked: o.seen, stop: make(chan struct{})}
	if err := b.fill(o); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// fill takes the lock and opens the mailbox.
func (b *inbox) fill(o *opener) (err error) {
	if o.lock {
		if b.lock, err = b.tree.LockPOP3(lockWait); err != nil {
			if errors.Is(err, mailbox.ErrInUse) {
				return errInUse
			}
			return err
		}
		go b.keep(b.lock)
	}
	if b.view, err = b.tree.Open("INBOX", mailbox.ReadWrite); err != nil {
		return err
	}
	return b.number(o)
}

// number numbers the messages.
func (b *inbox) number(o *opener) error {
	sizes, err := b.view.AllOctets()
	if err != nil {
		return err
	}
	s := b.view.Snapshot()
	// One that went before its size was known was never there.
	b.order = slices.DeleteFunc(sequence(s), func(at int) bool { return sizes[at] < 0 })
	b.list = make([]message, len(b.order))
	for i, at := range b.order {
		b.list[i] = message{sizes[at], o.name(s, at)}
	}
	return nil
}

// sequence is the order of messages: that which another server had, where the
// uidlist keeps it, and then by UID.
func sequence(s *mailbox.Snapshot) []int {
	order := make([]int, s.Len())
	kept := false
	for i := range order {
		order[i] = i
		kept = kept || s.Order(i) != 0
	}
	if kept {
		slices.SortStableFunc(order, func(a, b int) int {
			return cmp.Compare(s.Order(a)-1, s.Order(b)-1) // 0, none, becomes the last
		})
	}
	return order
}

// name is a message's UIDL.
func (o *opener) name(s *mailbox.Snapshot, i int) string {
	if kept := s.UIDL(i); kept != "" {
		return kept
	}
	return o.uidl.of(&facts{uid: s.Message(i).UID, validity: s.UIDValidity(), file: s.Base(i), guid: s.GUID(i)})
}

// keep shows that the session lives.
func (b *inbox) keep(l *mailbox.SessionLock) {
	t := time.NewTicker(lockTouch)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			l.Touch()
		case <-b.stop:
			return
		}
	}
}

func (b *inbox) messages() []message { return b.list }

func (b *inbox) open(i int) (io.ReadCloser, int64, error) {
	c, err := b.view.Content(b.order[i])
	if errors.Is(err, mailbox.ErrGone) {
		return nil, 0, errGone
	}
	if err != nil {
		return nil, 0, err
	}
	n, err := c.Octets()
	if err != nil {
		c.Close()
		return nil, 0, err
	}
	return c, n, nil
}

// remove removes messages. They may be back after a power failure, as with
// Dovecot.
func (b *inbox) remove(list []int) error {
	if len(list) == 0 {
		return nil
	}
	gone, err := b.view.Expunge(b.uids(list))
	if err == nil && len(gone) < len(list) {
		err = fmt.Errorf("%d of %d messages were not removed: another program has renumbered the mailbox", len(list)-len(gone), len(list))
	}
	return err
}

// mark marks messages as seen.
func (b *inbox) mark(list []int) error {
	if !b.marked || len(list) == 0 {
		return nil
	}
	_, err := b.view.Store(b.uids(list), mailbox.FlagChange{Add: mailbox.Seen})
	return err
}

func (b *inbox) uids(list []int) (uids []uint32) {
	s := b.view.Snapshot()
	for _, i := range list {
		uids = append(uids, s.Message(b.order[i]).UID)
	}
	return uids
}

func (b *inbox) close() {
	close(b.stop)
	if b.view != nil {
		b.view.Close()
	}
	if b.lock != nil {
		b.lock.Release()
	}
	b.tree.Close()
}
