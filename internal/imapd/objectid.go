package imapd

import (
	"errors"
	"fmt"
	"time"

	"yubin/internal/imap"
	"yubin/internal/mailbox"
)

// modSeqItem is MODSEQ (RFC 7162, 3.1.4.2).
func (f *fetched) modSeqItem(*imap.FetchItem) error {
	mod := f.view.Snapshot().ModSeq(f.k)
	f.box.heard = max(f.box.heard, mod)
	f.b = append(appendNumber(append(f.b, "MODSEQ ("...), mod), ')')
	return nil
}

// saveDate is SAVEDATE (RFC 8514), which every mailbox has.
func (f *fetched) saveDate(*imap.FetchItem) error {
	t, err := f.view.Saved(f.k)
	f.b = append(t.AppendFormat(append(f.b, `SAVEDATE "`...), imap.DateTime), '"')
	return err
}

// emailID is EMAILID (RFC 8474, 5.1).
func (f *fetched) emailID(*imap.FetchItem) error {
	f.b = fmt.Appendf(f.b, "EMAILID (%s)", f.view.Snapshot().MessageID(f.k))
	return nil
}

// threadID is THREADID. Threads have no identity of their own here, and then it
// is NIL for every message (RFC 8474, 5.2).
func (f *fetched) threadID(*imap.FetchItem) error {
	f.b = append(f.b, "THREADID NIL"...)
	return nil
}

// mailboxID is the response code MAILBOXID (RFC 8474, 4).
func mailboxID(s *mailbox.Snapshot) string { return "MAILBOXID (" + s.FolderID() + ")" }

// made is the answer to CREATE, with the identity of the new mailbox.
func (v *visit) made(name string) (reply, error) {
	view, err := v.tree.Open(name, mailbox.Peek)
	if err != nil {
		return reply{}, v.failed("create "+name, err)
	}
	defer view.Close()
	return reply{code: mailboxID(view.Snapshot())}, nil
}

// objectKeys are the search keys of RFC 7162, 8474 and 8514.
var objectKeys = map[imap.SearchOp]func(*candidate, *imap.SearchKey) bool{
	imap.SearchModSeq: func(c *candidate, k *imap.SearchKey) bool {
		if c.k < 0 {
			c.err = errors.Join(c.err, mailbox.ErrGone)
			return false
		}
		return c.view.Snapshot().ModSeq(c.k) >= k.Number
	},
	imap.SearchEmailID:  func(c *candidate, k *imap.SearchKey) bool { return c.box.snap.MessageID(c.i) == k.Text },
	imap.SearchThreadID: func(*candidate, *imap.SearchKey) bool { return false }, // no message has one

	imap.SearchSaveDateSupported: func(*candidate, *imap.SearchKey) bool { return true },
	imap.SearchSavedBefore:       func(c *candidate, k *imap.SearchKey) bool { return dayOf(c.saved()).Before(dayOf(k.Date)) },
	imap.SearchSavedOn:           func(c *candidate, k *imap.SearchKey) bool { return dayOf(c.saved()).Equal(dayOf(k.Date)) },
	imap.SearchSavedSince:        func(c *candidate, k *imap.SearchKey) bool { return !dayOf(c.saved()).Before(dayOf(k.Date)) },
}

// saved is when the message came into the mailbox.
func (c *candidate) saved() (t time.Time) {
	err := mailbox.ErrGone
	if c.k >= 0 {
		t, err = c.view.Saved(c.k)
	}
	c.err = errors.Join(c.err, err)
	return t
}
