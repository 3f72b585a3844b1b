package imapd

import (
	"cmp"
	"fmt"
	"slices"

	"yubin/internal/imap"
	"yubin/internal/mailbox"
)

// modSeqIn is the mod-sequence of message i of a Snapshot for a client that
// wants them, else 0.
func (v *visit) modSeqIn(s *mailbox.Snapshot, i int) uint64 {
	if !v.condstore {
		return 0
	}
	return s.ModSeq(i)
}

// modSeq is that of the client's message i as it is now; 0: it is gone, too.
func (v *visit) modSeq(i int) uint64 {
	if k, ok := v.box.at(i); ok {
		return v.modSeqIn(v.box.view.Snapshot(), k)
	}
	return 0
}

// appendModSeq appends MODSEQ to a FETCH response, for a client that wants it.
func (v *visit) appendModSeq(b []byte, i int) []byte {
	mod := v.modSeq(i)
	if mod == 0 {
		return b
	}
	v.box.heard = max(v.box.heard, mod)
	if b[len(b)-1] != '(' {
		b = append(b, ' ')
	}
	return append(appendNumber(append(b, "MODSEQ ("...), mod), ')')
}

// withModSeq adds MODSEQ to the items of a FETCH that comes unasked.
func (v *visit) withModSeq(items []imap.FetchItem) []imap.FetchItem {
	if !v.condstore || slices.ContainsFunc(items, isModSeq) {
		return items
	}
	return append(slices.Clip(items), imap.FetchItem{Name: imap.FetchModSeq})
}

// inOrder sorts UIDs as what is told of them is told: by rising mod-sequences,
// so that whoever is cut off within has missed nothing below what he has heard.
func (v *visit) inOrder(uids []uint32, s *mailbox.Snapshot) {
	slices.Sort(uids)
	if !v.condstore {
		return
	}
	mod := func(uid uint32) uint64 {
		i, _ := s.Index(uid)
		return s.ModSeq(i)
	}
	slices.SortStableFunc(uids, func(a, b uint32) int { return cmp.Compare(mod(a), mod(b)) })
}

// highest is the response code for a client whose belief of what it knows needs
// to be set right; "" for others. A client believes to know everything up to the
// highest MODSEQ that it was told (RFC 7162, 6). That is too little when
// messages came or went, and too much while removals are held back, or when NOTIFY
// keeps flags from it.
func (v *visit) highest() string {
	if v.box == nil || !v.condstore {
		return ""
	}
	b := v.box
	if b.full == b.heard {
		return ""
	}
	b.heard = b.full
	return fmt.Sprintf("HIGHESTMODSEQ %d", b.full)
}

// sayHighest says it without the end of a command.
func (v *visit) sayHighest() error {
	if code := v.highest(); code != "" {
		return v.Printf("* OK [%s] Highest\r\n", code)
	}
	return nil
}

// changedSince are those of the client's messages that have a mod-sequence above
// since (RFC 7162, 3.1.4.1).
func (b *box) changedSince(numbers []imap.Range, since uint64) []imap.Range {
	now := b.view.Snapshot()
	var list imap.Ranger
	for _, k := range now.ChangedSince(since) {
		i, ok := k, true
		if now != b.snap {
			i, ok = b.snap.Index(now.Message(k).UID)
		}
		if n := uint32(i + 1); ok && imap.Contains(numbers, n) {
			list.Add(n)
		}
	}
	return list
}

// asksModSeq tells whether a search program has the key MODSEQ.
func asksModSeq(k *imap.SearchKey) bool {
	return k.Op == imap.SearchModSeq || slices.ContainsFunc(k.Kids, func(kid imap.SearchKey) bool { return asksModSeq(&kid) })
}

// highestOf is what SEARCH and SORT return for a program with MODSEQ: the highest
// of the messages that they return (RFC 7162, 3.1.5; RFC 4731, 3.2). 0: of none.
func (v *visit) highestOf(found []int, arg *imap.Search) (highest uint64) {
	if !asksModSeq(&arg.Key) {
		return 0
	}
	if r := arg.Return; r.Extended && !r.All && !r.Count && len(found) > 0 {
		first, last := found[0], found[len(found)-1]
		switch {
		case r.Min && r.Max:
			found = []int{first, last}
		case r.Min:
			found = []int{first}
		case r.Max:
			found = []int{last}
		}
	}
	for _, i := range found {
		highest = max(highest, v.modSeq(i))
	}
	return highest
}
