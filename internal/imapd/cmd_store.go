package imapd

import (
	"context"
	"errors"
	"strings"

	"yubin/internal/imap"
	"yubin/internal/mailbox"
)

// store is STORE (RFC 9051, 6.4.6).
func (v *visit) store(context.Context) (reply, error) {
	v.d.SP()
	arg := v.d.Store()
	v.d.End()
	if arg.UnchangedSince != nil {
		v.d.Fail("Unknown STORE modifier")
	}
	if err := v.d.Err(); err != nil {
		return reply{}, err
	}
	b := v.box
	if b.readOnly {
		return reply{}, no("READ-ONLY", "Mailbox is read-only.")
	}
	numbers, err := v.numbers(arg.Set)
	if err != nil {
		return reply{}, err
	}
	c, err := change(arg.Op, arg.Flags)
	if err != nil {
		return reply{}, err
	}
	uids := b.uids(numbers, nil)
	if _, err := b.view.Store(uids, c); err != nil {
		return reply{}, v.failed("store in "+b.name, err)
	}
	if _, err := b.view.Refresh(); err != nil && !errors.Is(err, mailbox.ErrNoFolder) {
		return reply{}, v.failed("store in "+b.name, err)
	}
	add, drop := letters(b, c.AddKeywords), letters(b, c.DropKeywords)
	gone := false
	err = each(numbers, func(i int) error {
		k, ok := b.at(i)
		if !ok {
			gone = true
			return nil
		}
		m, before := b.view.Snapshot().Message(k), b.known(i)
		if c.Add&mailbox.Trashed != 0 && before.Flags&mailbox.Trashed == 0 {
			v.deleted++
		}
		if arg.Silent {
			b.tell(expected(before, c, add, drop))
			return nil
		}
		b.tell(m)
		return v.sayFetchFlags(i, m, v.cmd.uid || v.rev2)
	})
	if err == nil && gone && !v.cmd.uid {
		return reply{}, v.failed("", mailbox.ErrGone)
	}
	return reply{}, err
}

// expected is what a client makes of a silent change by itself.
func expected(m mailbox.Message, c mailbox.FlagChange, add, drop mailbox.Keywords) mailbox.Message {
	if c.Replace {
		m.Flags, m.Keywords = 0, 0
	}
	m.Flags = m.Flags&^c.Remove | c.Add
	m.Keywords = m.Keywords&^drop | add
	return m
}

// letters are those that keywords have.
func letters(b *box, words []string) (set mailbox.Keywords) {
	s := b.view.Snapshot()
	for _, w := range words {
		for k := range maxKeywords {
			if strings.EqualFold(s.Keyword(k), w) {
				set |= 1 << k
				break
			}
		}
	}
	return set
}

// uids are the UIDs of messages, of those that have a flag where one is asked
// for.
func (b *box) uids(numbers []imap.Range, has func(mailbox.Message) bool) (uids []uint32) {
	each(numbers, func(i int) error {
		if m := b.message(i); has == nil || has(m) {
			uids = append(uids, m.UID)
		}
		return nil
	})
	return uids
}

// expunge is EXPUNGE and UID EXPUNGE (RFC 9051, 6.4.3 and 6.4.9).
func (v *visit) expunge(context.Context) (reply, error) {
	var set *imap.Set
	if v.cmd.uid {
		v.d.SP()
		s := v.d.Set()
		set = &s
	}
	if err := v.only(); err != nil {
		return reply{}, err
	}
	if v.box.readOnly {
		return reply{}, no("READ-ONLY", "Mailbox is read-only.")
	}
	return v.removeMarked(set)
}

// removeMarked removes what is marked as deleted; nil is all of it.
func (v *visit) removeMarked(set *imap.Set) (reply, error) {
	b := v.box
	numbers := []imap.Range{{First: 1, Last: uint32(b.snap.Len())}}
	if set != nil {
		var err error
		if numbers, err = v.numbers(*set); err != nil {
			return reply{}, err
		}
	}
	if _, err := b.view.Refresh(); err != nil {
		return reply{}, v.failed("expunge "+b.name, err)
	}
	uids := b.uids(numbers, func(m mailbox.Message) bool { return m.Flags&mailbox.Trashed != 0 })
	gone, err := b.view.Expunge(uids)
	v.expunged += len(gone)
	if err != nil {
		return reply{}, v.failed("expunge "+b.name, err)
	}
	return reply{}, nil
}
