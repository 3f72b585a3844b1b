package mailbox

import (
	"slices"
	"testing"
)

// Any records, also those with a checksum that is right, are refused or leave a
// log in which no number is above HIGHESTMODSEQ, and no UID is not below
// UIDNEXT; numbers that rise from there are written so that they are read again.
func FuzzModFile(f *testing.F) {
	w := &modWriter{}
	s := &Snapshot{chunks: []chunk{{{uid: 1}, {uid: 3, fl: Seen, kw: 2}}}, validity: 7, next: 9, keywords: []string{"a", "", "b"},
		mods: &mods{chunks: [][]uint64{{5, 6}}, highest: 8, floor: 2, gone: []goneRange{{UIDRange{2, 2}, 7}, {UIDRange{4, 8}, 8}}}}
	s.number()
	w.state(s, 9)
	w.use("boot", 100)
	w.change(&modChanges{recs: []modRec{{uid: 3, state: 1}}, gone: []UIDRange{{1, 1}}}, 9, 10)
	w.record(modWords, func(e *encoder) { e.words([]string{"x"}) })
	w.record(modEnd, func(*encoder) {})
	f.Add([]byte(w.encoder))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		whole := &modLog{snap: &Snapshot{mods: &mods{}}}
		whole.read(data, 0)
		m := &modLog{snap: &Snapshot{mods: &mods{}}}
		for d := (decoder{b: data}); len(d.b) > 0; { // without the checksums
			n, _ := d.u32(), d.u32()
			body := d.bytes(uint64(n))
			if d.bad || n == 0 || !m.apply(body) {
				return
			}
		}
		if m.validity == 0 {
			return
		}
		for _, r := range m.base {
			r, ok := m.recorded(r.uid)
			if ok && (r.mod == 0 || r.mod > m.highest || r.uid >= m.next) {
				t.Fatalf("recorded %+v, HIGHESTMODSEQ %d, UIDNEXT %d", r, m.highest, m.next)
			}
		}
		for _, g := range m.gone {
			if g.mod > m.highest || g.First > g.Last || g.Last >= m.next {
				t.Fatalf("gone %+v, HIGHESTMODSEQ %d, UIDNEXT %d", g, m.highest, m.next)
			}
		}
		if max(m.highest, m.reserved) >= maxModSeq {
			return
		}
		sum := uint32(5)
		w := &modWriter{sum: sum}
		mod := max(m.highest, m.reserved) + 1
		w.use("b", mod)
		w.change(&modChanges{recs: []modRec{{uid: 1, state: 3}}}, mod, max(m.next, 2))
		sum, ok := m.read(w.encoder, sum)
		if r, there := m.recorded(1); !ok || sum != w.sum || !there || r.mod != mod || r.state != 3 || m.highest != mod {
			t.Fatalf("written anew: %t, %+v, HIGHESTMODSEQ %d, want %d", ok, r, m.highest, mod)
		}
	})
}

// Ranges are sorted and do not touch, and without takes out what there is.
func FuzzRanges(f *testing.F) {
	f.Add([]byte{3, 9, 4, 20, 1, 2}, []byte{1, 5, 9})
	f.Fuzz(func(t *testing.T, ends, there []byte) {
		var list []UIDRange
		in := map[uint32]bool{}
		for i := 0; i+1 < len(ends); i += 2 {
			r := UIDRange{uint32(min(ends[i], ends[i+1])) + 1, uint32(max(ends[i], ends[i+1])) + 1}
			list = append(list, r)
			for uid := r.First; uid <= r.Last; uid++ {
				in[uid] = true
			}
		}
		slices.Sort(there)
		var recs chunk
		for _, uid := range slices.Compact(there) {
			recs = append(recs, rec{uid: uint32(uid) + 1})
			delete(in, uint32(uid)+1)
		}
		s := &Snapshot{next: 300}
		if len(recs) > 0 {
			s.chunks = []chunk{recs}
		}
		s.number()
		last := uint32(0)
		for _, r := range s.without(join(list)) {
			if r.First <= last || r.First > r.Last {
				t.Fatalf("%d behind %d", r, last)
			}
			last = r.Last
			for uid := r.First; uid <= r.Last; uid++ {
				if !in[uid] {
					t.Fatalf("%d is not one of them", uid)
				}
				delete(in, uid)
			}
		}
		if len(in) > 0 {
			t.Fatalf("%v are missing", in)
		}
	})
}

// recorded returns what is recorded of a UID.
func (m *modLog) recorded(uid uint32) (r modRec, ok bool) {
	at := 0
	if m.base != nil {
		at, _ = slices.BinarySearchFunc(m.base, uid, compareUID)
	}
	return m.recordedAt(uid, &at)
}
