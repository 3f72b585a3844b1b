package imapd

import (
	"sort"

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
	gone := common(s.VanishedSince(since), beyond(known, matched(s, q)))
	if err := v.sayEarlier(gone); err != nil {
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

// matched is the UID up to which the client's messages are all there: where it
// has the UID of a sequence number that has it still, none below can have gone
// (RFC 7162, 3.2.5.2). 0: that is not known.
func matched(s *mailbox.Snapshot, q *imap.QResync) (uid uint32) {
	// The two sets in step, as runs of numbers and UIDs that both rise by one.
	seqs, uids := q.SeqMatch, q.UIDMatch
	var seq, of imap.Range
	for {
		if seq.First == 0 {
			if len(seqs) == 0 {
				return uid
			}
			seq, seqs = rising(seqs[0]), seqs[1:]
		}
		if of.First == 0 {
			if len(uids) == 0 {
				return uid
			}
			of, uids = rising(uids[0]), uids[1:]
		}
		n := min(seq.Last-seq.First, of.Last-of.First)
		uid = max(uid, matchedRun(s, seq.First, of.First, n))
		seq, of = behind(seq, n), behind(of, n)
	}
}

func rising(r imap.Range) imap.Range {
	return imap.Range{First: min(r.First, r.Last), Last: max(r.First, r.Last)}
}

// behind is what a range has behind its first n+1 numbers; First is 0 for none.
func behind(r imap.Range, n uint32) imap.Range {
	if r.Last-r.First == n {
		return imap.Range{}
	}
	return imap.Range{First: r.First + n + 1, Last: r.Last}
}

// matchedRun is the last UID that fits of those from first on, n more, which the
// client had at the sequence numbers from seq on.
func matchedRun(s *mailbox.Snapshot, seq, first, n uint32) uint32 {
	if int64(seq) > int64(s.Len()) {
		return 0
	}
	// UIDs rise by one or more, so that behind one that is too high all are.
	uid := func(k int) int64 { return int64(s.Message(int(seq) - 1 + k).UID) }
	k := sort.Search(int(min(n, uint32(s.Len())-seq))+1, func(k int) bool { return uid(k) > int64(first)+int64(k) }) - 1
	if k < 0 || uid(k) != int64(first)+int64(k) {
		return 0
	}
	return first + uint32(k)
}

// beyond cuts what is not above uid off a resolved set.
func beyond(set []imap.Range, uid uint32) (list []imap.Range) {
	for _, r := range set {
		if r.Last > uid {
			list = append(list, imap.Range{First: max(r.First, uid+1), Last: r.Last})
		}
	}
	return list
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
