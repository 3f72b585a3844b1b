package imapd

import (
	"yubin/internal/imap"
	"yubin/internal/mailbox"
)

// resync brings a client up to date that was here before (RFC 7162, 3.2.5): what
// went, and what has other flags, of the UIDs that it knows.
func (v *visit) resync(q *imap.QResync) error {
	s := v.box.snap
	if q.UIDValidity != s.UIDValidity() {
		return nil // what it knows is of another mailbox
	}
	since := q.ModSeq
	if since > s.HighestModSeq() {
		since = 0 // it was never given: nothing is known of what the client has
	}
	known := []imap.Range{{First: 1, Last: s.UIDNext() - 1}}
	if q.Known != nil {
		known = imap.Resolve(q.Known, 0)
	}
	// What the client says of sequence numbers (3.2.5.2) is not used: a message that
	// another program has put back makes numbers fit where others are missing.
	if err := v.sayEarlier(common(s.VanishedSince(since), known)); err != nil {
		return err
	}
	for _, i := range s.ChangedSince(since) {
		m := s.Message(i)
		if !imap.Contains(known, m.UID) {
			continue
		}
		if err := v.sayFetchFlags(i, m, true); err != nil {
			return err
		}
	}
	return nil
}

// sayEarlier tells of messages that went before the client's numbers began.
func (v *visit) sayEarlier(gone []imap.Range) error {
	if len(gone) == 0 {
		return nil
	}
	return v.Printf("* VANISHED (EARLIER) %s\r\n", imap.AppendSet(nil, gone))
}

// vanished is the modifier of UID FETCH (RFC 7162, 3.2.6).
func (v *visit) vanished(arg *imap.Fetch) error {
	s := v.box.snap
	set := v.box.saved
	if !arg.Set.Saved {
		// "*" is the highest UID that the client may know, there or not.
		set = imap.Resolve(append([]imap.Range(nil), arg.Set.Ranges...), s.UIDNext()-1)
	}
	return v.sayEarlier(common(s.VanishedSince(arg.ChangedSince), set))
}

// common are the UIDs in both of two lists, which both rise.
func common(gone []mailbox.UIDRange, set []imap.Range) (list []imap.Range) {
	for len(gone) > 0 && len(set) > 0 {
		g, r := gone[0], set[0]
		if first, last := max(g.First, r.First), min(g.Last, r.Last); first <= last {
			list = append(list, imap.Range{First: first, Last: last})
		}
		if g.Last < r.Last {
			gone = gone[1:]
		} else {
			set = set[1:]
		}
	}
	return list
}
