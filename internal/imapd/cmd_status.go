package imapd

import (
	"context"
	"slices"

	"yubin/internal/imap"
	"yubin/internal/mailbox"
)

// status is STATUS (RFC 9051, 6.3.11).
func (v *visit) status(context.Context) (reply, error) {
	v.d.SP()
	sent := v.d.Mailbox()
	v.d.SP()
	items := v.d.StatusItems()
	v.d.End()
	v.checkStatus(items)
	if err := v.d.Err(); err != nil {
		return reply{}, err
	}
	name, err := v.name(sent)
	if err != nil {
		return reply{}, err
	}
	return reply{}, v.sayStatus(name, items)
}

// checkStatus refuses items of extensions that are not here.
func (v *visit) checkStatus(items []string) {
	for _, item := range items {
		if statusItems[item] == nil && item != imap.StatusMailboxID {
			v.d.Fail("Unknown STATUS item")
		}
	}
}

// sayStatus sends a STATUS response.
func (v *visit) sayStatus(name string, items []string) error {
	view, err := v.tree.Open(name, mailbox.Peek)
	if err != nil {
		return v.failed("status "+name, err)
	}
	defer view.Close()
	if slices.Contains(items, imap.StatusHighestModSeq) {
		v.condstore = true // RFC 7162, 3.1
		if _, err := view.TrackModSeqs(); err != nil {
			return v.failed("status "+name, err)
		}
	}
	return v.sayStatusOf(view, name, items)
}

// sayStatusOf sends a STATUS response of a mailbox that is open.
func (v *visit) sayStatusOf(view *mailbox.View, name string, items []string) error {
	b := append(v.appendName(append(v.out[:0], "* STATUS "...), name), " ("...)
	for i, item := range items {
		if i > 0 {
			b = append(b, ' ')
		}
		if item == imap.StatusMailboxID {
			b = append(b, mailboxID(view.Snapshot())...)
			continue
		}
		n, err := statusItems[item](v, view)
		if err != nil {
			return v.failed("status "+name, err)
		}
		b = appendNumber(append(append(b, item...), ' '), n)
	}
	b = append(b, ")\r\n"...)
	v.out = b
	_, err := v.Write(b)
	return err
}

// statusItems say what STATUS tells of a mailbox.
var statusItems = map[string]func(*visit, *mailbox.View) (uint64, error){
	imap.StatusMessages: func(_ *visit, w *mailbox.View) (uint64, error) { return uint64(w.Snapshot().Len()), nil },
	imap.StatusRecent:   func(_ *visit, w *mailbox.View) (uint64, error) { return uint64(w.Recents()), nil },
	imap.StatusUIDNext:  func(_ *visit, w *mailbox.View) (uint64, error) { return uint64(w.Snapshot().UIDNext()), nil },
	imap.StatusUIDValidity: func(_ *visit, w *mailbox.View) (uint64, error) {
		return uint64(w.Snapshot().UIDValidity()), nil
	},
	imap.StatusUnseen: func(_ *visit, w *mailbox.View) (uint64, error) {
		s := w.Snapshot()
		return uint64(s.Len()) - withFlag(s, mailbox.Seen), nil
	},
	imap.StatusDeleted: func(_ *visit, w *mailbox.View) (uint64, error) {
		return withFlag(w.Snapshot(), mailbox.Trashed), nil
	},
	imap.StatusSize: func(_ *visit, w *mailbox.View) (uint64, error) {
		list, err := w.AllOctets()
		total := uint64(0)
		for _, n := range list {
			total += uint64(max(n, 0))
		}
		return total, err
	},
	imap.StatusDeletedStorage: deletedStorage,
	imap.StatusHighestModSeq: func(_ *visit, w *mailbox.View) (uint64, error) {
		return w.Snapshot().HighestModSeq(), nil
	},
	imap.StatusAppendLimit: func(v *visit, _ *mailbox.View) (uint64, error) { return uint64(v.srv.appendLimit), nil },
}

func withFlag(s *mailbox.Snapshot, f mailbox.Flags) (n uint64) {
	for i := range s.Len() {
		if s.Message(i).Flags&f != 0 {
			n++
		}
	}
	return n
}
