package mailbox

import "slices"

// maxGone is how many ranges of removed UIDs a folder remembers; of two halves
// the older one is forgotten when there are more.
const maxGone = 16 << 10

// mods are a Snapshot's mod-sequences (RFC 7162, 3.1).
type mods struct {
	chunks  [][]uint64 // beside the Snapshot's
	highest uint64
	floor   uint64
	gone    []goneRange // in the order of their mod-sequences
}

// HighestModSeq is at least the mod-sequence of every change that led to the
// Snapshot, and below that of every later one. 0: none are kept, since nobody
// has called TrackModSeqs.
func (s *Snapshot) HighestModSeq() uint64 {
	if s.mods == nil {
		return 0
	}
	return s.mods.highest
}

// ModSeq returns the mod-sequence of message i, 0 if none are kept.
func (s *Snapshot) ModSeq(i int) uint64 {
	if s.mods == nil {
		return 0
	}
	c, k := s.place(i)
	return s.mods.chunks[c][k]
}

// ChangedSince returns the indices of the messages whose mod-sequence is above
// since (RFC 7162, 3.1.4.1: CHANGEDSINCE).
func (s *Snapshot) ChangedSince(since uint64) []int {
	if s.mods == nil || since >= s.mods.highest {
		return nil
	}
	var list []int
	for c, in := range s.mods.chunks {
		for k, mod := range in {
			if mod > since {
				list = append(list, s.first[c]+k)
			}
		}
	}
	return list
}

// VanishedSince returns UIDs that are not in the Snapshot, in rising order: all of those
// that were removed since HighestModSeq was since, or never shown. Where the memory does not
// go back so far that is every UID below UIDNEXT that has no message (RFC 7162,
// 3.2.5.2, leaves that to the server).
func (s *Snapshot) VanishedSince(since uint64) []UIDRange {
	if s.mods == nil || since < s.mods.floor {
		return s.without([]UIDRange{{1, s.next - 1}})
	}
	from, _ := slices.BinarySearchFunc(s.mods.gone, since+1, func(g goneRange, mod uint64) int {
		if g.mod < mod {
			return -1
		}
		return 1
	})
	var list []UIDRange
	for _, g := range s.mods.gone[from:] {
		list = append(list, g.UIDRange)
	}
	return s.without(join(list))
}

// without takes the UIDs of messages out of ranges.
func (s *Snapshot) without(list []UIDRange) []UIDRange {
	var left []UIDRange
	for _, r := range list {
		first := r.First
		for i, _ := s.Index(r.First); i < s.n; i++ {
			uid := s.at(i).uid
			if uid > r.Last {
				break
			}
			if uid > first {
				left = append(left, UIDRange{first, uid - 1})
			}
			first = uid + 1
		}
		if first <= r.Last && first != 0 {
			left = append(left, UIDRange{first, r.Last})
		}
	}
	return left
}

// modOnly returns the UIDs of messages that have another mod-sequence, flags
// and keywords being the same.
func modOnly(old, now *Snapshot) []uint32 {
	if old.mods == nil || now.mods == nil || old.mods == now.mods {
		return nil
	}
	var list []uint32
	a, b := cursor{chunks: old.chunks, mods: old.mods.chunks}, cursor{chunks: now.chunks, mods: now.mods.chunks}
	for a.more() && b.more() {
		if a.i == 0 && b.i == 0 && &a.mods[0][0] == &b.mods[0][0] && a.skipShared(&b) {
			continue
		}
		switch x, y := a.rec(), b.rec(); {
		case x.uid < y.uid:
			a.next()
		case y.uid < x.uid:
			b.next()
		default:
			if a.mods[0][a.i] != b.mods[0][b.i] && stateOf(x) == stateOf(y) {
				list = append(list, y.uid)
			}
			a.next()
			b.next()
		}
	}
	return list
}
