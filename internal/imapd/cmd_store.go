package imapd

import (
	"context"
	"errors"
	"slices"
	"strings"

	"yubin/internal/imap"
	"yubin/internal/mailbox"
)

// store is STORE (RFC 9051, 6.4.6; RFC 7162, 3.1.3).
func (v *visit) store(context.Context) (reply, error) {
	v.d.SP()
	arg := v.d.Store()
	v.d.End()
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
	modified, err := v.change(b.uids(numbers, nil), c, arg.UnchangedSince)
	if err != nil {
		return reply{}, v.failed("store in "+b.name, err)
	}
	if _, err := b.view.Refresh(); err != nil && !errors.Is(err, mailbox.ErrNoFolder) {
		return reply{}, v.failed("store in "+b.name, err)
	}
	v.sayKeywords(b.view.Snapshot())
	add, drop := letters(b, c.AddKeywords), letters(b, c.DropKeywords)
	gone := false
	var failed imap.Ranger
	err = each(numbers, func(i int) error {
		k, ok := b.at(i)
		if !ok {
			gone = true
			return nil
		}
		m, before := b.view.Snapshot().Message(k), b.known(i)
		if _, found := slices.BinarySearch(modified, m.UID); found {
			failed.Add(v.number(i))
			return nil
		}
		if c.Add&mailbox.Trashed != 0 && before.Flags&mailbox.Trashed == 0 {
			v.deleted++
		}
		// Of a mod-sequence the client must know the flags that belong to it.
		if own := expected(before, c, add, drop); arg.Silent && (!v.condstore || own == m) {
			b.tell(own, v.modSeq(i))
			return v.sayFetchModSeq(i, m.UID)
		}
		b.tell(m, v.modSeq(i))
		return v.sayFetchFlags(i, m, v.wantsUID())
	})
	r := reply{}
	if len(failed) > 0 {
		r = reply{code: "MODIFIED " + string(imap.AppendSet(nil, failed)), text: "Conditional Store failed."}
	}
	switch {
	case err != nil || !gone || v.cmd.uid:
		return r, err
	case r.code != "":
		return reply{}, no(r.code, "Some of the messages no longer exist.")
	}
	return reply{}, v.failed("", mailbox.ErrGone)
}

// change changes flags; with since of those only that have not changed since, and
// the others are returned.
func (v *visit) change(uids []uint32, c mailbox.FlagChange, since *uint64) (modified []uint32, err error) {
	if since == nil {
		_, err = v.box.view.Store(uids, c)
		return nil, err
	}
	v.condstore = true
	_, modified, err = v.box.view.StoreUnchanged(uids, c, *since)
	return modified, err
}

// sayFetchModSeq tells the new mod-sequence of the client's message i, whose
// flags it knows since it has set them (RFC 7162, 3.1.3).
func (v *visit) sayFetchModSeq(i int, uid uint32) error {
	if !v.condstore {
		return nil
	}
	b := appendFetch(v.out[:0], i)
	if v.wantsUID() {
		b = appendNumber(append(b, "UID "...), uint64(uid))
	}
	b = append(v.appendModSeq(b, i), ")\r\n"...)
	v.out = b
	_, err := v.Write(b)
	return err
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
